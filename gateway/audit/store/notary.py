# SPDX-License-Identifier: Apache-2.0
"""What others vouch for: cosignatures and timestamps of checkpoints, beside the log.

`var/audit/notary.sqlite3`, written by the notary alone. It is no part of the log: who loses it has
lost proof to outsiders, not records. Everything in it was verified before it was stored, and can be
verified again from the log's checkpoints.

Rules:

1. A cosignature or a timestamp is of the checkpoint that the log has at that size, byte for byte.
2. Cosignatures older than the newest quorum are dropped, unless a timestamp has the same size.
   Timestamps are kept.
3. Readers open the file for each look, so that one that was replaced is not read on.
"""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Self, final

import msgspec

from gateway.audit.store.reader import LogReader, sqlite_error
from gateway.crypto.digest import sha256
from gateway.errors import AuditError, TrustError

NOTARY_DATABASE: Final = "notary.sqlite3"
_BUSY_S: Final = 1.0
_SCHEMA: Final = (
    """CREATE TABLE IF NOT EXISTS cosignatures (
        size INTEGER NOT NULL, witness TEXT NOT NULL, line TEXT NOT NULL, time_s INTEGER NOT NULL,
        PRIMARY KEY (size, witness)
    ) STRICT""",
    """CREATE TABLE IF NOT EXISTS timestamps (
        size INTEGER NOT NULL, digest BLOB NOT NULL, reply BLOB NOT NULL, time_s INTEGER NOT NULL,
        PRIMARY KEY (size, digest)
    ) STRICT""",
    """CREATE TABLE IF NOT EXISTS witnessed (
        size INTEGER PRIMARY KEY, note BLOB NOT NULL, until_s REAL NOT NULL
    ) STRICT""",
    "CREATE TABLE IF NOT EXISTS states (name TEXT PRIMARY KEY, state TEXT NOT NULL) STRICT",
)
_NO_SIZE: Final = (1 << 63) - 1
_NEWEST_STAMPED: Final = """
    SELECT size, digest FROM timestamps
    WHERE size = (SELECT max(size) FROM timestamps WHERE size < ?)
"""
_STAMPED: Final = """
    SELECT size, digest, reply, time_s FROM timestamps
    WHERE size = (SELECT min(size) FROM timestamps WHERE size >= ?)
"""
_DROP_OLD: Final = """
    DELETE FROM cosignatures WHERE size < ? AND size NOT IN (SELECT size FROM timestamps)
"""


class Witnessed(msgspec.Struct, frozen=True):
    """The newest checkpoint that a quorum has cosigned.

    Attributes:
        size: number of entries.
        note: with the cosignature lines.
        until_s: UNIX seconds up to which it is as fresh as was configured.
    """

    size: int
    note: bytes
    until_s: float


class Timestamp(msgspec.Struct, frozen=True):
    """A timestamp of the checkpoint of that size.

    Attributes:
        size: number of entries.
        digest: SHA-256 of the checkpoint's note, which is what was stamped.
        reply: RFC 3161 TimeStampResp in DER.
        at: the time that it tells.
    """

    size: int
    digest: bytes
    reply: bytes
    at: datetime


@final
class NotaryReader:
    """Reads. Every method raises AuditError or TrustError when the file cannot be read."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open what the notary of the log in that folder has.

        Raises:
            AuditError: there is none, or it cannot be read.
        """
        try:
            uri = f"{(folder / NOTARY_DATABASE).resolve().as_uri()}?mode=ro"
            connection = sqlite3.connect(uri, uri=True, timeout=_BUSY_S, isolation_level=None)
        except sqlite3.Error as error:
            raise sqlite_error(error, "opening the notary's state") from None
        return cls(connection)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def cosignatures(self, size: int) -> dict[str, str]:
        """Cosignature lines of the checkpoint of that size, by the witness's name in the policy."""
        rows = self._all("SELECT witness, line FROM cosignatures WHERE size = ?", size)
        return dict(rows)

    def witnessed(self) -> Witnessed | None:
        """The newest checkpoint with a quorum."""
        rows = self._all("SELECT size, note, until_s FROM witnessed ORDER BY size DESC LIMIT 1")
        return Witnessed(*rows[0]) if rows else None

    def stamped_size(self, log: LogReader) -> int:
        """Size of the newest checkpoint of this very log with a timestamp; 0 for none."""
        before = _NO_SIZE
        while rows := self._all(_NEWEST_STAMPED, before):
            before = int(rows[0][0])
            note = log.checkpoint(before)
            if note is not None and sha256(note) in {digest for _, digest in rows}:
                return before
        return 0

    def timestamps_over(self, index: int) -> Iterator[Timestamp]:
        """Those of checkpoints that have the entry of that index, as `timestamps`."""
        return self._timestamps(index + 1)

    def timestamps(self) -> Iterator[Timestamp]:
        """All timestamps, in order of the size; also those of a log that was since rewritten."""
        return self._timestamps(0)

    def _timestamps(self, start: int) -> Iterator[Timestamp]:
        while rows := self._all(_STAMPED, start):
            for size, digest, reply, time_s in rows:
                yield Timestamp(size, digest, reply, datetime.fromtimestamp(time_s, UTC))
            start = rows[-1][0] + 1

    def states(self) -> dict[str, str]:
        """`ok`, `away` or `refused`, by `witness:<name>` and `timestamps`."""
        return dict(self._all("SELECT name, state FROM states"))

    def _all(self, query: str, *values: int) -> list[Any]:
        try:
            with closing(self._connection.execute(query, values)) as cursor:
                return cursor.fetchall()
        except sqlite3.Error as error:
            raise sqlite_error(error, "reading the notary's state") from None


