# SPDX-License-Identifier: Apache-2.0
"""The log as it rests, read-only: for the console, for proofs, for `verify`, and for opening it.

Every query is short and none leaves a cursor open: a reader that held a snapshot would keep the
writer from emptying its write-ahead log. What has been read stays true all the same, since rows are
only ever added; the one exception is a partial tile, which grows.

The last tile of level 0 is stored when it is full. Until then it is what its entries hash to.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final, Self, final

from gateway.errors import AuditError, TrustError
from gateway.tlog.merkle import HASH_BYTES, leaf_hash
from gateway.tlog.tile import TILE_BYTES, TILE_WIDTH, node_in_tile, tile_of_node

DATABASE: Final = "audit.sqlite3"
_BATCH_ROWS: Final = 1024
_BUSY_S: Final = 1.0
_ENTRIES_BETWEEN: Final = "SELECT idx, entry FROM entries WHERE idx >= ? AND idx < ? ORDER BY idx"
_SIZE_AND_TILE_COUNT: Final = """
    WITH log AS (SELECT coalesce(max(idx), -1) + 1 AS size FROM entries)
    SELECT size, (
        SELECT count(*) FROM tiles WHERE level != 0 OR n != size / 256 OR size % 256 = 0
    ) FROM log
"""


def sqlite_error(error: sqlite3.Error, doing: str) -> AuditError | TrustError:
    """Our error for SQLite's: damage is a matter of trust, anything else of availability."""
    name = getattr(error, "sqlite_errorname", None) or type(error).__name__
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return TrustError("PROOF_INVALID", f"{doing}: the file is damaged ({name})")
    if name.startswith("SQLITE_BUSY"):
        return AuditError("AUDIT_UNAVAILABLE", f"{doing}: another program holds the file ({name})")
    return AuditError("AUDIT_UNAVAILABLE", f"{doing}: {name}")


