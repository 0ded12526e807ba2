# SPDX-License-Identifier: Apache-2.0
"""Receivers of events over real sockets, which do what each test says."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec
from http_message_signatures import (
    HTTPMessageVerifier,
    MappingKeyResolver,
    VerifyResult,
    algorithms,
)

from gateway.model.office_event import OfficeEvent, parse_event

#: A status, or what a receiver does instead of answering.
Answer = int | str
OK = 204
COVERED = (
    *("@method", "@authority", "@path", "@query", "content-type", "content-digest"),
    "idempotency-key",
)


class Delivered(msgspec.Struct, frozen=True):
    """A request as it came in; `url` is what the peer's verifier takes."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> OfficeEvent:
        return parse_event(self.body)


class Receiver:
    """Answers by `script`, one entry a request, then by `usual`."""

    def __init__(self, *script: Answer, usual: Answer = OK) -> None:
        self.script: list[Answer] = list(script)
        self.usual = usual
        self.answer_of: Callable[[OfficeEvent], Answer | None] = lambda _event: None
        self.requests: list[Delivered] = []
        self.authority, self.scheme = "", "http"
        self.taken: list[OfficeEvent] = []

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.authority}/oa/events?from=gateway"

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                await self._one(head.decode(), reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _one(
        self, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        first, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
        method, target, _ = first.split(" ")
        headers = dict(line.split(": ", 1) for line in lines)
        body = await reader.readexactly(int(headers["Content-Length"]))
        request = Delivered(method, f"http://{headers['Host']}{target}", headers, body)
        self.requests.append(request)
        said = self.answer_of(request.event)
        if said is None:
            said = self.script.pop(0) if self.script else self.usual
        if said == "hang":
            await asyncio.Event().wait()
        if said == "reset":
            writer.transport.abort()
            return
        if said == "endless":
            self.taken.append(request.event)
            writer.write(b"HTTP/1.1 200 X\r\nContent-Length: 1000000000\r\n\r\nand so on")
            await asyncio.Event().wait()
        more = f"Location: {self.url}\r\n" if isinstance(said, int) and said // 100 == 3 else ""
        if isinstance(said, int) and said // 100 == 2:
            self.taken.append(request.event)
        writer.write(f"HTTP/1.1 {said} X\r\n{more}Content-Length: 0\r\n\r\n".encode())
        await writer.drain()


@asynccontextmanager
async def receiving(
    receiver: Receiver, port: int = 0, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Receiver]:
    """Run it; connections that hang are cut at the end."""
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(receiver.answer(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", port, ssl=tls)
    receiver.scheme = "http" if tls is None else "https"
    receiver.authority = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield receiver
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        if tasks:
            await asyncio.wait(tuple(tasks))


def verify_by_peer(request: Delivered, keyid: str, public: str) -> VerifyResult:
    """Have the independent implementation check signature, coverage and digest."""
    resolver = MappingKeyResolver(public_keys={keyid: public.encode()}, private_keys={})
    verifier = HTTPMessageVerifier(
        signature_algorithm=algorithms.ECDSA_P256_SHA256, key_resolver=resolver
    )
    (result,) = verifier.verify(
        request, expect_tag="yizheng-v1-event", require_components=COVERED, body=request.body
    )
    return result
