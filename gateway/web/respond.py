# SPDX-License-Identifier: Apache-2.0
"""What goes out: one signed buffer for each answer (RFC 9421, tag `yizheng-v1-response`)."""

from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus
from typing import Final

from gateway.crypto.digest import b64_encode
from gateway.crypto.keys import Signer
from gateway.exchange.reply import Reply
from gateway.httpsig import (
    RequestSignature,
    response_signature_base,
    response_signature_values,
)
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
# What may be kept, if it is asked after each time. Its pages have a style, which is ours.
_TAGGED: Final = "Cache-Control: no-cache\r\nVary: Accept, Accept-Language\r\n" + _SAFE.replace(
    "default-src 'none';", "default-src 'none'; style-src 'self';"
)
_EOL: Final = "\r\n"
_OK: Final = HTTPStatus.OK.value
_NOT_MODIFIED: Final = HTTPStatus.NOT_MODIFIED.value
_BAD_REQUEST: Final = HTTPStatus.BAD_REQUEST.value
_BUSY: Final = HTTPStatus.SERVICE_UNAVAILABLE.value
_REQUEST_TIMEOUT: Final = HTTPStatus.REQUEST_TIMEOUT.value
_STATUS_LINES: Final = {s.value: f"HTTP/1.1 {s.value} {s.phrase}\r\n" for s in HTTPStatus}


class Answer:
    """An answer whose bytes are ready, to be written at once (ADR 0004).

    Args:
        head: without its last, empty line.
        close: whether the connection must end; it also does when the request says so.
        may_linger: whether a peer that is still sending is given time to read it.
    """

    __slots__ = ("_body", "_head", "close", "may_linger")

    def __init__(
        self, head: str, body: bytes, *, close: bool = False, may_linger: bool = True
    ) -> None:
        self._head: Final = head
        self._body: Final = body
        self.close: Final = close
        self.may_linger: Final = may_linger

    def encode(self, *, close: bool, method: str = "") -> bytes:
        """All bytes; to HEAD the fields alone (RFC 9110 §9.3.2)."""
        end = "Connection: close\r\n\r\n" if close else "\r\n"
        head = (self._head + end).encode("ascii")
        return head if method == "HEAD" else head + self._body


class Draft:
    """An answer that has everything but its signature.

    Args:
        head: without signature.
        member: of Signature-Input; empty where nobody is there to sign for.
        base: what is to be signed.
    """

    __slots__ = ("_base", "_body", "_close", "_head", "_may_linger", "_member", "_signer", "_value")

    def __init__(
        self,
        head: str,
        body: bytes,
        *,
        close: bool,
        may_linger: bool,
        signer: Signer,
        member: str,
        base: bytes,
    ) -> None:
        self._head: Final = head
        self._body: Final = body
        self._close: Final = close
        self._may_linger: Final = may_linger
        self._signer: Final = signer
        self._member: Final = member
        self._base: Final = base
        self._value = b""

    def sign(self) -> None:
        """Make the signature."""
        if self._member:
            self._value = self._signer.sign(self._base)

    def answer(self) -> Answer:
        """The answer; signed before."""
        head = self._head
        if self._member:
            listed, value = response_signature_values(self._member, self._value)
            head = f"{head}Signature-Input: {listed}\r\nSignature: {value}\r\n"
        return Answer(head, self._body, close=self._close, may_linger=self._may_linger)


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
        self._starts_of_s = 0
        self._starts: Final[dict[tuple[int, str], str]] = {}

    def respond(self, reply: Reply, signature: RequestSignature | None) -> Answer:
        """Write a reply; signed when there is an identified caller to bind it to."""
        draft = self.draft(reply, signature)
        draft.sign()
        return draft.answer()

    def draft(self, reply: Reply, signature: RequestSignature | None) -> Draft:
        """Write all of a reply but its signature."""
        now_s = int(self._clock())
        digest = f"sha-256=:{b64_encode(reply.digest)}:"
        head = (
            f"{self._start(reply.status, reply.content_type, now_s)}"
            f"Content-Length: {len(reply.body)}\r\nContent-Digest: {digest}\r\n"
        )
        receipt = None
        if reply.index is not None:
            receipt = f"{self._receipt_head}{reply.index}"
            head += f"Audit-Receipt: {receipt}\r\n"
        if reply.retry_after_s is not None:
            head += f"Retry-After: {reply.retry_after_s}\r\n"
        if reply.limits:
            head += _limit_lines(reply.limits)
        if reply.allow is not None:
            head += f"Allow: {reply.allow}\r\n"
        member, base = "", b""
        if signature is not None:
            member, base = response_signature_base(
                status=reply.status,
                content_type=reply.content_type,
                digest=digest,
                receipt=receipt,
                request=signature,
                signer=self._signer,
                created=now_s,
            )
        # After a message that could not be read, where the next one begins is anybody's guess. Who
        # is told to come again need not make a new connection for it.
        close = reply.status == _BAD_REQUEST or (signature is None and reply.status != _BUSY)
        # Who was too slow with the request has had the time for it.
        return Draft(
            head,
            reply.body,
            close=close,
            may_linger=reply.status != _REQUEST_TIMEOUT,
            signer=self._signer,
            member=member,
            base=base,
        )

    def publish(
        self, status: int, content_type: str, body: bytes, *, immutable: bool = False
    ) -> Answer:
        """Write an unsigned public document; one that never changes may be kept by anybody."""
        fixed = _IMMUTABLE + _SAFE if immutable else _FIXED
        date = formatdate(int(self._clock()), usegmt=True)
        head = (
            f"{_STATUS_LINES[status]}Date: {date}\r\n{fixed}"
            f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
        )
        return Answer(head, body)

    def publish_tagged(
        self,
        content_type: str,
        body: bytes,
        *,
        etag: str,
        language: str | None,
        unchanged: bool,
    ) -> Answer:
        """Write an unsigned public document that may be kept, and asked after by its tag.

        Args:
            etag: quoted.
            language: of its words; None in data.
            unchanged: the caller has it already: 304, and no body (RFC 9110 §15.4.5).
        """
        status = _NOT_MODIFIED if unchanged else _OK
        date = formatdate(int(self._clock()), usegmt=True)
        head = (
            f"{_STATUS_LINES[status]}Date: {date}\r\n{_TAGGED}ETag: {etag}\r\n"
            f"{f'Content-Language: {language}' + _EOL if language else ''}"
        )
        if unchanged:
            return Answer(head, b"")
        head += f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
        return Answer(head, body)

    def _start(self, status: int, content_type: str, now_s: int) -> str:
        """What is the same in all such answers of one second."""
        if now_s != self._starts_of_s:
            self._starts_of_s = now_s
            self._starts.clear()
        key = (status, content_type)
        start = self._starts.get(key)
        if start is None:
            date = formatdate(now_s, usegmt=True)
            start = self._starts[key] = (
                f"{_STATUS_LINES[status]}Date: {date}\r\n{_FIXED}Content-Type: {content_type}\r\n"
            )
        return start


def _limit_lines(limits: tuple[Allowance, ...]) -> str:
    """The header fields of draft-ietf-httpapi-ratelimit-headers-10."""
    left = ", ".join(f'"{one.name}";r={one.remaining};t={one.reset_s}' for one in limits)
    policy = ", ".join(f'"{one.name}";q={one.quota};w={one.window_s}' for one in limits)
    return f"RateLimit: {left}\r\nRateLimit-Policy: {policy}\r\n"
