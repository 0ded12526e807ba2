# SPDX-License-Identifier: Apache-2.0
"""What is searched for, and the exact set of records that it selects.

Rules:

1. Filters of different columns are joined by AND, several values of one column by OR.
2. A value that ends in `*` is a prefix. Nothing else in a value is special.
3. A holder is asked for by blind indices, one an epoch; the number never comes here.
4. The set is exact, whatever the filters; so are totals and facets made of it.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from gateway.audit.index.bits import (
    BLOCK,
    Bits,
    bits_of,
    count_of,
    cut,
    full,
    intersect,
    parse_union,
)
from gateway.audit.index.schema import MARKED

#: Filter → column. Each takes exact values and prefixes.
FILTERS: Final = {
    "kind": "kind",
    "id": "id",
    "agency": "agency",
    "keyid": "keyid",
    "operator": "operator",
    "terminal": "terminal",
    "division": "division",
    "item": "item",
    "case": "case_id",
    "purpose": "purpose",
    "epoch": "epoch",
    "scheme": "scheme",
    "certificate": "certificate",
    "operation": "operation",
    "requested": "fields_requested",
    "released": "fields_released",
    "grant": "grant_ref",
    "result": "result",
    "rule": "rule",
    "outcome": "outcome",
    "code": "code",
    "served_from": "served_from",
    "adapter": "adapter",
    "actor": "actor",
    "action": "action",
    "subject": "subject",
}
#: Sorts behind every text that begins like the one it is put after.
_LAST: Final = "\U0010ffff"

Values = Annotated[tuple[str, ...], Meta(min_length=1)]


class Span(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A range of whole numbers, both ends included; None is open."""

    least: int | None = None
    most: int | None = None


class Query(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True
):
    """Filters; an empty one selects every record.

    Attributes:
        terms: filter of `FILTERS` → its values.
        time_ms: milliseconds since 1970 UTC.
        index: indices in the log.
        adapter_ms: milliseconds that the department took.
        holder: blind indices of one holder, 32 bytes each.
    """

    terms: dict[str, Values] = {}
    time_ms: Span | None = None
    index: Span | None = None
    adapter_ms: Span | None = None
    holder: tuple[bytes, ...] | None = None


def select(connection: sqlite3.Connection, query: Query) -> Bits:
    """The records that a query selects.

    Args:
        connection: to the index, inside a transaction that lasts as long as the set is used.

    Raises:
        KeyError: a filter that there is not.
        sqlite3.Error: the index cannot be read.
    """
    found = whole(connection)
    if query.index is not None:
        least, most = query.index.least, query.index.most
        end = max(found, default=0) + 1
        found = cut(found, least or 0, end * BLOCK if most is None else most + 1)
    if query.time_ms is not None:
        found = intersect(found, _in_time(connection, query.time_ms, found))
    if query.holder is not None:
        held = _in_list(connection, "ix", query.holder)
        found = intersect(found, held)
    for name, values in sorted(query.terms.items()):
        if not found:
            break
        found = intersect(found, _of_values(connection, FILTERS[name], values, found))
    if query.adapter_ms is not None and found:
        found = intersect(found, _in_span(connection, "adapter_ms", query.adapter_ms))
    return found


def whole(connection: sqlite3.Connection) -> Bits:
    """Every record that is indexed."""
    (size,) = connection.execute("SELECT size FROM position").fetchone()
    blocks, rest = divmod(size, BLOCK)
    found = dict.fromkeys(range(blocks), full(BLOCK))
    return found | {blocks: full(rest)} if rest else found


def _of_values(
    connection: sqlite3.Connection, column: str, values: tuple[str, ...], within: Bits
) -> Bits:
    exact = tuple(value for value in values if not value.endswith("*"))
    prefixes = [value[:-1] for value in values if value.endswith("*")]
    if column not in MARKED:
        found = _in_list(connection, column, exact) if exact else {}
        for prefix in prefixes:
            found = _unite(found, _with_prefix(connection, column, prefix))
        return found
    stored: dict[int, list[bytes]] = defaultdict(list)
    for block, bits in _marks(connection, MARKED.index(column), exact, prefixes, within):
        stored[block].append(bits)
    return {block: parse_union(parts) for block, parts in stored.items()}


