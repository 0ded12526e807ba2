# SPDX-License-Identifier: Apache-2.0
"""The log in one SQLite file: write-ahead log, `synchronous=FULL`, one writer.

Rules:

1. `commit` adds entries, checkpoint, and the tiles that are due, in one transaction. It returns
   only after SQLite has synced it; on any error it raises, and the store is *poisoned* until
   `reopen`.
2. A failed sync is never taken for success later: the kernel may have dropped the pages and
   forgotten. So `reopen` moves whatever the write-ahead log still holds into the main file and
   syncs that, before anything is added behind it. What a reader's snapshot keeps there is written
   again in its place instead, and synced: a reader keeps nobody from opening the log.
3. What a failed commit left is decided by reading, not by remembering: it is there, wholly, or not.
4. Indices are explicit primary keys and checkpoints are keyed by size: a second writer that got
   past the lock would fail rather than fork the log. A full tile is never written again.
5. The lock is an exclusive flock held as long as the store, across `reopen`.
6. What was synced is what lies under the log's name: a file that was moved or replaced under the
   store fails the commit. Until the store is closed no log is made anew, and no other file is so
   much as opened, for SQLite would move the right one's write-ahead log into it; so whoever puts
   the right file back has it served again, to the last acknowledged entry. A log that was once
   made is never begun anew in its folder: `audit.lock` says so.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, Self, final

import structlog

from gateway.audit.store.reader import DATABASE, LogReader, sqlite_error
from gateway.audit.store.truth import read_edge
from gateway.audit.store.wal import unfinished_frames, write_again
from gateway.errors import AuditError, GatewayError, SetupError, TrustError
from gateway.tlog.edge import Edge
from gateway.tlog.note import NoteVerifier
from gateway.tlog.tile import Tile

SCHEMA_VERSION: Final = "1"
_LOCK: Final = "audit.lock"
_WAL: Final = f"{DATABASE}-wal"
_MADE: Final = b"made\n"
_BUSY_S: Final = 1.0
#: Pages of the write-ahead log that one commit moves into the main file, now and then: whoever
#: waits for that commit waits a few milliseconds longer. SQLite's own 1,000 take 20 ms.
_MOVED_PAGES: Final = 250
_KEEP: Final = "stop, keep the folder as it is, and run `yizheng audit verify` on it."
_log = structlog.get_logger()

_SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS entries (idx INTEGER PRIMARY KEY, entry BLOB NOT NULL) STRICT",
    """CREATE TABLE IF NOT EXISTS tiles (
        level INTEGER NOT NULL, n INTEGER NOT NULL, hashes BLOB NOT NULL, PRIMARY KEY (level, n)
    ) STRICT""",
    "CREATE TABLE IF NOT EXISTS checkpoints (size INTEGER PRIMARY KEY, note BLOB NOT NULL) STRICT",
    "CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
)
_ADD_ENTRY: Final = "INSERT INTO entries (idx, entry) VALUES (?, ?)"
_ADD_CHECKPOINT: Final = "INSERT INTO checkpoints (size, note) VALUES (?, ?)"
_ADD_TILE: Final = """
    INSERT INTO tiles (level, n, hashes) VALUES (?, ?, ?) ON CONFLICT (level, n)
    DO UPDATE SET hashes = excluded.hashes WHERE length(hashes) < length(excluded.hashes)
