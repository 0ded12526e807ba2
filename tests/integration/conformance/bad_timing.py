# SPDX-License-Identifier: Apache-2.0
"""Adapters that answer late, keep on, or mix answers up. One for each check of G to J."""

import asyncio
from collections.abc import Callable
from typing import Any, ClassVar

import msgspec

from gateway.conformance import Subject
from gateway.sdk import (
    AdapterContext,
    AdapterContractBroken,
    AdapterTimeout,
    AdapterUnavailable,
    Deadline,
    Found,
    NotFound,
    Query,
)
from gateway.sdk.kits.http import HttpSource
from tests.integration.conformance.bad_declared import of
from tests.integration.conformance.desk import Desk


class Patient(Desk):
    """Has a deadline of its own."""

    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        return await super().lookup(query, Deadline.after(60))


class Nervous(Desk):
    """Gives up after a tenth of a second."""

    async def open(self, context: AdapterContext) -> None:
        self.source = HttpSource(self.settings.url, read_timeout_s=0.1)
        await self.source.open()


class Raw(Desk):
    """Speaks over one connection of its own."""

    async def connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, _, port = self.settings.url.removeprefix("http://").partition(":")
        return await asyncio.open_connection(host, int(port))

    def send(self, writer: asyncio.StreamWriter, number: str) -> None:
        body = msgspec.json.encode({"number": number})
        head = f"POST /ask HTTP/1.1\r\nHost: desk\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)

    def rows(self, content: bytes) -> list[dict[str, str]]:
        try:
            found: list[dict[str, str]] = msgspec.json.decode(content)["rows"]
        except msgspec.DecodeError:
            raise AdapterContractBroken("unreadable") from None
        return found


class Hurried(Raw):
    """Reads once, and takes that for the answer."""

    async def ask(self, number: str, deadline: Deadline) -> list[dict[str, str]]:
        reader, writer = await self.connection()
        try:
            self.send(writer, number)
            return self.rows((await reader.read(65536)).partition(b"\r\n\r\n")[2])
        finally:
            writer.close()


class Crossed(Raw):
    """Reads the next answer from one connection, whoever's it is."""

    pair: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, number: str, deadline: Deadline) -> list[dict[str, str]]:
        if self.pair is None:
            self.pair = await self.connection()
        reader, writer = self.pair
        self.send(writer, number)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
        return self.rows(await reader.readexactly(length))

    async def aclose(self) -> None:
        if self.pair is not None:
            self.pair[1].close()


class Slow(Desk):
    """Takes its time before it looks at the clock."""

    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        await asyncio.sleep(5)
        return await super().lookup(query, deadline)


class Stubborn(Desk):
    """Cannot be cancelled."""

    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        try:
            return await super().lookup(query, deadline)
        except BaseException:  # noqa: BLE001 - the mistake
            return NotFound()

    async def ping(self) -> None:
        try:
            await super().ping()
        except asyncio.CancelledError:
            raise AdapterTimeout from None


class Jammed(Desk):
    """Does not give its lock back when it is cancelled."""

    busy = False

    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        if self.busy:
            raise AdapterUnavailable("busy")
        self.busy = True
        try:
            answer = await super().lookup(query, deadline)
        except Exception:
            self.busy = False
            raise
        self.busy = False
        return answer


async def linger() -> None:
    await asyncio.sleep(3600)


class Trailing(Desk):
    """Leaves a task behind with each lookup."""

    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        self.task = asyncio.create_task(linger())
        answer = await super().lookup(query, deadline)
        self.task.cancel()
        return answer


class Unready(Desk):
    """Notes what it has made after it has waited."""

    task: asyncio.Task[None] | None = None

    async def open(self, context: AdapterContext) -> None:
        await super().open(context)
        task = asyncio.create_task(linger())
        await asyncio.sleep(0)
        self.task = task

    async def aclose(self) -> None:
        await super().aclose()
        if self.task is not None:
            self.task.cancel()


class Mixed(Desk):
    """Keeps the question in itself."""

    number = ""

    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        self.number = query.holder.number
        await asyncio.sleep(0.001)
        rows = await self.ask(self.number, deadline)
        return Found(rows[0]) if rows else NotFound()


class Joined(Desk):
    """Lets equal questions wait for one call, which ends with whoever asked first."""

    def __init__(self, settings: Any) -> None:
        super().__init__(settings)
        self.calls: dict[str, asyncio.Task[Found | NotFound]] = {}

    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        number = query.holder.number
        if number not in self.calls:
            self.calls[number] = asyncio.create_task(super().lookup(query, deadline))
        try:
            return await self.calls[number]
        finally:
            self.calls.pop(number, None)


class OneForAll(Desk):
    """Keeps its client in the class."""

    client: ClassVar[list[HttpSource]] = []

    async def open(self, context: AdapterContext) -> None:
        if not self.client:
            self.client.append(HttpSource(self.settings.url))
            await self.client[0].open()
        self.source = self.client[0]

    async def aclose(self) -> None:
        if self.client:
            await self.client.pop().aclose()


class Counting(Desk):
    """Counts its answers in a field."""

    count = 0

    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        answer = await super().lookup(query, deadline)
        self.count += 1
        fields = answer.fields if isinstance(answer, Found) else None
        return Found({**fields, "remark": str(self.count)}) if fields else answer


class Sticky(Desk):
    """Answers a stranger with whoever came before."""

    last: Found | None = None

    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        answer = await super().lookup(query, deadline)
        if isinstance(answer, NotFound) and self.last is not None:
            return self.last
        self.last = answer if isinstance(answer, Found) else None
        return answer


class Once(Desk):
    """Works in its first life only."""

    closed: ClassVar[list[bool]] = []

    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        return NotFound() if self.closed else await super().lookup(query, deadline)

    async def aclose(self) -> None:
        self.closed.append(True)
        await super().aclose()


TIMING: dict[str, Callable[[int], Subject]] = {
    "YZ-G01": of(Patient),
    "YZ-G02": of(Patient),
    "YZ-G03": of(Patient),
    "YZ-G04": of(Nervous),
    "YZ-G05": of(Hurried),
    "YZ-G06": of(Slow),
    "YZ-H01": of(Stubborn),
    "YZ-H02": of(Jammed),
    "YZ-H03": of(Trailing),
    "YZ-H04": of(Stubborn),
    "YZ-H05": of(Unready),
    "YZ-H06": of(Crossed),
    "YZ-I01": of(Mixed),
    "YZ-I02": of(Joined),
    "YZ-I03": of(OneForAll),
    "YZ-J01": of(Counting),
    "YZ-J02": of(Sticky),
    "YZ-J03": of(Once),
}
