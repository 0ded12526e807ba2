# SPDX-License-Identifier: Apache-2.0
"""One connection: what aiohttp's protocol leaves open, shut.

1. A head (request line and fields) has a deadline and a size; aiohttp has neither a read timeout
   nor a cap on all fields together.
2. Bytes that are no request are answered by us: aiohttp's own answer logs them, and they may hold
   anything. A body whose framing breaks fails at once, not at its deadline.
3. After a chunked request or an upgrade the connection ends with the answer. aiohttp 3.14 carries
   the last trailer over into the next request and drops bytes behind a refused upgrade; what comes
   next on such a connection must not be interpreted.
4. While the worker drains, the next answer says `Connection: close`.
5. Whose request is refused before all of it was read may still be sending. Closed at once, his
   kernel would be told by a reset, and drop our answer unread; so we half-close, and read away what
   comes, within bounds (RFC 9112 §9.6).
"""

import asyncio
from typing import Any, Final, cast

import msgspec
from aiohttp.http_exceptions import LineTooLong
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from aiohttp.web import BaseRequest, RequestHandler, RequestPayloadError, Server, StreamResponse

from gateway.crypto.x509 import ConnectionX509, read_connection_x509
from gateway.errors import RequestError
from gateway.web.edge import (
    MAX_FIELD_BYTES,
    MAX_FIELDS,
    MAX_HEAD_BYTES,
    MAX_TARGET_LENGTH,
    head_too_large,
)
from gateway.web.front import Front
from gateway.web.metrics import ConnectionMetrics
from gateway.web.respond import OneBuffer

# As sent, with the framing of chunks: an extension could go on for ever without a byte of body.
_MAX_BODY_WIRE_BYTES: Final = 1_048_576
# What is read away behind an answer, and for how long.
_LINGER_BYTES: Final = 16_777_216
_LINGER_S: Final = 5.0
# Of parser errors only this much is told: their text holds the offending bytes.
_TOO_MANY_FIELDS: Final = "Too many headers received"


class Limits(msgspec.Struct, frozen=True):
    """What one worker's connections may take.

    Attributes:
        header_timeout_s: for one head, from the connection or the head's first byte.
        idle_timeout_s: between an answer and the next request.
        max_connections: beyond it, new ones are closed at once.
        department_connections: which adapters may hold at once, besides.
    """

    header_timeout_s: float = 10
    idle_timeout_s: float = 75
    max_connections: int = 4096
    department_connections: int = 0


class Incoming(BaseRequest):
    """A request that knows whether another one may follow it."""

    @property
    def keep_alive(self) -> bool:
        """Whether the connection stays after the answer (rules 3 to 5)."""
        headers = self.headers
        return not (
            self._message.should_close
            or cast("Connection", self._protocol).is_last
            or "Transfer-Encoding" in headers
            or "Upgrade" in headers
            or not self.content.is_eof()
        )


