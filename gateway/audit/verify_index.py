# SPDX-License-Identifier: Apache-2.0
"""Whether the search index says what the log says: every row and every bitmap is derived again.

Rules:

1. What is derived comes from the log alone (`gateway.audit.index.build`); the index is compared.
2. The index is behind or erased by design only: its position must be a size of the log, an epoch
   whose keys are there may not count as erased, for that would hide holders from a search, and of
   one whose keys are not there no blind index may be left.
3. The work is parted by blocks of records, so that processes can share it.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final, NoReturn, cast

import msgspec

from gateway.audit.index.bits import add_places, parse_bits
from gateway.audit.index.build import Row, Value, row_of
from gateway.audit.index.schema import DATABASE, MANY_VALUED, MARKED, NAMES
from gateway.audit.store.reader import LogReader, sqlite_error
from gateway.errors import AuditError, TrustError
from gateway.model.record import parse_record

BLOCK_COUNT: Final = 1 << 16
_EPOCH_AT: Final = NAMES.index("epoch")
_IX_AT: Final = NAMES.index("ix")
_TIME_AT: Final = NAMES.index("time_ms")
_MARKED_AT: Final = tuple(
    (number, NAMES.index(name), name in MANY_VALUED) for number, name in enumerate(MARKED)
)


class IndexPart(msgspec.Struct, frozen=True):
    """Blocks of the index that one process compares.

    Attributes:
        log: folder of the log.
        index: folder of the index.
        kept_epochs: those whose keys exist.
        first_block: of 65,536 records each.
        end_block: behind the last; None is up to the end, and that nothing is left over there.
    """

    log: Path
    index: Path
    kept_epochs: tuple[str, ...]
    first_block: int = 0
    end_block: int | None = None


def indexed_size(index: Path) -> int:
    """How many records the index has by its own word.

    Raises:
        AuditError: there is none, or it cannot be read.
    """
    with closing(_open(index)) as connection:
        return int(_one(connection, "SELECT size FROM position"))


def verify_index(part: IndexPart) -> int:
    """Compare a part of the index with the log.

    Returns:
        How many rows were compared.

    Raises:
        TrustError: PROOF_INVALID; names the first row or bitmap that is not what the log says.
        AuditError: the log or the index cannot be read.
    """
    with closing(_open(part.index)) as connection, closing(LogReader.open(part.log)) as reader:
        try:
            connection.execute("BEGIN")  # one instant, while the indexer goes on
            return _Comparison(connection, reader, part).run()
        except sqlite3.Error as error:
            raise sqlite_error(error, "reading the index") from None


def examine(part: IndexPart) -> int | tuple[str, str]:
    """`verify_index` for another process: an error comes back as its code and detail."""
    try:
        return verify_index(part)
    except (TrustError, AuditError) as error:
        return error.code, error.detail


class _Comparison:
    """One part, block by block."""

    def __init__(self, connection: sqlite3.Connection, reader: LogReader, part: IndexPart) -> None:
        self._connection: Final = connection
        self._part: Final = part
        self._size: Final = int(_one(connection, "SELECT size FROM position"))
        self._kept: Final = frozenset(part.kept_epochs)
        _check_hidden(connection, self._kept)
        self._start: Final = part.first_block * BLOCK_COUNT
        self._entries: Final = reader.entries(self._start)

    def run(self) -> int:
        """Compare all blocks; returns rows."""
        blocks = -(-self._size // BLOCK_COUNT)
        end_block = blocks if self._part.end_block is None else min(self._part.end_block, blocks)
        for block in range(self._part.first_block, end_block):
            self._compare(block)
        if self._part.end_block is None:
            self._check_left_over(blocks)
        return max(0, min(self._size, end_block * BLOCK_COUNT) - self._start)

    def _compare(self, block: int) -> None:
        first, end = block * BLOCK_COUNT, min((block + 1) * BLOCK_COUNT, self._size)
        stored = self._connection.execute(
            "SELECT * FROM records WHERE idx >= ? AND idx < ? ORDER BY idx", (first, end)
        )
        rows: list[Row] = []
        for index, derived in zip(range(first, end), self._derived(), strict=False):
            found = next(stored, None)
            if derived[0] != index or found != derived:
                _refuse_row(index, derived, found)
            rows.append(derived)
        if len(rows) != end - first:
            _refuse(f"row {first + len(rows)} of the index", "the log has no such entry")
        columns = list(zip(*rows, strict=True))
        self._compare_marks(block, columns)
        self._compare_times(block, columns[_TIME_AT])

    def _derived(self) -> Iterator[Row]:
        """Rows in the log's order; names an entry that is not in form (`verify_log` needs it)."""
        for index, line in self._entries:
            try:
                row = row_of(index, parse_record(line))
            except ValueError as error:
                _refuse(f"entry {index}", str(error))
            if row[_EPOCH_AT] not in self._kept:
                row = (*row[:_IX_AT], None, *row[_IX_AT + 1 :])
            yield row

    def _compare_marks(self, block: int, columns: Sequence[Sequence[Value]]) -> None:
        stored: dict[int, dict[str, bytes]] = defaultdict(dict)
        for column, value, bits in self._connection.execute(
            'SELECT "column", value, bits FROM marks WHERE block = ?', (block,)
        ):
            stored[column][value] = bits
        for number, at, is_many in _MARKED_AT:
            wanted = _places(columns[at], is_many=is_many)
            found = stored.pop(number, {})
            if found.keys() != wanted.keys() or any(
                parse_bits(bits) != parse_bits(add_places(b"", wanted[value]))
                for value, bits in found.items()
            ):
                name = f"bitmaps of {MARKED[number]} in block {block} of the index"
                _refuse(name, "not what the log says")
        if stored:
            _refuse(f"bitmaps in block {block} of the index", "of a column that is not there")

    def _compare_times(self, block: int, times: Sequence[Value]) -> None:
        span = self._connection.execute(
            "SELECT first_ms, last_ms FROM blocks WHERE block = ?", (block,)
        ).fetchone()
        if span != (min(times), max(times)):  # type: ignore[type-var] # a column of integers
            _refuse(f"times of block {block} of the index", "not what the log says")

    def _check_left_over(self, blocks: int) -> None:
        for table, key, end in (
            ("records", "idx", self._size),
            ("marks", "block", blocks),
            ("blocks", "block", blocks),
        ):
            over = _one(
                self._connection,
                f"SELECT count(*) FROM {table} WHERE {key} < 0 OR {key} >= {end}",  # noqa: S608 -- our words
            )
            if over:
                _refuse(f"{table} of the index", "more than the log has")


