# SPDX-License-Identifier: Apache-2.0
"""Searching: the index read-only, what a query finds in it, page by page or all of it.

Rules:

1. A `Found` is made at one instant: total, facets and pages speak of the same records.
2. Pages go by index, so records that arrive later move nothing; a cursor is the last index shown.
3. How far the index has come stands in every answer. What is not indexed yet is told, not hidden.
4. Blind indices do not leave this room: a row shows a holder by its mask.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Final, Self, final

import msgspec

from gateway.audit.index.bits import Bits, count_of, cut, indices_of
from gateway.audit.index.facets import Facet, count_facet
from gateway.audit.index.query import Query, select
from gateway.audit.index.schema import DATABASE, MANY_VALUED, NAMES, SCHEMA_VERSION
from gateway.audit.store.reader import sqlite_error
from gateway.errors import AuditError, SetupError
from gateway.model.instant import format_time_ms

_BUSY_S: Final = 5.0
_BATCH_COUNT: Final = 500
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: Columns that are shown, by the names under which they are.
SHOWN: Final = tuple(name for name in NAMES if name not in {"ix", "epoch", "scheme"})
_SELECT: Final = f"SELECT {', '.join(SHOWN)} FROM records"  # noqa: S608 -- our own columns
_END: Final = 1 << 62

Shown = dict[str, str | int | list[str] | None]


class Found(msgspec.Struct, frozen=True):
    """What a query selects.

    Attributes:
        bits: the set.
        total: how many records, exactly.
        indexed: how many records the index had; all of them were searched.
        facets: as asked for.
        first_ms: earliest time in the index, None when it is empty.
        last_ms: latest.
    """

    bits: Bits
    total: int
    indexed: int
    facets: tuple[Facet, ...]
    first_ms: int | None
    last_ms: int | None

    def indices(self, *, newest_first: bool = True, after: int | None = None) -> Iterator[int]:
        """Indices in that order, behind the index `after`."""
        return indices_of(self._behind(newest_first, after), newest_first=newest_first)

    def page(self, count: int, *, newest_first: bool = True, after: int | None = None) -> list[int]:
        """The next so many of `indices`, at most."""
        return list(islice(self.indices(newest_first=newest_first, after=after), count))

    def left(self, *, newest_first: bool = True, after: int) -> int:
        """How many records come behind the index `after`."""
        return count_of(self._behind(newest_first, after))

    def _behind(self, newest_first: bool, after: int | None) -> Bits:  # noqa: FBT001 -- the same word
        if after is None:
            return self.bits
        return cut(self.bits, 0, after) if newest_first else cut(self.bits, after + 1, _END)


@final
class IndexReader:
    """Reads one index. Not for use by several threads at once."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection: Final = connection

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open the index in that folder.

        Raises:
            SetupError: there is none, or one of another version.
            AuditError: it cannot be read.
        """
        path = folder / DATABASE
        if not path.exists():
            raise _missing(folder, "there is no search index")
        try:
            uri = f"{path.resolve().as_uri()}?mode=ro"
            connection = sqlite3.connect(uri, uri=True, timeout=_BUSY_S, isolation_level=None)
            row = connection.execute("SELECT schema FROM position").fetchone()
        except sqlite3.Error as error:
            raise _unreadable(error) from None
        if row != (SCHEMA_VERSION,):
            connection.close()
            raise _missing(folder, "the search index is of another version")
        return cls(connection)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def size(self) -> int:
        """How many records are indexed."""
        try:
            return int(self._connection.execute("SELECT size FROM position").fetchone()[0])
        except sqlite3.Error as error:
            raise _unreadable(error) from None

    def search(self, query: Query, facets: Iterable[str] = ()) -> Found:
        """Find what a query selects.

        Raises:
            AuditError: the index cannot be read.
        """
        connection = self._connection
        try:
            connection.execute("BEGIN")
            try:
                bits = select(connection, query)
                first_ms, last_ms = connection.execute(
                    "SELECT min(first_ms), max(last_ms) FROM blocks"
                ).fetchone()
                return Found(
                    bits,
                    count_of(bits),
                    self.size(),
                    tuple(count_facet(connection, name, bits) for name in facets),
                    first_ms,
                    last_ms,
                )
            finally:
                connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise _unreadable(error) from None

    def rows(self, indices: Iterable[int]) -> Iterator[Shown]:
        """Those records as they are shown, in that order; few are held at a time.

        Raises:
            AuditError: the index cannot be read.
        """
        source = iter(indices)
        while wanted := list(islice(source, _BATCH_COUNT)):
            marks = ", ".join("?" * len(wanted))
            statement = f"{_SELECT} WHERE idx IN ({marks})"
            try:
                with closing(self._connection.execute(statement, wanted)) as cursor:
                    found = {row[0]: row for row in cursor}
            except sqlite3.Error as error:
                raise _unreadable(error) from None
            for index in wanted:
                yield _shown(found[index])

    def index_of(self, record_id: str) -> int | None:
        """The index of the record with that id; the newest, if there are several."""
        found = self.search(Query(terms={"id": (record_id.rstrip("*"),)})).page(1)
        return found[0] if found else None


def format_ms(time_ms: int) -> str:
    """RFC 3339 UTC with milliseconds."""
    return format_time_ms(_EPOCH + timedelta(milliseconds=time_ms))


def _shown(row: tuple[str | int | None, ...]) -> Shown:
    shown: Shown = {}
    for name, value in zip(SHOWN, row, strict=True):
        if name == "idx":
            shown["index"] = value
        elif name == "time_ms":
            assert isinstance(value, int)
            shown["time"] = format_ms(value)
        elif name in MANY_VALUED:
            shown[name] = str(value).split(" ") if value else []
        else:
            shown[_NAMES_SHOWN.get(name, name)] = value
    return shown


_NAMES_SHOWN: Final = {"case_id": "case", "grant_ref": "grant", "masked": "holder"}


def _missing(folder: Path, what: str) -> SetupError:
    return SetupError(what, where=str(folder), remedy="run `yizheng audit index build`.")


def _unreadable(error: sqlite3.Error) -> AuditError:
    return AuditError("AUDIT_UNAVAILABLE", sqlite_error(error, "reading the index").detail)