class Connections(Server):
    """All connections of a worker.

    Args:
        front: answers requests.
    """

    def __init__(self, front: Front, limits: Limits) -> None:
        super().__init__(front, request_factory=self._incoming)
        self.front: Final = front
        self.limits: Final = limits
        self.open: Final[set[Connection]] = set()
        self.is_draining = False
        self.drained: Final = asyncio.Event()
        self._metrics: Final = ConnectionMetrics()

    def __call__(self) -> RequestHandler:
        """Make the protocol of one connection."""
        return Connection(self)

    def drain(self) -> None:
        """From now on each connection ends with its next answer; `drained` tells when all have."""
        self.is_draining = True
        if not self.open:
            self.drained.set()

    def close_idle(self) -> None:
        """Close the connections on which nobody asks anything."""
        for connection in tuple(self.open):
            if connection.is_idle:
                connection.force_close()

    def admit(self, connection: "Connection") -> bool:
        """Count a connection in, unless there are too many; once, however often it is asked."""
        if connection in self.open:
            return True
        if len(self.open) >= self.limits.max_connections:
            self._metrics.count_refused()
            return False
        self.open.add(connection)
        self.drained.clear()
        return True

    def forget(self, connection: "Connection") -> None:
        """Count a connection out."""
        self.open.discard(connection)
        if self.is_draining and not self.open:
            self.drained.set()

    def _incoming(self, message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> Any:
        return Incoming(message, payload, protocol, writer, task, self._loop)


class Connection(RequestHandler):
    """aiohttp's protocol with the rules above."""

    __slots__ = (
        "_body",
        "_body_bytes",
        "_connections",
        "_head_bytes",
        "_head_timer",
        "_is_unreadable",
        "_linger_bytes",
        "_linger_timer",
        "x509",
    )

    def __init__(self, connections: Connections) -> None:
        super().__init__(
            connections,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type] # aiohttp tests it for truth
            keepalive_timeout=connections.limits.idle_timeout_s,
            auto_decompress=False,
            lingering_time=0,
            max_line_size=MAX_TARGET_LENGTH,
            max_field_size=MAX_FIELD_BYTES,
            max_headers=MAX_FIELDS,
        )
        self._connections: Final = connections
        self._body: StreamReader = EMPTY_PAYLOAD
        self._body_bytes = 0
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._is_unreadable = False
        self._linger_bytes = 0
        self._linger_timer: asyncio.TimerHandle | None = None
        self.x509: ConnectionX509 | None = None

    @property
    def is_last(self) -> bool:
        """Whether the connection ends with the answer that is being made."""
        return self._connections.is_draining or self._close

    @property
    def is_idle(self) -> bool:
        """Whether nothing of a request has come since the last answer."""
        waiter = self._waiter
        return waiter is not None and not waiter.done() and not self._head_bytes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a connection, or close it when there are too many."""
        if not self._connections.admit(self):
            self.force_close()
            transport.close()
            return
        if (tls := transport.get_extra_info("ssl_object")) is not None:
            self.x509 = _presented(tls.getpeercert(binary_form=True))
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Count it out."""
        self._connections.forget(self)
        self._end_head()
        if self._linger_timer is not None:
            self._linger_timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, and watch what the parser does not."""
        if self._linger_timer is not None:
            self._read_away(len(data))
            return
        body, count = self._body, self._request_count
        was_reading = not body.is_eof()
        super().data_received(data)
        if self._request_count != count:
            self._end_head()
            if was_reading and not body.is_eof():  # an error of the parser ended it
                body.set_exception(RequestPayloadError("the framing of the body is broken"))
            self._body, self._body_bytes = self._messages[-1][1], 0
        elif was_reading:
            self._body_bytes += len(data)
            if self._body_bytes > _MAX_BODY_WIRE_BYTES:
                body.set_exception(RequestPayloadError("the body's framing outgrows it"))
        elif data and not (self._close or self._force_close):
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse(head_too_large())
            elif self._head_timer is None:
                self._expect_head()

    def handle_error(
        self,
        request: BaseRequest,  # noqa: ARG002 - aiohttp's signature
        status: int = 500,  # noqa: ARG002
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> StreamResponse:
        """Answer what the parser refused."""
        self._is_unreadable = True
        if isinstance(exc, LineTooLong) or message == _TOO_MANY_FIELDS:
            return self._connections.front.refuse(head_too_large())
        return self._connections.front.refuse(
            RequestError("HTTP_UNACCEPTABLE", "the request cannot be parsed")
        )

    async def finish_response(
        self, request: BaseRequest, resp: StreamResponse, start_time: float | None
    ) -> tuple[StreamResponse, bool]:
        """Send an answer; linger when its request has not been read to the end."""
        sent = await super().finish_response(request, resp, start_time)
        # Of this request: the next one may have begun to arrive, and is not to be dropped.
        is_unread = self._is_unreadable or not request.content.is_eof()
        if is_unread and isinstance(resp, OneBuffer) and resp.may_linger:
            self._linger()
        return sent

    def _expect_head(self) -> None:
        limit_s = self._connections.limits.header_timeout_s
        self._head_timer = self._loop.call_later(limit_s, self._on_late_head)

    def _end_head(self) -> None:
        self._head_bytes = 0
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _on_late_head(self) -> None:
        self._head_timer = None
        self._refuse(RequestError("REQUEST_TIMEOUT", "the head did not arrive in time"))

    def _refuse(self, error: RequestError) -> None:
        """End a connection between requests; to who sent nothing, nothing is said."""
        waiter = self._waiter
        # Before the first request there may be no waiter yet: aiohttp's task has still to start.
        if self._request_count and (waiter is None or waiter.done()):
            self.close()  # after the answer that is being made
            return
        if self._head_bytes and self.transport is not None:
            answer = self._connections.front.refuse(error)
            self.transport.write(answer.encode(close=True))
            if answer.may_linger:
                self._linger()
                return
        self.force_close()

    def _linger(self) -> None:
        """Say that this was all, and read on without looking (rule 5)."""
        transport, waiter = self.transport, self._waiter
        if transport is None or transport.is_closing():
            return
        self._end_head()
        self._force_close = True  # aiohttp then leaves the transport to us
        if waiter is not None:
            waiter.cancel()
        if transport.can_write_eof():
            transport.write_eof()
        self._resume_transport_reading()
        # TLS has no half-close: its peer is told of the end at the end, by a close_notify.
        end = transport.abort if transport.can_write_eof() else transport.close
        self._linger_timer = self._loop.call_later(_LINGER_S, end)

    def _read_away(self, count_bytes: int) -> None:
        self._linger_bytes += count_bytes
        if self._linger_bytes > _LINGER_BYTES and self.transport is not None:
            self.transport.abort()


def _presented(der: bytes | None) -> ConnectionX509 | None:
    try:
        return None if der is None else read_connection_x509(der)
    except RequestError:
        return None  # one that only OpenSSL can read is nobody's
