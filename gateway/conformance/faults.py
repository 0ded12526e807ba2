# SPDX-License-Identifier: Apache-2.0
"""A department that misbehaves: a proxy in front of its simulator that puts faults in.

Rules:

1. The proxy has a thread and an event loop of its own, so that an adapter that blocks its loop
   still meets the fault, and the check still ends: nothing is held longer than `HOLD_S`.
2. A fault counts from the next bytes on, on connections that are open already too: a pooled
   connection that died meanwhile is what real departments offer.
3. The proxy passes bytes and knows no protocol. A ready-made reply is given in place of the
   department's; which one is garbage and which a SOAP fault is a matter of the bytes.
"""

import asyncio
import re
import socket
import struct
import threading
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Literal, Self

import msgspec

#: Seconds for which a silent connection is kept, at most.
HOLD_S: Final = 10.0
_CHUNK: Final = 64 * 1024
_REQUEST_LINE: Final = re.compile(rb"(?m)^[A-Z]{3,7} (\S+) HTTP/1\.[01]\r?$")


class Fault(msgspec.Struct, frozen=True):
    """What goes wrong. Without arguments: nothing.

    Attributes:
        on_request: what becomes of a connection when a question comes over it: `reset` (RST),
            `close` (FIN, no byte), `silent` (never answered); None answers it.
        delay_s: before the first byte of each answer.
        cut_after: bytes of an answer after which the connection ends.
        slice_bytes: an answer comes in pieces of that size, 0 as it is.
        slice_pause_s: between two pieces.
        reply: given in place of the department's answer; then the connection ends.
        flood_bytes: blanks that follow the reply.
        swap: text in answers that becomes another of the same length.
    """

    on_request: Literal["reset", "close", "silent"] | None = None
    delay_s: float = 0.0
    cut_after: int | None = None
    slice_bytes: int = 0
    slice_pause_s: float = 0.0
    reply: bytes | None = None
    flood_bytes: int = 0
    swap: tuple[bytes, bytes] | None = None


CLEAN: Final = Fault()
RESET: Final = Fault(on_request="reset")
CLOSED: Final = Fault(on_request="close")
SILENT: Final = Fault(on_request="silent")
GARBAGE: Final = Fault(reply=bytes(range(255, 0, -1)) * 4)
ONE_BYTE: Final = Fault(slice_bytes=1)
#: A few bytes, and then next to none: alive to whoever looks at the connection only.
SLOW_BODY: Final = Fault(slice_bytes=1, slice_pause_s=0.2)
_XML: Final = "text/xml; charset=utf-8"


def http_reply(
    status: int, body: bytes = b"", content_type: str = "application/json", *extra: str
) -> Fault:
    """One HTTP response in place of the department's."""
    head = [f"HTTP/1.1 {status} Fault", f"Content-Type: {content_type}", *extra]
    head += [f"Content-Length: {len(body)}", "Connection: close", "", ""]
    return Fault(reply="\r\n".join(head).encode() + body)


def http_flood(flood_bytes: int) -> Fault:
    """A response that says 200 and does not end before that many bytes."""
    head = ["HTTP/1.1 200 OK", "Content-Type: application/json", f"Content-Length: {flood_bytes}"]
    return Fault(reply="\r\n".join([*head, "", ""]).encode(), flood_bytes=flood_bytes)


def soap_fault(code: str) -> Fault:
    """A SOAP 1.1 fault, HTTP 500 as its binding demands."""
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>'
        f"<soap:Fault><faultcode>soap:{code}</faultcode><faultstring>fault</faultstring>"
        "</soap:Fault></soap:Body></soap:Envelope>"
    )
    return http_reply(500, body.encode(), _XML)


def soap_doctype() -> Fault:
    """An envelope that declares entities, which no service has a reason to."""
    body = (
        '<?xml version="1.0"?><!DOCTYPE e [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
        '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>&b;'
        "</soap:Body></soap:Envelope>"
    )
    return http_reply(200, body.encode(), _XML)


