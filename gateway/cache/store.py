# SPDX-License-Identifier: Apache-2.0
"""The connection of one process to the store that nodes share (Valkey ≥ 7.2, Redis ≥ 7).

1. One connection, without a thread. Whatever was asked meanwhile leaves in the next round together.
2. A round that is not answered within `ROUND_S` ends the connection: what would come later belongs
   to nobody any more. A new one is tried with growing intervals up to a second.
3. While there is none, asking fails at once and costs nothing. So does asking while the store is
   slow: after `MAX_LATE_COUNT` answers in a row that were too late, until one round was quick.
4. Nothing is sent twice.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Final, final

from valkey.asyncio import Connection
from valkey.exceptions import ResponseError, ValkeyError

from gateway.errors import StoreError

#: Seconds after which an answer of the store is of no use to a lookup.
LATE_S: Final = 0.05
MAX_LATE_COUNT: Final = 3
ROUND_S: Final = 0.5
#: Seconds for a connection and its first reply.
HELLO_S: Final = 1.0
_MAX_QUEUE_COUNT: Final = 4096
_BACKOFF_S: Final = (0.05, 0.1, 0.25, 0.5, 1.0)
_RUN_ID: Final = re.compile(rb"^run_id:([0-9a-f]{40})\r?$", re.MULTILINE)

Command = tuple[bytes | str | int, ...]
#: One reply for each command, as RESP2 has it.
Replies = list[Any]


@final
class Store:
    """The store, as one process sees it. Owned by one event loop.

    Args:
        connect: makes a connection that is not open yet.

    Attributes:
        run_id: of the store's present life; None while it is away.
    """

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect: Final = connect
        self._queue: Final[list[tuple[Sequence[Command], asyncio.Future[Replies]]]] = []
        self._arrived: Final = asyncio.Event()
        self._late_count = 0
        self.run_id: bytes | None = None

    @property
    def is_quick(self) -> bool:
        """Whether it makes sense to have a lookup wait for it."""
        return self.run_id is not None and self._late_count < MAX_LATE_COUNT

    async def ask(self, commands: Sequence[Command], limit_s: float | None = None) -> Replies:
        """Send commands in their order, and read as many replies, within `ROUND_S` or this limit.

        Raises:
            StoreError: it is away, slow, or refused one of them.
        """
        asked = self.ask_soon(commands)
        try:
            async with asyncio.timeout(ROUND_S if limit_s is None else limit_s):
                replies = await asked
        except TimeoutError:
            self._late_count += 1
            raise StoreError("CACHE_UNREACHED", "the shared cache was too slow") from None
        return replies

    def ask_soon(self, commands: Sequence[Command]) -> "asyncio.Future[Replies]":
        """As `ask`, without a coroutine; whoever does not want the replies may drop them.

        Raises:
            StoreError: it is away.
        """
        if self.run_id is None or len(self._queue) >= _MAX_QUEUE_COUNT:
            raise StoreError("CACHE_UNREACHED", "the shared cache is away")
        asked: asyncio.Future[Replies] = asyncio.get_running_loop().create_future()
        asked.add_done_callback(_look)
        self._queue.append((commands, asked))
        self._arrived.set()
        return asked

    async def keep(self, follow: Callable[[], Awaitable[None]]) -> None:
        """Keep a connection until cancelled.

        Args:
            follow: runs as long as there is one; when it fails with StoreError, so has that.
        """
        attempt = 0
        while True:
            if await self._live(follow):
                attempt = 0
            await asyncio.sleep(_BACKOFF_S[min(attempt, len(_BACKOFF_S) - 1)])
            attempt += 1

    async def _live(self, follow: Callable[[], Awaitable[None]]) -> bool:
        """One connection from its beginning to its end; returns whether it ever was one."""
        connection, was_there = self._connect(), False
        try:
            async with asyncio.timeout(HELLO_S):
                await connection.connect()  # type: ignore[no-untyped-call]  # without annotations
                self.run_id = await _hello(connection)
            was_there, self._late_count = True, 0
            await self._serve(connection, follow)
        except (OSError, ValkeyError, StoreError):  # TimeoutError is an OSError
            pass
        finally:
            self.run_id = None
            self._give_up()
            with suppress(OSError, ValkeyError):
                await connection.disconnect(nowait=True)
        return was_there

    async def _serve(self, connection: Connection, follow: Callable[[], Awaitable[None]]) -> None:
        """Until either fails; raises what it failed with."""
        rounds = asyncio.create_task(self._run_rounds(connection))
        following = asyncio.create_task(_awaited(follow))
        running = (rounds, following)
        try:
            done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in running:
                task.cancel()
            await asyncio.wait(running)
        for task in done:
            task.result()

    async def _run_rounds(self, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            round_, self._queue[:] = list(self._queue), []
            started_s = loop.time()
            try:
                async with asyncio.timeout(ROUND_S):
                    commands = [command for asked, _ in round_ for command in asked]
                    await connection.send_packed_command(connection.pack_commands(commands))
                    for asked, replied in round_:
                        _settle(replied, [await _read(connection) for _ in asked])
            finally:
                for _, replied in round_:
                    _fail(replied)
            if loop.time() - started_s < LATE_S:
                self._late_count = 0

    def _give_up(self) -> None:
        for _, replied in self._queue:
            _fail(replied)
        self._queue.clear()


async def _awaited(follow: Callable[[], Awaitable[None]]) -> None:
    await follow()


async def _hello(connection: Connection) -> bytes:
    """Learn which life of the store this is."""
    await connection.send_command("INFO", "server")
    said = await connection.read_response()
    found = _RUN_ID.search(said) if isinstance(said, bytes) else None
    if found is None:
        raise StoreError("CACHE_UNREACHED", "the server does not tell its run_id")
    return found[1]


async def _read(connection: Connection) -> object:
    """One reply; a refusal is one, too, and those behind it still come."""
    try:
        return await connection.read_response()
    except ResponseError as error:
        return error


def _settle(replied: "asyncio.Future[Replies]", replies: Replies) -> None:
    if replied.done():  # too late for who asked
        return
    refused = next((reply for reply in replies if isinstance(reply, ResponseError)), None)
    if refused is None:
        replied.set_result(replies)
    else:  # its words may repeat ours, so only their kind is told
        kind = type(refused).__name__
        error = StoreError("CACHE_UNREACHED", f"the shared cache refused: {kind}")
        replied.set_exception(error)


def _fail(replied: "asyncio.Future[Replies]") -> None:
    if not replied.done():
        replied.set_exception(StoreError("CACHE_UNREACHED", "the shared cache went away"))


def _look(asked: "asyncio.Future[Replies]") -> None:
    """Nobody may be waiting for it any more."""
    if not asked.cancelled():
        asked.exception()
