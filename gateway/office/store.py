# SPDX-License-Identifier: Apache-2.0
"""The office store: `var/office/office.sqlite`, written by every worker, read on its loop.

Rules:

1. A write is one short transaction (BEGIN IMMEDIATE) in the process's one I/O thread, synced before
   it is acknowledged (`synchronous=FULL`). SQLite gives up the interpreter's lock while it works,
   so the loop goes on; no other thread of ours touches the writing connection.
2. A read is one query by index on the loop itself, some microseconds, by a connection that can only
   read. In WAL mode readers and the writer do not wait for each other.
3. `change_count` is another number whenever anybody, in any process, has written: what was read
   before may be remembered exactly as long as it stays the same.
4. What cannot be written or read is `OFFICE_UNAVAILABLE`: nothing is let through for it. After any
   error the writing connection is made anew, and an open transaction is rolled back by that.
5. What was synced is what lies under the store's name: a file that was moved or replaced under a
   process fails its writes until the process is restarted.
6. Whoever opens the store brings it to the newest version first, alone (`office.lock`).
"""

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Self, TypeVar, final

from gateway.errors import SetupError, StoreError
from gateway.office.schema import MIGRATIONS
from gateway.sdk import Deadline

T = TypeVar("T")

#: Of the site's state.
FOLDER: Final = "office"
DATABASE: Final = "office.sqlite"
_LOCK: Final = "office.lock"
#: For as long another process's transaction is waited for: they are short.
_WRITE_BUSY_S: Final = 1.0
#: A reader in WAL mode waits for hardly anybody, and the loop waits with it.
_READ_BUSY_S: Final = 0.1


@final
class OfficeStore:
    """One process's way to the store. Made by `open`; owned by one event loop."""

    def __init__(self, path: Path, reader: sqlite3.Connection) -> None:
        self._path: Final = path
        self._reader: Final = reader
        self._file: Final = _identity(path)
        self._thread: Final = ThreadPoolExecutor(1, thread_name_prefix="office")
        self._writer: sqlite3.Connection | None = None

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open the store in `folder`, at the newest version; make both if there is none.

        Raises:
            SetupError: it cannot be used, or a newer gateway made it.
        """
        path = folder / DATABASE
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _alone(folder):
                if not path.exists():
                    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # WAL files follow
                with closing(_connect_writer(path)) as connection:
                    _migrate(connection, path)
            uri = f"{path.resolve().as_uri()}?mode=ro"
            reader = sqlite3.connect(uri, uri=True, timeout=_READ_BUSY_S, isolation_level=None)
            return cls(path, reader)
        except (sqlite3.Error, OSError) as error:
            raise SetupError(
                _what(error),
                where=str(path),
                remedy="check owner, permissions and free space of its folder.",
            ) from None

    def close(self) -> None:
        """Wait for what is being written, and close the file."""
        self._thread.submit(self._drop_writer).result()
        self._thread.shutdown()
        self._reader.close()

    def change_count(self) -> int:
        """Another number after each write of anybody.

        Raises:
            StoreError: OFFICE_UNAVAILABLE.
        """
        try:  # asked with each request: without what `select` does for queries of many rows
            return int(self._reader.execute("PRAGMA data_version").fetchone()[0])
        except sqlite3.Error as error:
            raise unavailable("reading", error) from None

    def select(self, query: str, *values: object) -> list[Any]:
        """All rows of a query that an index answers.

        Raises:
            StoreError: OFFICE_UNAVAILABLE.
        """
        try:
            with closing(self._reader.execute(query, values)) as cursor:
                return cursor.fetchall()
        except sqlite3.Error as error:
            raise unavailable("reading", error) from None

    async def write(self, work: Callable[[sqlite3.Connection], T], deadline: Deadline) -> T:
        """Do `work` in one transaction; durable on return.

        Args:
            work: runs in the I/O thread, by explicit statements and without waiting for anything
                else; an error that it raises leaves nothing written.

        Raises:
            StoreError: OFFICE_UNAVAILABLE; out of time it may be written all the same.
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(max(0.0, deadline.remaining_s)):
                return await loop.run_in_executor(self._thread, self._transact, work)
        except TimeoutError:
            raise StoreError("OFFICE_UNAVAILABLE", "not written in time") from None

    def _transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """In the I/O thread."""
        try:
            if self._writer is None:
                self._writer = _connect_writer(self._path)
            self._writer.execute("BEGIN IMMEDIATE")
            done = work(self._writer)
            self._writer.execute("COMMIT")
            self._refuse_other_file()
        except (sqlite3.Error, OSError) as error:
            self._drop_writer()
            raise unavailable("writing", error) from None
        except BaseException:
            self._drop_writer()
            raise
        return done

    def _refuse_other_file(self) -> None:
        """What was just synced must be what another process, or the next start, will find."""
        if _identity(self._path) != self._file:
            raise OSError(0, "the store's file was moved or replaced")

    def _drop_writer(self) -> None:
        """In the I/O thread; an open transaction is rolled back."""
        writer, self._writer = self._writer, None
        if writer is not None:
            with suppress(sqlite3.Error):  # out of use either way
                writer.close()


def unavailable(doing: str, error: sqlite3.Error | OSError) -> StoreError:
    """Our error for SQLite's; its text may quote values, its name does not."""
    return StoreError("OFFICE_UNAVAILABLE", f"{doing}: {_what(error)}")


def _what(error: sqlite3.Error | OSError) -> str:
    if isinstance(error, OSError):
        return f"the file cannot be used: {error.strerror}"
    return str(getattr(error, "sqlite_errorname", None) or type(error).__name__)


def _connect_writer(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=_WRITE_BUSY_S, isolation_level=None, check_same_thread=False
    )
    try:
        mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
    except sqlite3.Error:
        connection.close()
        raise
    if mode != "wal":
        connection.close()
        raise sqlite3.OperationalError("no write-ahead log")
    return connection


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > len(MIGRATIONS):
        raise SetupError(
            f"has version {version}, and this gateway knows {len(MIGRATIONS)}",
            where=str(path),
            remedy="run the gateway that made it, or a newer one.",
        )
    for number, statements in enumerate(MIGRATIONS[version:], version + 1):
        connection.execute("BEGIN IMMEDIATE")
        for statement in statements:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {number}")
        connection.execute("COMMIT")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other processes from opening the store meanwhile."""
    fd = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _identity(path: Path) -> tuple[int, int]:
    """Device and inode of what lies under the store's name."""
    file = path.stat()
    return file.st_dev, file.st_ino
