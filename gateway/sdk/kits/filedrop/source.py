# SPDX-License-Identifier: Apache-2.0
"""The newest good delivery of a folder, asked by key."""

import asyncio
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

import msgspec

from gateway.errors import AdapterUnavailable
from gateway.model.answer import Found, NotFound
from gateway.model.certificate import Value
from gateway.sdk.adapter import Deadline
from gateway.sdk.kits.filedrop.layout import Delivery, deliveries
from gateway.sdk.kits.filedrop.load import Job, Meaning, Report, held_by, key_of, stated_digest
from gateway.sdk.kits.sqlite import SqliteDriver

_LOOKUP: Final = """
SELECT delivery.as_of, delivery.form, record.fields
FROM delivery LEFT JOIN record ON record.key = $1
"""
_HELD: Final = "SELECT as_of FROM delivery"
_PING_S: Final = 5.0
#: A file of tomorrow may come tonight; one of next year would hide all others until then.
_MOST_AHEAD: Final = timedelta(days=1)
_AHEAD: Final = "the day in its name is more than a day ahead"
_LOADER: Final = ("-P", "-m", "gateway.sdk.kits.filedrop.load")
_CONNECTIONS: Final = 4

P = ParamSpec("P")
T = TypeVar("T")


class FileDropSource:
    """A folder in which a department delivers.

    Args:
        name: of the adapter; the index is named after it, and log lines say it.
        folder: where deliveries come; the gateway only reads there.
        state: folder in which the index is kept; it holds the records, so nobody else may read it.
        meaning: of a delivery's rows.
        poll_s: seconds between two looks into the folder.
    """

    def __init__(
        self, name: str, folder: Path, state: Path, meaning: Meaning, *, poll_s: float = 30.0
    ) -> None:
        self._name: Final = name
        self._folder: Final = folder
        self._poll_s: Final = poll_s
        self._meaning: Final = meaning
        self._file: Final = state / f"{name}.filedrop"
        self._index: Final = SqliteDriver(self._file, connections=_CONNECTIONS)
        self._disk: ThreadPoolExecutor | None = None
        self._refused: set[tuple[Delivery, int]] = set()
        self._early: set[Delivery] = set()
        self._looked: Final = asyncio.Event()
        self._watch: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Begin to watch the folder; a folder that is away fails lookups, not this."""
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._disk = ThreadPoolExecutor(1, "yizheng-filedrop")
        await self._index.open()
        self._watch = asyncio.create_task(self._keep_watching(), name=f"filedrop {self._name}")

    async def aclose(self) -> None:
        """Stop watching, and a loader that runs; also without `open`."""
        try:
            if self._watch is not None:
                self._watch.cancel()
                # Not awaited itself: who cancels this call would be taken for it.
                await asyncio.wait((self._watch,))
        finally:
            if self._disk is not None:
                self._disk.shutdown(wait=False, cancel_futures=True)
            await self._index.aclose()

    async def lookup(self, *key: Value, deadline: Deadline) -> Found | NotFound:
        """The record of this key.

        Args:
            key: the holder's number, then the certificate's key fields.
            deadline: also for the first look into the folder, after `open`.

        Raises:
            AdapterUnavailable: no good delivery, or the last one is too old.
        """
        if not self._looked.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(deadline.remaining_s):
                    await self._looked.wait()
        [row] = await self._index.fetch(_LOOKUP, (key_of(*key),), deadline)
        if row["form"] != self._meaning.form:
            raise AdapterUnavailable("the index is of an older declaration")
        as_of = datetime.fromisoformat(row["as_of"])
        self._check_age(as_of)
        if row["fields"] is None:
            return NotFound(as_of)
        return Found(msgspec.json.decode(row["fields"], type=dict[str, Value]), as_of)

    async def ping(self) -> None:
        """Whether there is a good delivery that still answers.

        Raises:
            AdapterUnavailable: there is none, or it is too old.
        """
        [held] = await self._index.fetch(_HELD, (), Deadline.after(_PING_S))
        self._check_age(datetime.fromisoformat(held["as_of"]))

    def _check_age(self, as_of: datetime) -> None:
        if (datetime.now(UTC) - as_of).total_seconds() > self._meaning.layout.max_age_s:
            raise AdapterUnavailable("the last good delivery is too old")

    async def _keep_watching(self) -> None:
        while True:
            try:
                await self.refresh()
            except Exception as error:  # noqa: BLE001 - to watch on is all that helps
                _log().warning(
                    "delivery_unreadable", adapter=self._name, error=type(error).__name__
                )
            self._looked.set()
            await asyncio.sleep(self._poll_s)

    async def refresh(self) -> None:
        """Look into the folder, and load the newest good delivery if it is not in use yet.

        Raises:
            OSError: the folder cannot be read.
        """
        held = await self._off_loop(held_by, self._file)
        now = datetime.now(UTC)
        if held is not None and (held.form != self._meaning.form or held.as_of > now):
            held = None
        for delivery in await self._off_loop(deliveries, self._folder, self._meaning.layout):
            if delivery.as_of > now:
                self._tell_early(delivery)
                continue
            if held is not None and (
                delivery.as_of < held.as_of
                or (
                    delivery.as_of == held.as_of
                    and await self._off_loop(stated_digest, delivery.path) == held.digest
                )
            ):
                return
            attempt = (delivery, (await self._off_loop(delivery.path.stat)).st_mtime_ns)
            if attempt in self._refused:
                continue
            ahead = delivery.as_of > datetime.now(UTC) + _MOST_AHEAD
            report = Report(refused=_AHEAD) if ahead else await self._load(delivery)
            if report.refused is None:
                _log().info("delivery_in_use", adapter=self._name, rows=report.rows)
                return
            self._refused.add(attempt)
            _log().error(
                "delivery_refused",
                adapter=self._name,
                delivery=delivery.path.name,
                reason=report.refused,
            )

    def _tell_early(self, delivery: Delivery) -> None:
        """Nobody vouches for a day to come; taken, it would shut out all that come before it."""
        if delivery not in self._early:
            self._early.add(delivery)
            _log().error(
                "delivery_not_yet_taken",
                adapter=self._name,
                delivery=delivery.path.name,
                reason="the day in its name is still to come",
            )

    async def _off_loop(self, look: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Look at a disk that may be slow, or another machine's."""
        assert self._disk is not None, "open() comes first"
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._disk, partial(look, *args, **kwargs))

    async def _load(self, delivery: Delivery) -> Report:
        job = Job(str(delivery.path), delivery.as_of, str(self._file), self._meaning)
        process = await asyncio.create_subprocess_exec(
            sys.executable, *_LOADER,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            output, _ = await process.communicate(msgspec.json.encode(job))
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            raise OSError("the loader failed")
        return msgspec.json.decode(output, type=Report)


def _log() -> Any:
    """The logger; imported when there is something to say, since that takes a while."""
    import structlog  # noqa: PLC0415

    return structlog.get_logger("filedrop")
