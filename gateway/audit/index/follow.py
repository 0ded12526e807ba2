# SPDX-License-Identifier: Apache-2.0
"""Keeping the index: built from the first record, then following the log.

A process of its own does (`keep_index`), or else a command that is about to search (`catch_up`).

Rules:

1. A build goes into a new file that takes the old one's place when it is complete, so that searches
   always have a whole index. Epochs whose keys were destroyed are erased in each.
2. An index of another log, of another schema, or of a log that was changed since, is built anew,
   with a warning: the log may have been tampered with. So is one that is damaged.
3. A log that is not what it signed is indexed up to its last good checkpoint and no further.
"""

import asyncio
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Final, final

import structlog

from gateway.audit.index.bits import BLOCK
from gateway.audit.index.rows import IndexReader
from gateway.audit.index.schema import DATABASE
from gateway.audit.index.writer import IndexWriter, Kept, is_unfit, lock_index, put_in_place
from gateway.audit.store.reader import LogReader, sqlite_error
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
        kept: names the epochs whose keys exist; blind indices of others are left out. None where
            no epoch is ever erased.

    Raises:
        SetupError: another process keeps this index.
    """

    def __init__(self, log: Path, folder: Path, key: NoteVerifier, kept: Kept = None) -> None:
        self._log: Final = log
        self._folder: Final = folder
        self._key: Final = key
        self._kept: Final = kept
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
            SetupError: the keys of epochs cannot be read, or the folder not be written.
        """
        try:
            yield from self._repaired(anew=anew)
        except BaseException as error:
            self._drop()  # the next call reads again what is there
            if isinstance(error, sqlite3.Error):
                raise sqlite_error(error, "writing the index") from None
            if isinstance(error, OSError):
                detail = f"writing the index: {error.strerror}"
                raise AuditError("AUDIT_UNAVAILABLE", detail) from None
            raise

    def _repaired(self, *, anew: bool) -> Iterator[tuple[int, int]]:
        try:
            yield from self._steps(anew=anew)
        except sqlite3.Error as error:
            if not is_unfit(error):
                raise
            _log.warning("the search index is damaged; building anew")
            self._drop()
            yield from self._steps(anew=True)

    def _steps(self, *, anew: bool) -> Iterator[tuple[int, int]]:
        reader = self._reader = self._reader or LogReader.open(self._log)
        first = self._writer is None
        writer = self._writer = self._writer or self._open()
        if writer is None and self._path.exists():
            _log.warning("the search index is damaged or another log's; building anew")
        if writer is not None and first and not anew:
            if not writer.agrees_with(reader):
                _log.warning(
                    "the log is not the one that was indexed; building anew", size=writer.size
                )
                anew = True
            elif writer.hides_kept():
                _log.warning("the search index hides epochs whose keys exist; building anew")
                anew = True
            else:
                writer.forget_erased()
        if writer is None or anew:
            if writer is not None:
                self._writer = None
                writer.close()
            yield from self._build(reader)
            writer = self._writer = self._open()
            assert writer is not None
            writer.forget_erased()  # one may have been erased after the new file was complete
        yield from _advance(writer, reader, _STRETCH_COUNT)

    def _build(self, reader: LogReader) -> Iterator[tuple[int, int]]:
        """Build into a new file and put it in the place of the old one."""
        draft = self._folder / f"{DATABASE}.new"
        writer = IndexWriter.create(draft, self._key, self._kept)
        try:
            with suppress(TrustError):  # met again by whoever goes on from there
                yield from _advance(writer, reader, _BUILD_COUNT)
            writer.finish()
        finally:
            writer.close()
        put_in_place(draft, self._path)

    def _open(self) -> IndexWriter | None:
        return IndexWriter.open(self._path, self._key, self._kept)

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
    kept: Kept = None,
    *,
    anew: bool = False,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> None:
    """Bring an index up to date, as a command does; `kept` as in `Follower`.

    Raises:
        SetupError: another process keeps it, or as `Follower.catch_up` raises.
        TrustError: the log is not what it signed.
        AuditError: the log cannot be read, or the index not be written.
    """
    follower = Follower(log, folder, key, kept)
    try:
        for done, total in follower.catch_up(anew=anew):
            progress(done, total)
    finally:
        follower.close()


async def keep_index(
    log: Path,
    folder: Path,
    key: NoteVerifier,
    kept: Kept = None,
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
            follower = follower or Follower(log, folder, key, kept)
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
