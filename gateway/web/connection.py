# SPDX-License-Identifier: Apache-2.0
"""One connection: bytes in, one request after another to the front desk, answers out in order.

The parser is llhttp through httptools, strict; what it leaves open is shut here (ADR 0009):

1. A head (request line and fields) has a deadline and a size, and so has a body. A request goes to
   the front desk only when it is whole, and the next one only when it has been answered.
2. Bytes that are no request are answered by a refusal that repeats nothing of them, and the
   connection ends: where the next message would begin is anybody's guess.
3. After `Connection: close`, a chunked request or an upgrade the connection ends with the answer,
   and what comes behind it is not interpreted: these are where two parsers read differently. The
   parser takes the content of an upgrade for what comes behind, so one with content is refused.
4. While the worker drains, the next answer says `Connection: close`.
5. Whose request is refused before all of it was read may still be sending. Closed at once, his
   kernel would be told by a reset, and drop our answer unread; so we half-close, and read away what
   comes, within bounds (RFC 9112 §9.6).
6. Who does not read his answers is not read from, and is cut off after a while; so is who leaves
   the last one unread, for which a closed connection would wait.

No timer is set for a request: a connection says by when something has to happen, and
`gateway.web.connections` looks for those that are late.
"""

import asyncio
import math
import time
from collections import deque
from typing import Final, Literal, cast

import httptools

from gateway.crypto.x509 import ConnectionX509, read_connection_x509
from gateway.errors import RequestError
from gateway.web.connections import Connections, Limits, Watched
from gateway.web.edge import MAX_FIELDS, MAX_HEAD_BYTES, fields_of, head_too_large
from gateway.web.request import Peer, Request
from gateway.web.respond import Answer

# As sent, with the framing of chunks: an extension could go on for ever without a byte of body.
_MAX_BODY_WIRE_BYTES: Final = 1_048_576
# What is read away behind an answer, and for how long.
_LINGER_BYTES: Final = 16_777_216
_LINGER_S: Final = 5.0
# Seconds that a peer has to read an answer that no buffer could take.
_READ_LIMIT_S: Final = 10.0
# Requests that may wait behind the one that is being answered before no more is read.
_MAX_WAITING_COUNT: Final = 8

#: What of a request has come: nothing, a part of its head, a part of its body. Or nothing is
#: expected any more: before the last answer, behind a refusal, and once the connection is closed.
Reading = Literal["nothing", "head", "body", "ended", "lingering", "closing"]


