# SPDX-License-Identifier: Apache-2.0
"""A department that says bytes, whatever it is asked: for what no well-kept server would say.

Over a socket (`wire`), or without one, each part of an answer in a read of its own (`heard`).
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from gateway.errors import DepartmentError
from gateway.sdk import Deadline
from gateway.sdk.kits.http_connection import Connection, Said
from gateway.sdk.kits.http_pool import Pool

REQUEST = b"POST /q HTTP/1.1\r\nHost: desk\r\nContent-Length: 2\r\n\r\n{}"


class Wire:
    """A server whose connections each follow one script, the last one for ever.

    A script is what is said to one question after another: bytes, None to hang up, or seconds to
    be silent for. Beyond its end nothing is said.

    Attributes:
        connection_count: that were made.
        heard: the requests of each connection, by their count.
        asked: set when anything was asked.
        ended: set when a peer has gone.
    """

    def __init__(self, scripts: Sequence[Sequence[Sequence[bytes | float | None]]]) -> None:
        self._scripts = list(scripts)
        self.connection_count = 0
        self.heard: list[int] = []
        self.asked, self.ended = asyncio.Event(), asyncio.Event()
        self._is_over = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
        number = self.connection_count
        self.connection_count += 1
        self.heard.append(0)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            for answer in script:
                await reader.readexactly(len(REQUEST))
                self.heard[number] += 1
                self.asked.set()
                for said in answer:
                    if said is None:
                        return
                    if isinstance(said, bytes):
                        writer.write(said)
                        await writer.drain()
                    else:
                        await self._be_silent(said)
            await reader.read()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.ended.set()
            writer.close()

    async def end(self) -> None:
        """Wait for who still serves; the peers have gone."""
        self._is_over.set()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _be_silent(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._is_over.wait()


@asynccontextmanager
async def wire(
    *scripts: Sequence[Sequence[bytes | float | None]],
    limit: int = 4,
    read_timeout_s: float | None = None,
    max_body_bytes: int = 1000,
) -> AsyncIterator[tuple[Wire, Pool]]:
    """A server that follows these scripts, and a pool of connections to it."""
    serving = Wire(scripts)
    server = await asyncio.start_server(serving.serve, "127.0.0.1", 0)
    pool = Pool(
        "127.0.0.1",
        server.sockets[0].getsockname()[1],
        tls=None,
        limit=limit,
        connect_timeout_s=2.0,
        read_timeout_s=read_timeout_s,
        max_body_bytes=max_body_bytes,
    )
    try:
        yield serving, pool
    finally:
        await pool.aclose()
        server.close()
        await serving.end()


async def heard(parts: Iterable[bytes]) -> Said | type[DepartmentError]:
    """What a question comes to whose answer arrives in these parts, and then the end."""
    connection = Connection(read_timeout_s=None, max_body_bytes=1000, on_lost=lambda _: None)
    connection.connection_made(_Deaf())
    asking = asyncio.create_task(connection.ask(REQUEST, (), Deadline.after(60)))
    await asyncio.sleep(0)
    for part in parts:
        connection.data_received(part)
    connection.connection_lost(None)
    try:
        return await asking
    except DepartmentError as error:
        return type(error)


class _Deaf(asyncio.Transport):
    def write(self, data: bytes | bytearray | memoryview) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def abort(self) -> None:
        pass
