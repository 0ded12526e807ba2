# SPDX-License-Identifier: Apache-2.0
"""What a witness has seen: one SQLite file, `synchronous=EXTRA`, a connection for each transaction.

Rules:

1. `advance` compares and stores in one exclusive transaction. Two submissions, two processes even,
   are one after the other; what has been returned is on the disk.
2. A transaction that failed leaves nothing: the next one reads what the disk has.
3. Of a log that signed two roots for one size, both are kept. That is proof, wherever it is shown.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, TypeVar, final

import msgspec

from gateway.errors import AuditError, SetupError
from gateway.tlog.merkle import EMPTY_ROOT
from gateway.tlog.note import NoteVerifier, parse_vkey

DATABASE: Final = "witness.sqlite3"
#: Of one log; what it signs beyond that proves nothing more.
MAX_EVIDENCE_COUNT: Final = 100
_BUSY_S: Final = 5.0
_SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS keys (vkey TEXT PRIMARY KEY, origin TEXT NOT NULL) STRICT",
    """CREATE TABLE IF NOT EXISTS heads (
        origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL, note BLOB NOT NULL
    ) STRICT""",
    """CREATE TABLE IF NOT EXISTS evidence (
        origin TEXT NOT NULL, note BLOB NOT NULL, PRIMARY KEY (origin, note)
    ) STRICT""",
)
_STORE: Final = """
    INSERT INTO heads (origin, size, root, note) VALUES (?, ?, ?, ?) ON CONFLICT (origin)
    DO UPDATE SET size = excluded.size, root = excluded.root, note = excluded.note
"""
_KEEP: Final = """
    INSERT OR IGNORE INTO evidence (origin, note)
    SELECT ?1, ?2 WHERE (SELECT count(*) FROM evidence WHERE origin = ?1) < ?3
"""
_WATCHED: Final = """
    SELECT keys.origin, coalesce(size, 0),
           (SELECT count(*) FROM evidence WHERE evidence.origin = keys.origin)
    FROM keys LEFT JOIN heads USING (origin) GROUP BY keys.origin ORDER BY keys.origin
"""


class Head(msgspec.Struct, frozen=True):
    """The newest checkpoint of a log that the witness has cosigned.

    Attributes:
        size: number of entries; 0 where it has cosigned none.
        root: 32 bytes.
        note: as the log signed it; empty where there is none.
    """

    size: int = 0
    root: bytes = EMPTY_ROOT
    note: bytes = b""


class WatchedLog(msgspec.Struct, frozen=True):
    """One log in a list: how far it was cosigned, and how often it contradicted itself."""

    origin: str
    size: int
    evidence_count: int


Refusal = TypeVar("Refusal")


@final
class State:
    """The state in a folder. Every method raises AuditError when the disk does not do its part."""

    def __init__(self, folder: Path) -> None:
        self._path: Final = folder / DATABASE

    def make(self) -> None:
        """Make an empty state.

        Raises:
            SetupError: there is one already: forgetting what was seen is what a witness never does.
        """
        try:
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        except OSError as error:
            raise SetupError(
                f"cannot be made: {error.strerror}",
                where=str(self._path),
                remedy="name a new folder; a witness is never made anew over its old state.",
            ) from None
        with self._transaction() as connection:
            for statement in _SCHEMA:
                connection.execute(statement)

    def add_log(self, key: NoteVerifier) -> None:
        """Watch the log of that key; a second key of one origin counts as well as the first."""
        with self._transaction() as connection:
            connection.execute("INSERT OR IGNORE INTO keys VALUES (?, ?)", (key.vkey, key.name))

    def keys(self, origin: str) -> tuple[NoteVerifier, ...]:
        """The keys of a log; none where it is not watched."""
        with self._transaction() as connection:
            rows = connection.execute("SELECT vkey FROM keys WHERE origin = ?", (origin,))
            return tuple(parse_vkey(vkey) for (vkey,) in rows.fetchall())

    def watched(self) -> tuple[WatchedLog, ...]:
        """All logs."""
        with self._transaction() as connection:
            return tuple(WatchedLog(*row) for row in connection.execute(_WATCHED).fetchall())

    def evidence(self, origin: str) -> tuple[bytes, ...]:
        """Checkpoints of a log that contradict each other."""
        with self._transaction() as connection:
            rows = connection.execute("SELECT note FROM evidence WHERE origin = ?", (origin,))
            return tuple(note for (note,) in rows.fetchall())

    def advance(self, origin: str, judge: Callable[[Head], Head | Refusal]) -> Head | Refusal:
        """Replace what is known of a log by what `judge` makes of it, durably; or refuse."""
        with self._transaction() as connection:
            row = connection.execute(
                "SELECT size, root, note FROM heads WHERE origin = ?", (origin,)
            ).fetchone()
            known = Head() if row is None else Head(*row)
            ruled = judge(known)
            if isinstance(ruled, Head) and ruled != known:
                connection.execute(_STORE, (origin, ruled.size, ruled.root, ruled.note))
            return ruled

    def keep_evidence(self, origin: str, *notes: bytes) -> None:
        """Keep checkpoints that contradict each other."""
        with self._transaction() as connection:
            for note in notes:
                connection.execute(_KEEP, (origin, note, MAX_EVIDENCE_COUNT))

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            uri = f"{self._path.resolve().as_uri()}?mode=rw"
            with closing(
                sqlite3.connect(uri, uri=True, timeout=_BUSY_S, isolation_level=None)
            ) as connection:
                connection.execute("PRAGMA synchronous = EXTRA")
                connection.execute("BEGIN IMMEDIATE")
                yield connection  # an exception leaves by closing, which rolls back
                connection.execute("COMMIT")
        except sqlite3.Error as error:
            name = getattr(error, "sqlite_errorname", None) or type(error).__name__
            raise AuditError("AUDIT_UNAVAILABLE", f"the witness's state: {name}") from None