class Connection(asyncio.Protocol, Watched):
    """The protocol of one peer.

    Attributes:
        peer: who it is.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections: Final = connections
        self._front: Final = connections.front
        self._limits: Final[Limits] = connections.limits
        self._parser: Final = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self.peer = Peer()
        self._reading: Reading = "nothing"
        self._wire_bytes = 0
        self._target = b""
        self._lines: list[tuple[bytes, bytes]] = []
        self._content = bytearray()
        self._trailer_count = 0
        self._request: Request | None = None
        self._waiting: Final[deque[Request]] = deque()
        self._answered: Request | None = None
        self._refusal: RequestError | None = None
        self._refused_method = ""
        self._is_in_turn = self._is_paused = self._is_held = self._is_behind = False
        self.due_s = self.read_by_s = math.inf

    @property
    def is_idle(self) -> bool:
        """Whether nothing of a request has come since the last answer."""
        return self._reading == "nothing" and self._answered is None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a connection, or close it when there are too many."""
        if not self._connections.admit(self):
            cast("asyncio.Transport", transport).abort()
            return
        tls, name = map(transport.get_extra_info, ("ssl_object", "peername"))
        self.peer = Peer(
            name[0] if isinstance(name, tuple) else "",
            None if tls is None else _presented(tls.getpeercert(binary_form=True)),
        )
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is not a subclass
        self.due_s = time.monotonic() + self._limits.header_timeout_s

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Count it out, once what it asked is recorded: a drain waits for that as well."""
        self._transport = None
        self._reading = "ended"
        self.due_s = self.read_by_s = math.inf
        self._waiting.clear()
        if self._answered is None:
            self._connections.forget(self)

    def eof_received(self) -> bool:
        """Whoever has said all may still hear the answer; TLS knows no half-closed connection."""
        transport = self._transport
        is_half = transport is not None and transport.can_write_eof()
        if is_half and (self._answered is not None or self._waiting):
            self._reading = "ended"
            self.due_s = math.inf
            return True
        self._expect("closing", _READ_LIMIT_S)
        return False

    def data_received(self, data: bytes) -> None:
        """Parse what has come."""
        if self._reading == "lingering":
            self._read_away(len(data))
            return
        if self._reading in ("ended", "closing"):
            return  # rule 3
        if self._reading == "nothing":
            self._expect("head", self._limits.header_timeout_s)
            self._is_behind = False
        self._wire_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._reading = "ended"
        except httptools.HttpParserError as error:
            self._on_unparsable(error)
        if self._reading == "head" and self._wire_bytes > MAX_HEAD_BYTES:
            self._refuse(head_too_large())
        elif self._reading == "body":
            self._look_at_rest()
        if self._is_held:
            self.due_s = math.inf  # what is not read cannot be late
        self._take_turns()

    def pause_writing(self) -> None:
        """Rule 6."""
        self._is_paused = True
        self.read_by_s = time.monotonic() + _READ_LIMIT_S

    def resume_writing(self) -> None:
        """Go on with who waits."""
        self._is_paused = False
        self.read_by_s = math.inf
        self._take_turns()

    # What the parser calls; an exception in here comes out of `feed_data` as its context.

    def on_message_begin(self) -> None:
        """A request line begins; behind the last request nothing does (rule 3)."""
        if self._reading == "ended":
            raise RequestError("HTTP_UNACCEPTABLE")
        if self._reading == "nothing":
            self._expect("head", self._limits.header_timeout_s)
        self._target, self._lines, self._content = b"", [], bytearray()

    def on_url(self, part: bytes) -> None:
        """Take a part of the target."""
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field. Trailers are left out, since nobody has signed them, and counted."""
        if self._reading == "head":
            self._lines.append((name, value))
            return
        self._trailer_count += 1
        if self._trailer_count > MAX_FIELDS:
            raise head_too_large()

    def on_headers_complete(self) -> None:
        """Take the head; content that cannot be taken is not waited for."""
        parser = self._parser
        request = self._request = Request(
            self.peer,
            parser.get_method().decode("latin-1"),
            self._target.decode("latin-1"),
            parser.get_http_version(),
            fields_of(self._lines, MAX_HEAD_BYTES if self._is_behind else self._wire_bytes),
        )
        self._trailer_count = 0
        self._expect("body", self._limits.body_timeout_s)
        if request.content_length > self._limits.max_body_bytes:
            self._refuse_content(RequestError("BODY_TOO_LARGE"))
        if parser.should_upgrade() and (
            request.content_length or "transfer-encoding" in request.fields
        ):
            why = "Upgrade is not supported for a request with content: send it without"
            self._refuse_content(RequestError("HTTP_UNACCEPTABLE", why))

    def on_body(self, part: bytes) -> None:
        """Take a part of the body."""
        self._content += part
        if len(self._content) > self._limits.max_body_bytes:
            self._refuse_content(RequestError("BODY_TOO_LARGE"))

    def on_message_complete(self) -> None:
        """Let the request wait for its turn."""
        request = self._request
        assert request is not None
        request.body = bytes(self._content)
        self._waiting.append(request)
        self._reading, self.due_s = "nothing", math.inf
        self._wire_bytes, self._target = 0, b""
        self._is_behind = True  # as far as it came in one read with this: uncounted
        if (
            "transfer-encoding" in request.fields
            or "upgrade" in request.fields
            or not self._parser.should_keep_alive()
        ):
            self._reading = "ended"
        elif len(self._waiting) > _MAX_WAITING_COUNT and self._transport is not None:
            self._is_held = True
            self._transport.pause_reading()

    def send(self, answer: Answer) -> None:
        """Write the answer to the request that has its turn; called once for each."""
        request, self._answered = self._answered, None
        transport = self._transport
        if transport is None or request is None:
            self._connections.forget(self)  # the peer has gone
            return
        is_last = self._reading == "ended" and not self._waiting and self._refusal is None
        close = answer.close or is_last or self._connections.is_draining
        transport.write(answer.encode(close=close, method=request.method))
        if close:
            self._waiting.clear()
            self._refusal = None
            self.close()
        else:
            self._take_turns()

    def expire(self, now_s: float) -> None:
        """Do what has to be done when something did not come in time."""
        if self._transport is None:
            return
        if now_s >= self.read_by_s:
            self._transport.abort()  # a close would wait for the same peer
        elif self._reading == "head":
            self._refuse(RequestError("REQUEST_TIMEOUT", "the head did not arrive in time"))
        elif self._reading == "body":
            self._refuse(RequestError("REQUEST_TIMEOUT", "the body did not arrive in time"))
        elif self._reading == "closing" or (
            self._reading == "lingering" and self._transport.can_write_eof()
        ):
            self._transport.abort()
        else:
            self.close()

    def close(self) -> None:
        """Close it once what was written has been read (rule 6); nothing more is said."""
        self._expect("closing", _READ_LIMIT_S)
        if self._transport is not None:
            self._transport.close()

    def _expect(self, what: Reading, within_s: float) -> None:
        self._reading = what
        self.due_s = time.monotonic() + within_s

    def _take_turns(self) -> None:
        """Give each request that waits its turn, until one has to be waited for."""
        if self._is_in_turn:
            return
        self._is_in_turn = True
        while self._answered is None and self._waiting and not self._is_paused:
            self._answered = request = self._waiting.popleft()
            self._front.answer(request, self.send)
        self._is_in_turn = False
        is_over = self._transport is None or self._reading == "closing"
        if self._answered is not None or self._waiting or is_over:
            return
        if self._refusal is not None:
            self._say_refusal(self._refusal)
        elif self._reading == "nothing":
            self.due_s = time.monotonic() + self._limits.idle_timeout_s
        if self._is_held and self._transport is not None:
            self._is_held = False
            self._transport.resume_reading()
            if self._reading == "head":
                self._expect("head", self._limits.header_timeout_s)
            elif self._reading == "body":
                self._expect("body", self._limits.body_timeout_s)

    def _look_at_rest(self) -> None:
        """A body has yet to come: is there anybody who wants it?"""
        request = self._request
        assert request is not None
        try:
            self._front.check(request)
        except RequestError as error:
            self._refuse(error)
            return
        if self._wire_bytes > _MAX_BODY_WIRE_BYTES:
            self._refuse(RequestError("HTTP_UNACCEPTABLE", "the body's framing outgrows it"))

    def _refuse_content(self, error: RequestError) -> None:
        """Raise `error`; that nobody wants such a request comes first."""
        request = self._request
        assert request is not None
        self._front.check(request)
        raise error

    def _on_unparsable(self, error: httptools.HttpParserError) -> None:
        if self._reading == "ended":
            return  # rule 3
        said = error.__context__
        if not isinstance(said, RequestError):
            said = RequestError("HTTP_UNACCEPTABLE", "the request cannot be parsed")
        self._refuse(said)

    def _refuse(self, error: RequestError) -> None:
        """End the connection with a refusal, after the answers that are still due."""
        if self._target:  # else nothing that was parsed is about this request
            self._refused_method = self._parser.get_method().decode("latin-1")
        self._reading = "ended"
        self.due_s = math.inf
        self._refusal = error
        self._take_turns()

    def _say_refusal(self, error: RequestError) -> None:
        self._refusal = None
        answer = self._front.refuse(error)
        if self._transport is None:
            return
        self._transport.write(answer.encode(close=True, method=self._refused_method))
        if answer.may_linger:
            self._linger(self._transport)
        else:
            self.close()

    def _linger(self, transport: asyncio.Transport) -> None:
        """Say that this was all, and read on without looking (rule 5)."""
        self._expect("lingering", _LINGER_S)
        self._wire_bytes = 0
        # TLS has no half-close: its peer is told of the end at the end, by a close_notify.
        if transport.can_write_eof():
            transport.write_eof()

    def _read_away(self, count_bytes: int) -> None:
        self._wire_bytes += count_bytes
        if self._wire_bytes > _LINGER_BYTES and self._transport is not None:
            self._transport.abort()


def _presented(der: bytes | None) -> ConnectionX509 | None:
    try:
        return None if der is None else read_connection_x509(der)
    except RequestError:
        return None  # one that only OpenSSL can read is nobody's
