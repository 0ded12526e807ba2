# SPDX-License-Identifier: Apache-2.0
"""Keeping the index: built from the first record, then following the log.

A process of its own does (`keep_index`), or else a command that is about to search (`catch_up`).

Rules:

1. A build goes into a new file that takes the old one's place when it is complete, so that searches
   always have a whole index. Epochs that were erased stay so.
2. An index of another log, of another schema, or of a log that was changed since, is built anew,
   with a warning: the log may have been tampered with.
3. A log that is not what it signed is indexed up to its last good checkpoint and no further.
"""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Final, final

import structlog

from gateway.audit.index.bits import BLOCK
from gateway.audit.index.rows import IndexReader
from gateway.audit.index.schema import DATABASE
from gateway.audit.index.writer import IndexWriter, lock_index
from gateway.audit.store.reader import LogReader
from gateway.errors import AuditError, GatewayError, TrustError
from gateway.tlog.note import NoteVerifier

_log = structlog.get_logger()
#: Records a transaction, about: while following, where a stop waits for one, and in a build.
_STRETCH_COUNT: Final = 1 << 13
_BUILD_COUNT: Final = BLOCK
_LOOK_S: Final = 0.5
_RETRY_S: Final = 5.0
#: Lookups come first.
_NICENESS: Final = 10


@final
class Follower:
    """The one process that writes an index, as long as it is open.

    Args:
        log: folder of the log.
        folder: of the index; made if there is none.
        key: the log's.

    Raises:
        SetupError: another process keeps this index.
    """

    def __init__(self, log: Path, folder: Path, key: NoteVerifier) -> None:
        self._log: Final = log
        self._folder: Final = folder
        self._key: Final = key
        self._lock_fd: Final = lock_index(folder)
        self._writer: IndexWriter | None = None
        self._reader: LogReader | None = None

    def close(self) -> None:
        """Close the files and let another have the index."""
        self._drop()
        os.close(self._lock_fd)

    def catch_up(self, *, anew: bool = False) -> Iterator[tuple[int, int]]:
        """Index what the log has and the index has not, as far as checkpoints go.

        Each step is a transaction; between two steps others may work.

        Args:
            anew: build from the first record, whatever is there.

        Yields:
            How many records are indexed, and how many the log has.

        Raises:
            TrustError: the log is not what it signed.
            AuditError: the log cannot be read, or the index not be written.
        """
        try:
            yield from self._steps(anew=anew)
        except BaseException:
            self._drop()  # the next call reads again what is there
            raise

    def _steps(self, *, anew: bool) -> Iterator[tuple[int, int]]:
        reader = self._reader = self._reader or LogReader.open(self._log)
        first = self._writer is None
        writer = self._writer = self._writer or IndexWriter.open(self._path, self._key)
        if writer is not None and first and not writer.agrees_with(reader):
            _log.warning("the log is not the one that was indexed; building anew", size=writer.size)
            anew = True
        if writer is None or anew:
            if writer is not None:
                self._writer = None
                writer.close()
            yield from self._build(reader)
            writer = self._writer = IndexWriter.open(self._path, self._key)
            assert writer is not None
        yield from _advance(writer, reader, _STRETCH_COUNT)

    def _build(self, reader: LogReader) -> Iterator[tuple[int, int]]:
        """Build into a new file and put it in the place of the old one."""
        draft = self._folder / f"{DATABASE}.new"
        writer = IndexWriter.create(draft, self._key)
        try:
            with suppress(TrustError):  # met again by whoever goes on from there
                yield from _advance(writer, reader, _BUILD_COUNT)
            writer.finish(self._erased())
        finally:
            writer.close()
        # First the old file goes, then what belonged to it: SQLite must never find the old
        # write-ahead log beside the new file.
        for name in (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm"):
            (self._folder / name).unlink(missing_ok=True)
        draft.replace(self._path)

    def _erased(self) -> frozenset[str]:
        old = IndexWriter.open(self._path, self._key)
        if old is None:
            return frozenset()
        try:
            return old.erased()
        finally:
            old.close()

    @property
    def _path(self) -> Path:
        return self._folder / DATABASE

    def _drop(self) -> None:
        for opened in (self._writer, self._reader):
            if opened is not None:
                opened.close()
        self._writer = self._reader = None


def _advance(writer: IndexWriter, reader: LogReader, count: int) -> Iterator[tuple[int, int]]:
    """Index stretch by stretch, each of about `count` records and ending at a checkpoint."""
    while (end := _next_checkpoint(reader, writer.size, count)) is not None:
        writer.add(reader, *end)
        last = reader.last_checkpoint()
        yield writer.size, writer.size if last is None else last[0]


def _next_checkpoint(reader: LogReader, start: int, count: int) -> tuple[int, bytes] | None:
    """The last checkpoint within `count` records from `start` on, or else the next one."""
    last = reader.last_checkpoint()
    if last is None or last[0] <= start:
        return None
    if last[0] <= start + count:
        return last
    found = None
    for size, note in reader.checkpoints(start + 1):
        if found is not None and size > start + count:
            break
        found = (size, note)
    return found


def catch_up(
    log: Path,
    folder: Path,
    key: NoteVerifier,
    *,
    anew: bool = False,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> None:
    """Bring an index up to date, as a command does.

    Raises:
        SetupError: another process keeps it.
        TrustError: the log is not what it signed.
        AuditError: the log cannot be read, or the index not be written.
    """
    follower = Follower(log, folder, key)
    try:
        for done, total in follower.catch_up(anew=anew):
            progress(done, total)
    finally:
        follower.close()


async def keep_index(
    log: Path,
    folder: Path,
    key: NoteVerifier,
    *,
    quit_event: asyncio.Event,
    on_ready: Callable[[], None],
    on_behind: Callable[[int], None],
) -> None:
    """Follow the log until `quit_event`; whatever fails is tried again.

    Args:
        on_ready: called at once: nobody waits for an index.
        on_behind: told how many records are not indexed yet.
    """
    os.nice(_NICENESS)
    on_ready()
    follower: Follower | None = None
    failure = ""
    while not quit_event.is_set():
        wait_s = _LOOK_S
        try:
            follower = follower or Follower(log, folder, key)
            for done, total in follower.catch_up():
                on_behind(total - done)
                await asyncio.sleep(0)
                if quit_event.is_set():
                    break
            failure = ""
        except GatewayError as error:
            wait_s = _RETRY_S
            if failure != error.detail:
                _log.error("the search index is not kept", code=error.code, detail=error.detail)
            failure = error.detail
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await quit_event.wait()
    if follower is not None:
        follower.close()


def index_state(log: Path, folder: Path) -> str:
    """How an index stands, in a word: `ok`, `behind N`, `none`, or the code of an error."""
    try:
        with closing(LogReader.open(log)) as reader, closing(IndexReader.open(folder)) as index:
            last = reader.last_checkpoint()
            behind = 0 if last is None else last[0] - index.size()
    except AuditError as error:
        return error.code
    except GatewayError:
        return "none"
    return "ok" if behind <= 0 else f"behind {behind}"
