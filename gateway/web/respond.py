# SPDX-License-Identifier: Apache-2.0
"""What goes out: one signed buffer for each answer (RFC 9421, tag `yizheng-v1-response`)."""

import asyncio
from base64 import b64encode
from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus
from typing import Final

from aiohttp.abc import AbstractStreamWriter
from aiohttp.web import BaseRequest, StreamResponse

from gateway.crypto.keys import Signer
from gateway.exchange.reply import Reply
from gateway.httpsig import RequestSignature, response_signature_headers
from gateway.model.limits import Allowance

_IMMUTABLE: Final = "Cache-Control: public, max-age=31536000, immutable\r\n"
# What every answer carries: nothing is sniffed or framed, and but for what never changes nothing is
# stored on the way.
_SAFE: Final = (
    "X-Content-Type-Options: nosniff\r\n"
    "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n"
)
_FIXED: Final = "Cache-Control: no-store\r\n" + _SAFE
#: Seconds that a peer has to read an answer that no buffer could take.
_READ_LIMIT_S: Final = 10.0
_STATUS_LINES: Final = {s.value: f"HTTP/1.1 {s.value} {s.phrase}\r\n" for s in HTTPStatus}


class OneBuffer(StreamResponse):
    """An answer whose bytes are ready: written at once, without aiohttp's header machinery.

    `StreamResponse.__init__` is left out on purpose: it makes a header map that nobody reads
    (10 of 13 µs of an answer; ADR 0004).

    Args:
        head: without its last, empty line.
        close: whether the connection must end; it also does when the request says so.
        may_linger: whether a peer that is still sending is given time to read it.
    """

    def __init__(
        self, head: str, body: bytes, *, close: bool = False, may_linger: bool = True
    ) -> None:
        self._head = head
        self._content = body
        self.may_linger: Final = may_linger
        if close:
            self._keep_alive = False

    def encode(self, *, close: bool, method: str = "") -> bytes:
        """All bytes; to HEAD the fields alone (RFC 9110 §9.3.2)."""
        end = "Connection: close\r\n\r\n" if close else "\r\n"
        head = (self._head + end).encode()
        return head if method == "HEAD" else head + self._content

    async def prepare(self, request: BaseRequest) -> AbstractStreamWriter | None:
        """Take the connection."""
        self._req = request
        if self._keep_alive is None:
            self._keep_alive = request.keep_alive
        return None

    async def write_eof(self, data: bytes = b"") -> None:  # noqa: ARG002 - aiohttp's signature
        """Write the buffer, and wait a while for a peer that is slow to read."""
        request = self._req
        assert request is not None
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the peer has gone")
        transport.write(self.encode(close=not self._keep_alive, method=request.method))
        if request.protocol.writing_paused:
            await _let_read(request, transport)


async def _let_read(request: BaseRequest, transport: asyncio.Transport) -> None:
    try:
        async with asyncio.timeout(_READ_LIMIT_S):
            await request.writer.drain()
    except TimeoutError:
        transport.abort()  # a close would wait for the same peer
        raise ConnectionResetError("the peer does not read") from None


class Responder:
    """Signs replies with the gateway's key.

    Args:
        origin: of the audit log, for `Audit-Receipt`.
        clock: UNIX seconds.
    """

    def __init__(self, signer: Signer, *, origin: str, clock: Callable[[], float]) -> None:
        self._signer: Final = signer
        self._receipt_head: Final = f'log="{origin}", index='
        self._clock: Final = clock
        self._date_s = 0
        self._date = ""

    def respond(self, reply: Reply, signature: RequestSignature | None) -> OneBuffer:
        """Write a reply; signed when there is an identified caller to bind it to."""
        now_s = int(self._clock())
        digest = f"sha-256=:{b64encode(reply.digest).decode()}:"
        head = [
            _STATUS_LINES[reply.status],
            self._date_line(now_s),
            _FIXED,
            f"Content-Type: {reply.content_type}\r\nContent-Length: {len(reply.body)}\r\n",
            f"Content-Digest: {digest}\r\n",
        ]
        receipt = None
        if reply.index is not None:
            receipt = f"{self._receipt_head}{reply.index}"
            head.append(f"Audit-Receipt: {receipt}\r\n")
        if reply.retry_after_s is not None:
            head.append(f"Retry-After: {reply.retry_after_s}\r\n")
        if reply.limits:
            head.append(_limit_lines(reply.limits))
        if reply.allow is not None:
            head.append(f"Allow: {reply.allow}\r\n")
        if signature is not None:
            signed_input, value = response_signature_headers(
                status=reply.status,
                content_type=reply.content_type,
                digest=digest,
                receipt=receipt,
                request=signature,
                signer=self._signer,
                created=now_s,
            )
            head.append(f"Signature-Input: {signed_input}\r\nSignature: {value}\r\n")
        # After a message that could not be read, where the next one begins is anybody's guess.
        close = reply.status == HTTPStatus.BAD_REQUEST or signature is None
        # Who was too slow with the request has had the time for it.
        may_linger = reply.status != HTTPStatus.REQUEST_TIMEOUT
        return OneBuffer("".join(head), reply.body, close=close, may_linger=may_linger)

    def publish(
        self, status: int, content_type: str, body: bytes, *, immutable: bool = False
    ) -> OneBuffer:
        """Write an unsigned public document; one that never changes may be kept by anybody."""
        fixed = _IMMUTABLE + _SAFE if immutable else _FIXED
        head = (
            f"{_STATUS_LINES[status]}{self._date_line(int(self._clock()))}{fixed}"
            f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
        )
        return OneBuffer(head, body)

    def _date_line(self, now_s: int) -> str:
        if now_s != self._date_s:
            self._date_s, self._date = now_s, f"Date: {formatdate(now_s, usegmt=True)}\r\n"
        return self._date


def _limit_lines(limits: tuple[Allowance, ...]) -> str:
    """The header fields of draft-ietf-httpapi-ratelimit-headers-10."""
    left = ", ".join(f'"{one.name}";r={one.remaining};t={one.reset_s}' for one in limits)
    policy = ", ".join(f'"{one.name}";q={one.quota};w={one.window_s}' for one in limits)
    return f"RateLimit: {left}\r\nRateLimit-Policy: {policy}\r\n"