def _marks(
    connection: sqlite3.Connection,
    number: int,
    exact: tuple[str, ...],
    prefixes: list[str],
    within: Bits,
) -> Iterator[tuple[int, bytes]]:
    """Bitmaps of those values in blocks that are still of interest."""
    asked = 'SELECT block, bits FROM marks WHERE "column" = ? AND '
    between = " AND block BETWEEN ? AND ?"
    ends = (min(within), max(within))
    for value in exact:
        yield from connection.execute(f"{asked}value = ?{between}", (number, value, *ends))
    for prefix in prefixes:
        yield from connection.execute(
            f"{asked}value >= ? AND value < ?{between}", (number, prefix, prefix + _LAST, *ends)
        )


def _in_time(connection: sqlite3.Connection, span: Span, within: Bits) -> Bits:
    """Most blocks lie wholly inside or outside; only the others are looked into."""
    least, most = _ends(span)
    found: Bits = {}
    for block, first_ms, last_ms in connection.execute(
        "SELECT block, first_ms, last_ms FROM blocks WHERE last_ms >= ? AND first_ms <= ?",
        (least, most),
    ).fetchall():
        if block not in within:
            continue
        if least <= first_ms and last_ms <= most:
            found[block] = within[block]
            continue
        start = block * BLOCK
        rows = connection.execute(
            "SELECT idx FROM records INDEXED BY by_time_ms"
            " WHERE time_ms >= ? AND time_ms <= ? AND idx >= ? AND idx < ?",
            (max(least, first_ms), min(most, last_ms), start, start + BLOCK),
        )
        found |= bits_of(row[0] for row in rows)
    return found


def _in_span(connection: sqlite3.Connection, column: str, span: Span) -> Bits:
    return _between(connection, column, *_ends(span))


def _in_list(
    connection: sqlite3.Connection, column: str, values: tuple[str, ...] | tuple[bytes, ...]
) -> Bits:
    return _indices(connection, f"{column} IN ({', '.join('?' * len(values))})", *values)


def _with_prefix(connection: sqlite3.Connection, column: str, prefix: str) -> Bits:
    return _between(connection, column, prefix, prefix + _LAST)


def _between(
    connection: sqlite3.Connection, column: str, least: str | int, most: str | int
) -> Bits:
    """Records in a range; where these are the most, the others are looked up instead."""
    everything = whole(connection)
    half = count_of(everything) // 2
    (count,) = connection.execute(
        f"SELECT count(*) FROM (SELECT 1 FROM records"  # noqa: S608 -- our own columns
        f" WHERE {column} >= ? AND {column} <= ? LIMIT ?)",
        (least, most, half + 1),
    ).fetchone()
    if count <= half:
        return _indices(connection, f"{column} >= ? AND {column} <= ?", least, most)
    others = _indices(connection, f"{column} < ?", least)
    for condition, values in ((f"{column} > ?", (most,)), (f"{column} IS NULL", ())):
        others = _unite(others, _indices(connection, condition, *values))
    return {
        block: left for block, bits in everything.items() if (left := bits & ~others.get(block, 0))
    }


def _indices(connection: sqlite3.Connection, condition: str, *values: str | bytes | int) -> Bits:
    statement = f"SELECT idx FROM records WHERE {condition}"  # noqa: S608 -- our own columns
    return bits_of(row[0] for row in connection.execute(statement, values))


def _unite(one: Bits, other: Bits) -> Bits:
    return one | {block: one.get(block, 0) | bits for block, bits in other.items()}


def _ends(span: Span) -> tuple[int, int]:
    return (
        -(1 << 62) if span.least is None else span.least,
        (1 << 62) if span.most is None else span.most,
    )
