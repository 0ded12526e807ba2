# SPDX-License-Identifier: Apache-2.0
"""Facets: how the records of a set spread over the values of a column, counted exactly."""

import sqlite3
from collections import Counter
from typing import Final

import msgspec

from gateway.audit.index.bits import BLOCK, Bits, BlockCount, full
from gateway.audit.index.query import FILTERS
from gateway.audit.index.schema import MARKED

SHOWN_COUNT: Final = 20
#: Filters that can be counted by.
FACETS: Final = tuple(name for name, column in FILTERS.items() if column in MARKED)


class Facet(msgspec.Struct, frozen=True):
    """One column.

    Attributes:
        counts: the most frequent values, with how many records have each; the most frequent first.
        value_count: how many values there are in all.
    """

    name: str
    counts: tuple[tuple[str, int], ...]
    value_count: int


def count_facet(connection: sqlite3.Connection, name: str, selected: Bits) -> Facet:
    """Count the records of a set by the values of a column.

    Args:
        name: of `FACETS`.

    Raises:
        sqlite3.Error: the index cannot be read.
    """
    column = MARKED.index(FILTERS[name])
    counts: Counter[str] = Counter()
    (size,) = connection.execute("SELECT size FROM position").fetchone()
    for block, bits in selected.items():
        existing = min(size - block * BLOCK, BLOCK)
        counter = BlockCount(bits, whole=bits == full(existing))
        for value, stored in connection.execute(
            'SELECT value, bits FROM marks WHERE "column" = ? AND block = ?', (column, block)
        ):
            if found := counter.count(stored):
                counts[value] += found
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return Facet(name, tuple(ordered[:SHOWN_COUNT]), len(ordered))
