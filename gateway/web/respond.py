# SPDX-License-Identifier: Apache-2.0
"""What goes out: one signed buffer for each answer (RFC 9421, tag `yizheng-v1-response`)."""

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

# What every answer carries: nothing is stored on the way, sniffed or framed.
_FIXED: Final = (
    "Cache-Control: no-store\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"
)
_STATUS_LINES: Final = {s.value: f"HTTP/1.1 {s.value} {s.phrase}\r\n" for s in HTTPStatus}


class OneBuffer(StreamResponse):
    """An answer whose bytes are ready: written at once, without aiohttp's header machinery.

    `StreamResponse.__init__` is left out on purpose: it makes a header map that nobody reads
    (10 of 13 µs of an answer; ADR 0004).
    """

    def __init__(self, head_and_body: bytes, *, close: bool = False) -> None:
        self._bytes = head_and_body
        if close:
            self._keep_alive = False

    async def prepare(self, request: BaseRequest) -> AbstractStreamWriter | None:
        """Take the connection."""
        self._req = request
        if self._keep_alive is None:
            self._keep_alive = request.keep_alive
        return None

    async def write_eof(self, data: bytes = b"") -> None:  # noqa: ARG002 - aiohttp's signature
        """Write the buffer, and wait while the peer is slow to read."""
        request = self._req
        assert request is not None
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the peer has gone")
        transport.write(self._bytes)
        await request.writer.drain()


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
        head.append("Connection: close\r\n\r\n" if close else "\r\n")
        return OneBuffer("".join(head).encode() + reply.body, close=close)

    def publish(self, status: int, content_type: str, body: bytes) -> OneBuffer:
        """Write an unsigned public document."""
        head = (
            f"{_STATUS_LINES[status]}{self._date_line(int(self._clock()))}{_FIXED}"
            f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return OneBuffer(head.encode() + body)

    def _date_line(self, now_s: int) -> str:
        if now_s != self._date_s:
            self._date_s, self._date = now_s, f"Date: {formatdate(now_s, usegmt=True)}\r\n"
        return self._date