@final
class LogReader:
    """Reads one log. Not for use by several threads at once.

    Every method raises AuditError when the file cannot be read, and TrustError when it is damaged.
    """

    __slots__ = ("_begun", "_connection")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._begun = (0, b"")  # the tile of level 0 last derived, and as far as it was

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open the log of that folder, whether or not a sequencer is running.

        Raises:
            AuditError: there is none, or it cannot be read.
        """
        try:
            uri = f"{(folder / DATABASE).resolve().as_uri()}?mode=ro"
            connection = sqlite3.connect(uri, uri=True, timeout=_BUSY_S, isolation_level=None)
        except sqlite3.Error as error:
            raise sqlite_error(error, "opening the log") from None
        return cls(connection)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def size(self) -> int:
        """Number of entries, by the greatest index."""
        return int(self._one("SELECT coalesce(max(idx), -1) + 1 FROM entries")[0])

    def entry(self, index: int) -> bytes:
        """The bytes of one entry.

        Raises:
            TrustError: there is none of that index.
        """
        row = self._one("SELECT entry FROM entries WHERE idx = ?", index)
        if row is None:
            raise TrustError("PROOF_INVALID", f"entry {index}: missing")
        return bytes(row[0])

    def entries(self, start: int = 0) -> Iterator[tuple[int, bytes]]:
        """Indices and bytes in order of the index, from `start` on. A gap shows in the indices."""
        return self._by_key("SELECT idx, entry FROM entries WHERE idx >= ? ORDER BY idx", start)

    def tail(self, count: int, before: int | None = None) -> list[tuple[int, bytes]]:
        """The last `count` entries of those with an index below `before`, newest last."""
        rows = self._all(
            "SELECT idx, entry FROM entries WHERE idx < ? ORDER BY idx DESC LIMIT ?",
            self.size() if before is None else before,
            count,
        )
        return rows[::-1]

    def checkpoints(self, start: int = 0) -> Iterator[tuple[int, bytes]]:
        """Sizes and signed notes in order of the size, from size `start` on."""
        return self._by_key(
            "SELECT size, note FROM checkpoints WHERE size >= ? ORDER BY size", start
        )

    def checkpoint(self, size: int) -> bytes | None:
        """The signed note of that size; None where no group ended there."""
        row = self._one("SELECT note FROM checkpoints WHERE size = ?", size)
        return None if row is None else bytes(row[0])

    def last_checkpoint(self) -> tuple[int, bytes] | None:
        """Size and signed note of the newest checkpoint; None for an empty log."""
        row = self._one("SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 1")
        return None if row is None else (row[0], row[1])

    def tile(self, level: int, n: int) -> bytes | None:
        """The hashes of a tile as far as it is filled, or None."""
        stored = self.stored_tile(level, n)
        if level or (stored and len(stored) >= TILE_BYTES):
            return stored
        hashes = self._derived(n)
        # Full by now: it is stored since the first look, or it ought to be.
        return self.stored_tile(0, n) if len(hashes) == TILE_BYTES else hashes or None

    def stored_tile(self, level: int, n: int) -> bytes | None:
        """The hashes of a tile as they are stored, or None."""
        row = self._one("SELECT hashes FROM tiles WHERE level = ? AND n = ?", level, n)
        return None if row is None else row[0]

    def _derived(self, n: int) -> bytes:
        """Leaf hashes of the entries under a tile of level 0; a proof asks for them repeatedly."""
        known = self._begun[1] if self._begun[0] == n else b""
        start = n * TILE_WIDTH + len(known) // HASH_BYTES
        rows = self._all(_ENTRIES_BETWEEN, start, (n + 1) * TILE_WIDTH)
        if rows and rows[-1][0] != start + len(rows) - 1:
            raise TrustError("PROOF_INVALID", f"entry {start} or one of the next: missing")
        hashes = known + b"".join(leaf_hash(entry) for _, entry in rows)
        self._begun = (n, hashes)
        return hashes

    def size_and_tile_count(self) -> tuple[int, int]:
        """Entries, and stored tiles but for the one of level 0 that is not full, at one instant."""
        row = self._one(_SIZE_AND_TILE_COUNT)
        return row[0], row[1]

    def node(self, level: int, index: int) -> bytes:
        """The root of a complete subtree, from tiles: the `HashReader` that proofs are made with.

        Raises:
            TrustError: the tile is missing or too short.
        """
        tile_level, n, first, count = tile_of_node(level, index)
        return node_in_tile(self.tile(tile_level, n) or b"", first, count)

    def meta(self, key: str) -> str | None:
        """One of `schema`, `origin`, `vkey`; None before the log is made."""
        row = self._one("SELECT value FROM meta WHERE key = ?", key)
        return None if row is None else row[0]

    def identity(self) -> dict[str, str]:
        """All of `meta`, whatever became of it; what is not UTF-8 is escaped."""
        rows = self._all("SELECT CAST(key AS BLOB), CAST(value AS BLOB) FROM meta")
        return {
            key.decode(errors="backslashreplace"): value.decode(errors="backslashreplace")
            for key, value in rows
        }

    def strays(self) -> list[str]:
        """Rows that no index leads to, by name: those with a key below zero."""
        rows = self._all(
            "SELECT 'entry ' || idx FROM entries WHERE idx < 0 "
            "UNION ALL SELECT 'checkpoint ' || size FROM checkpoints WHERE size < 0"
        )
        return [row[0] for row in rows]

    def _by_key(self, query: str, start: int) -> Iterator[tuple[int, bytes]]:
        while rows := self._all(f"{query} LIMIT {_BATCH_ROWS}", start):
            yield from rows
            start = rows[-1][0] + 1

    def _one(self, query: str, *values: int | str) -> Any:
        rows = self._all(query, *values)
        return rows[0] if rows else None

    def _all(self, query: str, *values: int | str) -> list[Any]:
        try:
            with closing(self._connection.execute(query, values)) as cursor:
                return cursor.fetchall()
        except sqlite3.Error as error:
            raise sqlite_error(error, "reading the log") from None
