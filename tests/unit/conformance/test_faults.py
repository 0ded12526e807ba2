# SPDX-License-Identifier: Apache-2.0
"""Each fault, as a client of the proxy sees it, over TCP and over a Unix socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from gateway.conformance.faults import (
    CLOSED,
    GARBAGE,
    ONE_BYTE,
    RESET,
    SILENT,
    Fault,
    FaultProxy,
    http_flood,
    http_reply,
    soap_fault,
)

ANSWER = b"answer " * 64
SOCKET = ".s.PGSQL.5432"


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.readline():
        writer.write(ANSWER)
    writer.close()


@pytest.fixture(params=["tcp", "unix"])
async def upstream(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """A service that answers each line with the same bytes."""
    with TemporaryDirectory(prefix="yz-") as folder:
        if request.param == "tcp":
            server = await asyncio.start_server(answer, "127.0.0.1", 0)
            address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        else:
            server = await asyncio.start_unix_server(answer, Path(folder) / SOCKET)
            address = folder
        yield address
        server.close()
        await server.wait_closed()


class Client:
    """One connection to the proxy."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, size: int = -1, line: bytes = b"question\n") -> bytes:
        """What comes back until the end, or that many bytes."""
        self.writer.write(line)
        async with asyncio.timeout(5):
            return await (self.reader.read() if size < 0 else self.reader.readexactly(size))

    async def aclose(self) -> None:
        self.writer.close()
        with suppress(OSError):
            await self.writer.wait_closed()


async def connect(address: str) -> Client:
    if address.startswith("/"):
        return Client(*await asyncio.open_unix_connection(Path(address) / SOCKET))
    host, _, port = address.rpartition(":")
    return Client(*await asyncio.open_connection(host, int(port)))


async def seen(upstream: str, fault: Fault, size: int = -1) -> bytes:
    """What a new connection sees under a fault."""
    with FaultProxy(upstream, fault) as proxy:
        client = await connect(proxy.address)
        try:
            return await client.ask(size)
        finally:
            await client.aclose()


async def test_without_a_fault_bytes_pass_both_ways(upstream: str) -> None:
    with FaultProxy(upstream) as proxy:
        client = await connect(proxy.address)
        assert await client.ask(len(ANSWER)) == ANSWER
        assert await client.ask(len(ANSWER), b"again\n") == ANSWER
        assert bytes(proxy.sent) == b"question\nagain\n"
        assert (proxy.connection_count, proxy.open_count) == (1, 1)
        assert proxy.answer_bytes == 2 * len(ANSWER)
        await client.aclose()


async def test_a_connection_is_closed_or_reset_when_a_question_comes(upstream: str) -> None:
    assert await seen(upstream, CLOSED) == b""
    if upstream.startswith("/"):
        assert await seen(upstream, RESET) == b""
    else:
        with pytest.raises(ConnectionResetError):
            await seen(upstream, RESET)


async def test_silence_lasts_until_the_client_gives_up(upstream: str) -> None:
    with FaultProxy(upstream, SILENT) as proxy:
        client = await connect(proxy.address)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await client.ask()
        await client.aclose()
    assert bytes(proxy.sent) == b"question\n"


async def test_an_answer_is_cut_replaced_changed_and_cut_into_bytes(upstream: str) -> None:
    assert await seen(upstream, Fault(cut_after=10)) == ANSWER[:10]
    assert await seen(upstream, GARBAGE) == GARBAGE.reply
    assert await seen(upstream, ONE_BYTE, len(ANSWER)) == ANSWER
    swapped = await seen(upstream, Fault(swap=(b"answer", b"ANSWER")), len(ANSWER))
    assert swapped == ANSWER.upper()


async def test_a_fault_counts_on_connections_that_are_open_already(upstream: str) -> None:
    with FaultProxy(upstream) as proxy:
        client = await connect(proxy.address)
        assert await client.ask(len(ANSWER)) == ANSWER
        proxy.fault = Fault(cut_after=3)
        assert await client.ask() == ANSWER[:3]
        await client.aclose()


async def test_a_department_goes_away_and_comes_back_at_the_same_address(upstream: str) -> None:
    with FaultProxy(upstream) as proxy:
        address = proxy.address
        client = await connect(address)
        assert await client.ask(len(ANSWER)) == ANSWER
        proxy.go_away()
        with pytest.raises((ConnectionRefusedError, FileNotFoundError)):
            await connect(address)
        await client.aclose()
        proxy.come_back()
        again = await connect(proxy.address)
        assert proxy.address == address
        assert await again.ask(len(ANSWER)) == ANSWER
        await again.aclose()


async def test_ready_made_replies_are_whole_messages() -> None:
    assert http_reply(429, b"{}", "application/json", "Retry-After: 7").reply == (
        b"HTTP/1.1 429 Fault\r\nContent-Type: application/json\r\nRetry-After: 7\r\n"
        b"Content-Length: 2\r\nConnection: close\r\n\r\n{}"
    )
    assert b"<faultcode>soap:Server</faultcode>" in (soap_fault("Server").reply or b"")


async def test_a_flood_ends_at_its_size(upstream: str) -> None:
    flood = http_flood(1 << 20)
    assert len(await seen(upstream, flood)) >= 1 << 20


async def test_request_targets_are_seen(upstream: str) -> None:
    with FaultProxy(upstream, CLOSED) as proxy:
        client = await connect(proxy.address)
        await client.ask(line=b"GET /a?number=1 HTTP/1.1\r\nHost: x\r\n\r\n")
        await client.aclose()
        assert proxy.targets == ("/a?number=1",)
