# SPDX-License-Identifier: Apache-2.0
"""The SQL kit's driver for SQLite, on threads; `gateway.sdk.kits.sql` has the rules.

A file that is replaced by another under the same name is noticed at the next question. `$1` is the
name of a parameter here, and its position in PostgreSQL, so that one statement serves both.
"""

import asyncio
import sqlite3
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from gateway.errors import (
    AdapterContractBroken,
    AdapterRefused,
    AdapterTimeout,
    AdapterUnavailable,
    DepartmentError,
)
from gateway.sdk.adapter import Deadline

#: Steps of SQLite's machine between two looks at the clock: some dozen microseconds.
_STEPS: Final = 1000
_CLOSE_TIMEOUT_S: Final = 2.0
#: Primary result codes, by what they mean for us.
_TOO_SLOW: Final = frozenset({"INTERRUPT"})
_AWAY: Final = frozenset({"BUSY", "LOCKED", "CANTOPEN", "IOERR", "PROTOCOL"})
_REFUSED: Final = frozenset({"AUTH", "PERM", "READONLY"})


class SqliteDriver:
    """One file, read by some threads.

    Args:
        path: of the file, absolute; need not exist yet.
        connections: threads at most, each with one session.
    """

    def __init__(self, path: Path, *, connections: int) -> None:
        self._path: Final = path
        self._connections: Final = connections
        self._idle: Final[list[_Session]] = []  # append and pop are atomic
        self._threads: ThreadPoolExecutor | None = None

    async def open(self) -> None:
        """Make the pool of threads; touches no file."""
        self._threads = ThreadPoolExecutor(self._connections, "yizheng-sqlite")

    async def aclose(self) -> None:
        """Let what runs come to its end, and close all sessions; also without `open`."""
        threads, self._threads = self._threads, None
        if threads is None:
            return
        threads.shutdown(wait=False, cancel_futures=True)
        ended = asyncio.get_running_loop().run_in_executor(None, threads.shutdown)
        # Not `asyncio.timeout`: before Python 3.11.4 it ends in no `TimeoutError` where the task
        # was cancelled before, as who closes may have been.
        await asyncio.wait((ended,), timeout=_CLOSE_TIMEOUT_S)
        if not ended.done():
            return  # a disk hangs; its thread closes the session when it is back
        while self._idle:
            self._idle.pop().close()

    async def fetch(
        self, statement: str, parameters: tuple[object, ...], deadline: Deadline
    ) -> list[Mapping[str, Any]]:
        """Run one SELECT and return all its rows."""
        assert self._threads is not None, "open() comes first"
        question = _Question(statement, parameters, deadline)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(deadline.remaining_s):
                return await loop.run_in_executor(self._threads, self._ask, question)
        except TimeoutError:
            raise AdapterTimeout("no answer before the deadline") from None
        except sqlite3.Error as error:
            raise _failure(error) from None
        finally:
            question.is_wanted = False

    def _ask(self, question: "_Question") -> list[Mapping[str, Any]]:
        """In a thread: take a session, ask, and put it back."""
        identity = _identity(self._path)
        session = self._idle.pop() if self._idle else None
        if session is not None and session.identity != identity:
            session.close()
            session = None
        if session is None:
            session = _Session(self._path, identity)
        try:
            return session.ask(question)
        finally:
            if self._threads is None:
                session.close()
            else:
                self._idle.append(session)


class _Question:
    """One statement; the thread that runs it looks here whether anybody still waits."""

    def __init__(self, statement: str, parameters: tuple[object, ...], deadline: Deadline) -> None:
        self.statement: Final = statement
        self.parameters: Final = {str(n): value for n, value in enumerate(parameters, 1)}
        self.deadline: Final = deadline
        self.is_wanted = True

    def is_given_up(self) -> bool:
        """Whether the statement should stop."""
        return not self.is_wanted or self.deadline.remaining_s == 0


class _Session:
    """One connection to one file, used by one thread at a time."""

    def __init__(self, path: Path, identity: tuple[int, int]) -> None:
        self.identity: Final = identity
        self._connection: Final = sqlite3.connect(
            f"file:{quote(str(path))}?mode=ro",
            uri=True,
            check_same_thread=False,  # never two at once: the pool hands it out
            isolation_level=None,
        )
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA query_only = ON")

    def ask(self, question: _Question) -> list[Mapping[str, Any]]:
        connection = self._connection
        connection.execute(f"PRAGMA busy_timeout = {int(question.deadline.remaining_s * 1000)}")
        connection.set_progress_handler(question.is_given_up, _STEPS)
        try:
            return [
                dict(row) for row in connection.execute(question.statement, question.parameters)
            ]
        finally:
            connection.set_progress_handler(None, 0)

    def close(self) -> None:
        self._connection.close()


def _identity(path: Path) -> tuple[int, int]:
    """What tells one file from another of the same name."""
    try:
        found = path.stat()
    except OSError:
        raise AdapterUnavailable("the database is not there") from None
    return found.st_dev, found.st_ino


def _failure(error: sqlite3.Error) -> DepartmentError:
    """By the primary result code, which is all that is repeated of the error."""
    name = getattr(error, "sqlite_errorname", "") or type(error).__name__
    cause, code = name, name.removeprefix("SQLITE_").partition("_")[0]
    if code in _TOO_SLOW:
        return AdapterTimeout(cause)
    if code in _AWAY:
        return AdapterUnavailable(cause)
    if code in _REFUSED:
        return AdapterRefused(cause)
    return AdapterContractBroken(cause)