class FaultProxy:
    """A proxy on loopback in front of one service; a context manager.

    Args:
        upstream: `host:port`, or the folder of a PostgreSQL Unix socket.
        fault: what goes wrong at first.

    Attributes:
        address: its own, in the form of `upstream`.
        sent: bytes that came from the adapter.
        connection_count: connections that were ever made.
        open_count: those that are open.
        answer_bytes: bytes that went back since the fault was set last.
        answered: the first of them.
        swap_count: times that `Fault.swap` found its text.
    """

    def __init__(self, upstream: str, fault: Fault = CLEAN) -> None:
        self._upstream: Final = upstream
        self._fault = fault
        self.sent = bytearray()
        self.connection_count = 0
        self.open_count = 0
        self.answer_bytes = 0
        self.answered = bytearray()
        self.swap_count = 0
        self._loop: Final = asyncio.new_event_loop()
        self._thread: Final = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._folder: Final = TemporaryDirectory(prefix="yz-")
        self._is_unix: Final = upstream.startswith("/")
        self._server: asyncio.Server | None = None
        self._port = 0
        self._tasks: Final[set[asyncio.Task[None]]] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        self.come_back()
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._folder.cleanup()

    @property
    def address(self) -> str:
        """Its own address, in the form of the upstream's."""
        return self._folder.name if self._is_unix else f"127.0.0.1:{self._port}"

    @property
    def fault(self) -> Fault:
        """What goes wrong now; may be set at any time."""
        return self._fault

    @fault.setter
    def fault(self, fault: Fault) -> None:
        self.answer_bytes = 0
        self.answered = bytearray()
        self._fault = fault

    @property
    def targets(self) -> tuple[str, ...]:
        """Request targets of the HTTP requests that came."""
        return tuple(t.decode("latin-1") for t in _REQUEST_LINE.findall(bytes(self.sent)))

    def go_away(self) -> None:
        """Refuse connections, and reset those that are open."""
        self._run(self._stop())

    def come_back(self) -> None:
        """Listen, at the same address as before."""
        self._run(self._start())

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(HOLD_S)

    async def _start(self) -> None:
        if self._is_unix:
            path = Path(self._folder.name) / _socket_name(self._upstream)
            self._server = await asyncio.start_unix_server(self._serve, path)
        else:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
            self._port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        if self._server is None:
            return
        self._server.close()
        if self._is_unix:
            (Path(self._folder.name) / _socket_name(self._upstream)).unlink(missing_ok=True)
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connection_count += 1
        self.open_count += 1
        try:
            async with asyncio.timeout(HOLD_S):
                await _Connection(self, reader, writer).run()
        except (OSError, TimeoutError, ExceptionGroup, asyncio.CancelledError):
            _reset(writer)
        finally:
            self.open_count -= 1
            self._tasks.discard(task)
            writer.close()

    def note(self, piece: bytes) -> None:
        """Count what goes back, and keep the beginning of it."""
        self.answer_bytes += len(piece)
        self.answered += piece[: max(0, _CHUNK - len(self.answered))]

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to the department."""
        if self._is_unix:
            path = Path(self._upstream) / _socket_name(self._upstream)
            return await asyncio.open_unix_connection(path)
        host, _, port = self._upstream.rpartition(":")
        return await asyncio.open_connection(host.strip("[]"), int(port))


class _Connection:
    """One connection of an adapter, passed on to the department until a fault says otherwise."""

    def __init__(
        self, proxy: FaultProxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._proxy: Final = proxy
        self._reader: Final = reader
        self._writer: Final = writer
        self._is_answer_new = True
        self._answer_bytes = 0

    async def run(self) -> None:
        """Pass bytes both ways until one side ends."""
        upstream_reader, upstream = await self._proxy.connect()
        try:
            async with asyncio.TaskGroup() as group:
                down = group.create_task(self._pass_down(upstream_reader))
                await self._pass_up(upstream)
                down.cancel()
        finally:
            upstream.close()

    async def _pass_up(self, upstream: asyncio.StreamWriter) -> None:
        while chunk := await self._reader.read(_CHUNK):
            self._proxy.sent += chunk
            self._is_answer_new = True
            self._answer_bytes = 0
            fault = self._proxy.fault
            match fault.on_request:
                case "reset":
                    _reset(self._writer)
                    return
                case "close":
                    await self._end()
                    return
                case "silent":
                    continue
                case None:
                    pass
            if fault.reply is not None:
                await self._reply(fault)
                return
            upstream.write(chunk)
            await upstream.drain()

    async def _reply(self, fault: Fault) -> None:
        assert fault.reply is not None
        await self._give(fault.reply)
        blanks = b" " * _CHUNK
        while self._proxy.answer_bytes < fault.flood_bytes:
            await self._give(blanks)
        await self._end()

    async def _end(self) -> None:
        """Say that nothing more comes, and let the other side finish speaking: no reset."""
        self._writer.write_eof()
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                while await self._reader.read(_CHUNK):
                    pass

    async def _pass_down(self, upstream: asyncio.StreamReader) -> None:
        while chunk := await upstream.read(_CHUNK):
            fault = self._proxy.fault
            if self._is_answer_new:
                self._is_answer_new = False
                await asyncio.sleep(fault.delay_s)
            if fault.swap is not None:
                self._proxy.swap_count += chunk.count(fault.swap[0])
                chunk = chunk.replace(*fault.swap)
            size = fault.slice_bytes or len(chunk)
            for start in range(0, len(chunk), size):
                piece = chunk[start : start + size]
                if fault.cut_after is not None:
                    piece = piece[: fault.cut_after - self._answer_bytes]
                await self._give(piece)
                self._answer_bytes += len(piece)
                if fault.cut_after is not None and self._answer_bytes >= fault.cut_after:
                    self._writer.write_eof()
                    return
                await asyncio.sleep(fault.slice_pause_s)
        if not self._writer.is_closing():
            self._writer.write_eof()

    async def _give(self, piece: bytes) -> None:
        self._proxy.note(piece)  # before whoever gets it can look
        self._writer.write(piece)
        await self._writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    """End a connection by RST instead of FIN; a Unix socket has no such thing and just ends."""
    sock = writer.get_extra_info("socket")
    if sock is not None and sock.family != socket.AF_UNIX:
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def _socket_name(folder: str) -> str:
    """The name of PostgreSQL's socket in its folder."""
    found = sorted(p.name for p in Path(folder).glob(".s.PGSQL.*") if not p.name.endswith(".lock"))
    return found[0] if found else ".s.PGSQL.5432"
