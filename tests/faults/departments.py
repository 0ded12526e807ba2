# SPDX-License-Identifier: Apache-2.0
"""A department over real HTTP that fails as it is told to, and adapters that do harm."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, ClassVar, Literal

import msgspec

from gateway.model.certificate import CertificateType
from gateway.sdk import Adapter, AdapterContext, Deadline, Found, NotFound, Query, Value
from gateway.sdk.kits.http import HttpSource
from tests.unit.exchange.rooms import IDENTITY, NAME, NUMBER

OTHER = "140303190001020027"
RECORD: Mapping[str, Value] = {"id_number": NUMBER, "name": NAME, "valid_to": "2099-01-01"}
Mood = Literal["answer", "hang", "reset", "cut", "slice", "down"]


class Department:
    """One HTTP server.

    Attributes:
        mood: how it treats the next request.
        record: what it answers.
        requests: monotonic times of all requests that reached it.
        lookups: how many of them were lookups.
    """

    def __init__(self) -> None:
        self.mood: Mood = "answer"
        self.record: Any = RECORD
        self.requests: list[float] = []
        self.lookups = 0
        self.port = 0
        self._end = asyncio.Event()
        self._served: set[asyncio.Task[Any]] = set()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["Department"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self._end.set()
            if self._served:
                await asyncio.wait(self._served)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._served.add(task)
        task.add_done_callback(self._served.discard)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while not self._end.is_set():
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    (
                        int(line.split(b":")[1])
                        for line in head.splitlines()
                        if line.lower().startswith(b"content-length")
                    ),
                    0,
                )
                await reader.readexactly(length)
                self.requests.append(time.monotonic())
                self.lookups += head.startswith(b"POST")
                if not await self._answer(writer):
                    break
        writer.close()

    async def _answer(self, writer: asyncio.StreamWriter) -> bool:
        body = msgspec.json.encode(self.record)
        status = b"503 Down" if self.mood == "down" else b"200 OK"
        head = b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
        match self.mood:
            case "hang":
                await self._end.wait()
                return False
            case "reset":
                writer.transport.abort()
                return False
            case "cut":
                writer.write(head + body[: len(body) // 2])
                return False
            case "slice":
                for byte in head + body:
                    writer.write(bytes([byte]))
                    await asyncio.sleep(0.0005)
            case "answer" | "down":
                writer.write(head + body)
        return True


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    port: int = 1
    idempotent: bool = False


class Register(Adapter[Settings]):
    """Asks `Department` by the HTTP kit."""

    plugin = "register"
    api_version = 1
    certificates: ClassVar[tuple[CertificateType, ...]] = (IDENTITY,)
    settings_type: ClassVar[type[msgspec.Struct]] = Settings

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._source = HttpSource("http://127.0.0.1:1")

    async def open(self, context: AdapterContext) -> None:
        self._source = HttpSource(f"http://127.0.0.1:{self.settings.port}", retries=context.retries)
        await self._source.open()

    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        record = await self._source.call(
            "POST",
            "/lookup",
            dict[str, Any],
            deadline,
            body=query.holder.number,
            idempotent=self.settings.idempotent,
        )
        return Found(record) if record else NotFound()

    async def ping(self) -> None:
        await self._source.call("GET", "/health", dict[str, Any], Deadline.after(1))

    async def aclose(self) -> None:
        await self._source.aclose()


class Quiet(Adapter[Settings]):
    """Base of adapters without a department."""

    plugin = "quiet"
    api_version = 1
    certificates: ClassVar[tuple[CertificateType, ...]] = (IDENTITY,)
    settings_type: ClassVar[type[msgspec.Struct]] = Settings

    async def open(self, context: AdapterContext) -> None:
        pass

    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        await asyncio.sleep(0)
        return Found(RECORD)

    async def ping(self) -> None:
        pass

    async def aclose(self) -> None:
        pass