def _check_hidden(connection: sqlite3.Connection, kept: frozenset[str]) -> None:
    erased = (row[0] for row in connection.execute("SELECT epoch FROM erased"))
    for epoch in sorted(kept.intersection(erased)):
        _refuse("the index", f"hides holders of {epoch}, whose keys were not destroyed")


def _places(column: Sequence[Value], *, is_many: bool) -> dict[str, list[int]]:
    """Where in a block each value of a column stands."""
    places: dict[str, list[int]] = defaultdict(list)
    texts = cast("Sequence[str | None]", column)  # no other column is marked
    if is_many:
        for place, value in enumerate(texts):
            for one in dict.fromkeys(value.split(" ")) if value is not None else ():
                places[one].append(place)
    else:
        for place, value in enumerate(texts):
            if value is not None:
                places[value].append(place)
    return places


def _open(index: Path) -> sqlite3.Connection:
    try:
        uri = f"{(index / DATABASE).resolve().as_uri()}?mode=ro"
        return sqlite3.connect(uri, uri=True, isolation_level=None)
    except sqlite3.Error as error:
        raise sqlite_error(error, "opening the index") from None


def _one(connection: sqlite3.Connection, query: str) -> int:
    try:
        row = connection.execute(query).fetchone()
    except sqlite3.Error as error:
        raise sqlite_error(error, "reading the index") from None
    if row is None:
        raise AuditError("AUDIT_UNAVAILABLE", "the index has no position")
    return int(row[0])


def _refuse_row(index: int, derived: Row, found: Row | None) -> NoReturn:
    why = f"not what entry {index} says"
    if found is not None and derived[_IX_AT] is None and found[_IX_AT] is not None:
        why = f"keeps a blind index of {derived[_EPOCH_AT]!s}, whose keys are gone"
    _refuse(f"row {index} of the index", why)


def _refuse(what: str, why: str) -> NoReturn:
    raise TrustError("PROOF_INVALID", f"{what}: {why}")