"""


@final
class SqliteStore:
    """The one writer of a log. Made by `open`.

    Attributes:
        edge: where the tree stood when the store was last opened.
    """

    def __init__(self, folder: Path, key: NoteVerifier, lock_fd: int) -> None:
        self._folder: Final = folder
        self._paths: Final = (str(folder / DATABASE), str(folder / _WAL))
        self._key: Final = key
        self._lock_fd: Final = lock_fd
        self._connection: sqlite3.Connection | None = None
        self._size = 0
        self._files: tuple[tuple[int, int], ...] = ()
        self.edge = Edge()

    @property
    def folder(self) -> Path:
        """Where the log lies."""
        return self._folder

    @classmethod
    def open(cls, folder: Path, key: NoteVerifier) -> Self:
        """Open the log of `key` in `folder`; make both if there is none.

        Raises:
            SetupError: another sequencer holds it, it is another log's, or it contradicts itself.
        """
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock_fd = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise SetupError(
                f"cannot be written: {error.strerror}",
                where=str(folder),
                remedy="check its owner and free space.",
            ) from None
        try:
            _lock(folder, lock_fd)
            store = cls(folder, key, lock_fd)
            store.reopen()
        except AuditError as error:
            os.close(lock_fd)
            raise SetupError(
                error.detail,
                where=str(folder),
                remedy=f"check the disk and its free space; end what else writes to {DATABASE}.",
            ) from None
        except SetupError:
            os.close(lock_fd)
            raise
        return store

    @property
    def reader(self) -> LogReader:
        """Reads through the writer's own connection.

        Raises:
            AuditError: the store is poisoned or closed.
        """
        return LogReader(self._open_connection())

    def commit(self, entries: Sequence[bytes], tiles: Mapping[Tile, bytes], note: bytes) -> int:
        """Make entries durable together with the tiles and the checkpoint that cover them.

        Returns:
            The index of the first.

        Raises:
            AuditError: nothing is known about them; the store is poisoned.
        """
        connection = self._open_connection()
        first, size = self._size, self._size + len(entries)
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(_ADD_ENTRY, enumerate(entries, first))
            if tiles:
                connection.executemany(
                    _ADD_TILE, [(tile.level, tile.n, hashes) for tile, hashes in tiles.items()]
                )
            connection.execute(_ADD_CHECKPOINT, (size, note))
            connection.execute("COMMIT")
            self._refuse_other_files()
        except (sqlite3.Error, OSError) as error:
            self._poison()
            raise AuditError("AUDIT_UNAVAILABLE", _describe(error)) from None
        self._size = size
        return first

    def reopen(self) -> None:
        """Read the truth again, after a failure or at first; `edge` and `commit` go on from it.

        Raises:
            AuditError: not now; the store stays poisoned.
            SetupError: the log contradicts itself; a retry cannot help.
        """
        self._poison()
        try:
            self._refuse_other_log()
            self._connection = _connect(self._folder, may_make=not self._was_made())
            self._identify()
            self.edge = read_edge(self.reader, self._key)
            if self.edge.size < self._size:
                raise AuditError(
                    "AUDIT_UNAVAILABLE", f"the log there has less than {self._size} entries"
                )
            _sync_folder(self._folder)
            self._files = _identities(self._paths)
            self._mark_made()
        except (sqlite3.Error, OSError, GatewayError) as error:
            self._poison()
            raise self._reason(error) from None
        self._size = self.edge.size

    def close(self) -> None:
        """Close the file and let another sequencer have it."""
        self._poison()
        os.close(self._lock_fd)

    def _reason(self, error: Exception) -> GatewayError:
        """Why the log cannot be opened: for now (AuditError), or for good (SetupError)."""
        if isinstance(error, sqlite3.Error):
            error = sqlite_error(error, "opening the log")
        if isinstance(error, TrustError):
            return SetupError(error.detail, where=str(self._folder), remedy=_KEEP)
        if isinstance(error, OSError):
            return AuditError("AUDIT_UNAVAILABLE", f"opening the log: {error.strerror}")
        assert isinstance(error, GatewayError)
        return error

    def _was_made(self) -> bool:
        return os.pread(self._lock_fd, len(_MADE), 0) == _MADE

    def _mark_made(self) -> None:
        if not self._was_made():
            os.pwrite(self._lock_fd, _MADE, 0)
            os.fsync(self._lock_fd)

    def _refuse_other_files(self) -> None:
        """What was just synced must be what a reader, or the next start, will find."""
        if _identities(self._paths) != self._files:
            raise OSError(0, "the log's file was moved or replaced")

    def _refuse_other_log(self) -> None:
        """Once a log was open here, only that very file is opened again."""
        path = self._folder / DATABASE
        if self._files and path.exists() and _identity(str(path)) != self._files[0]:
            raise AuditError(
                "AUDIT_UNAVAILABLE",
                f"another file lies at {DATABASE}: put the right one back, or restart to take it",
            )

    def _open_connection(self) -> sqlite3.Connection:
        if self._connection is None:
            raise AuditError("AUDIT_UNAVAILABLE", "the log is closed after a failure")
        return self._connection

    def _identify(self) -> None:
        """Write who this log is, or see that it is the one that we were told."""
        connection = self._open_connection()
        ours = {"schema": SCHEMA_VERSION, "origin": self._key.name, "vkey": self._key.vkey}
        connection.execute("BEGIN IMMEDIATE")
        for statement in _SCHEMA:
            connection.execute(statement)
        if not connection.execute("SELECT count(*) FROM meta").fetchone()[0]:
            connection.executemany("INSERT INTO meta VALUES (?, ?)", ours.items())
        connection.execute("COMMIT")
        for key, value in ours.items():
            if self.reader.meta(key) != value:
                raise SetupError(
                    f"the log in it has another {key}",
                    where=str(self._folder),
                    remedy="name the folder, origin and log key that belong together.",
                )

    def _poison(self) -> None:
        """Drop the connection; an open transaction is rolled back by that."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            try:
                connection.close()
            except sqlite3.Error:
                return  # it is out of use either way, and `reopen` reads what is there


def _lock(folder: Path, lock_fd: int) -> None:
    try:
        fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise SetupError(
            "another sequencer holds this log",
            where=str(folder),
            remedy="stop it first; a log has one writer.",
        ) from None


def _connect(folder: Path, *, may_make: bool) -> sqlite3.Connection:
    path = folder / DATABASE
    if not path.exists():  # closing it later would drop the locks that a reader of ours holds
        if not may_make:
            raise AuditError("AUDIT_UNAVAILABLE", f"{DATABASE} is not there any more")
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # its other files get this mode
    connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None)
    try:
        mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_MOVED_PAGES}")
        committed_count = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[1]
        lost_count = unfinished_frames(folder / _WAL, max(0, committed_count))
        connection.execute("PRAGMA busy_timeout = 0")  # no reader is waited for
        is_kept = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_S * 1000:.0f}")
        if is_kept:
            connection.execute("BEGIN IMMEDIATE")  # nobody writes meanwhile
            write_again(folder / _WAL)
            connection.execute("ROLLBACK")
    except (sqlite3.Error, OSError):
        connection.close()
        raise
    if mode != "wal":
        connection.close()
        raise AuditError("AUDIT_UNAVAILABLE", f"opening the log: its journal mode is {mode}")
    if lost_count:
        _log.warning("an unfinished write at the log's end was dropped", frames=lost_count)
    return connection


def _identities(paths: Iterable[str]) -> tuple[tuple[int, int], ...]:
    """Device and inode of what lies under the log's names now.

    Asked after each commit: paths are text, for `pathlib` would take longer than the kernel.
    """
    return tuple([_identity(path) for path in paths])


def _identity(path: str) -> tuple[int, int]:
    file = os.stat(path)  # noqa: PTH116 -- see `_identities`
    return file.st_dev, file.st_ino


def _describe(error: sqlite3.Error | OSError) -> str:
    if isinstance(error, OSError):
        return f"writing: {error.strerror}"
    return sqlite_error(error, "writing").detail


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