@final
class NotaryStore:
    """The one writer. Every method raises AuditError when the disk does not do its part."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path: Final = path
        self._connection: Final = connection
        self._inode: Final = path.stat().st_ino

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open the state in that folder; make it if there is none.

        Raises:
            AuditError: it cannot be written.
        """
        path = folder / NOTARY_DATABASE
        try:
            if not path.exists():  # what another file of this name left behind is not its own
                for suffix in ("-wal", "-shm"):
                    path.with_name(path.name + suffix).unlink(missing_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            for statement in _SCHEMA:
                connection.execute(statement)
        except sqlite3.Error as error:
            raise sqlite_error(error, "opening the notary's state") from None
        except OSError as error:
            raise AuditError("AUDIT_UNAVAILABLE", f"the notary's state: {error.strerror}") from None
        return cls(path, connection)

    @property
    def reader(self) -> NotaryReader:
        """Reads through the writer's own connection."""
        return NotaryReader(self._connection)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def check(self) -> None:
        """See that the file is still the one in the folder.

        Raises:
            AuditError: it was removed or replaced; nobody reads what is written to it.
        """
        try:
            if self._path.stat().st_ino == self._inode:
                return
        except OSError:
            pass
        raise AuditError("AUDIT_UNAVAILABLE", "the notary's state was removed or replaced")

    def add_cosignature(self, size: int, witness: str, line: str, time_s: int) -> None:
        """Keep a cosignature line, without its newline."""
        self._write(
            ("INSERT OR REPLACE INTO cosignatures VALUES (?, ?, ?, ?)", size, witness, line, time_s)
        )

    def set_witnessed(self, witnessed: Witnessed) -> None:
        """Take a newer checkpoint with a quorum, and drop what it makes superfluous."""
        size = witnessed.size
        self._write(
            ("DELETE FROM witnessed WHERE size <= ?", size),
            ("INSERT INTO witnessed VALUES (?, ?, ?)", size, witnessed.note, witnessed.until_s),
            (_DROP_OLD, size),
        )

    def add_timestamp(self, timestamp: Timestamp) -> None:
        """Keep a timestamp."""
        time_s = int(timestamp.at.timestamp())
        row = timestamp.size, timestamp.digest, timestamp.reply, time_s
        self._write(("INSERT OR IGNORE INTO timestamps VALUES (?, ?, ?, ?)", *row))

    def set_state(self, name: str, state: str) -> bool:
        """Tell how it goes with a witness, or with the authority; whether that is a change."""
        if self.reader.states().get(name) == state:
            return False
        self._write(("INSERT OR REPLACE INTO states VALUES (?, ?)", name, state))
        return True

    def _write(self, *statements: tuple[Any, ...]) -> None:
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                for query, *values in statements:
                    connection.execute(query, values)
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise sqlite_error(error, "writing the notary's state") from None


def newest_note(folder: Path, *, now_s: float | None = None) -> bytes | None:
    """The checkpoint to publish: with the quorum's cosignatures, if there is a fresh one.

    Args:
        folder: of the log.
        now_s: UNIX seconds; the clock's by default.

    Returns:
        A signed note; None for an empty log.

    Raises:
        AuditError: the log cannot be read.
    """
    with closing(LogReader.open(folder)) as log:
        last = log.last_checkpoint()
        witnessed = None if last is None else _witnessed_of(log, folder)
    if last is None or witnessed is None:
        return None if last is None else last[1]
    is_fresh = (time.time() if now_s is None else now_s) <= witnessed.until_s
    return witnessed.note if is_fresh or witnessed.size == last[0] else last[1]


def _witnessed_of(log: LogReader, folder: Path) -> Witnessed | None:
    """The newest checkpoint of this very log with a quorum; its word stands without one, too."""
    if not (folder / NOTARY_DATABASE).exists():
        return None
    try:
        with closing(NotaryReader.open(folder)) as reader:
            witnessed = reader.witnessed()
    except (AuditError, TrustError):
        return None
    if witnessed is None:
        return None
    ours = log.checkpoint(witnessed.size)
    return witnessed if ours is not None and witnessed.note.startswith(ours) else None
