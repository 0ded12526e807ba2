# SPDX-License-Identifier: Apache-2.0
"""One connection to a department: a request out, its answer in, then perhaps the next one.

The parser is llhttp through httptools, strict, as at the gateway's own door; what it leaves open is
shut here (ADR 0018):

1. One question at a time, nothing is pipelined. A connection serves again only after an answer that
   was whole, that said nothing against it, and behind which nothing came: a second answer to one
   question would be taken for the answer about another person.
2. Who no longer waits, cancelled or late, takes his connection with him. What was asked on it may
   still be answered, and is heard by nobody.
3. A head has at most `MAX_HEAD_BYTES`, a body as many as is said, its framing some times as many.
4. A body whose length is not told ends with the connection (RFC 9112 §6.3), unless it was cut off.
5. A status that nobody wants the body of is an answer without it.
6. Interim answers (1xx) are passed over. Nobody offers an upgrade, so none is taken.
"""

import asyncio
import time
from collections.abc import Callable, Collection
from typing import Final, cast, final

import httptools
import msgspec

from gateway.errors import (
    AdapterContractBroken,
    AdapterTimeout,
    AdapterUnavailable,
    DepartmentError,
)
from gateway.model.discreet import Discreet
from gateway.sdk.adapter import Deadline
from gateway.sdk.kits.http_message import unpack

MAX_HEAD_BYTES: Final = 65_536
#: Bytes on the wire for one of a body: chunks of one byte take six.
_MAX_FRAMING: Final = 8
#: Fields that say something to us.
_HEEDED: Final = frozenset(
    (b"content-encoding", b"content-length", b"retry-after", b"transfer-encoding")
)
OK: Final = range(200, 300)
_INTERIM: Final = range(100, 200)
_VERSIONS: Final = frozenset({"1.0", "1.1"})
#: Seconds by which a timer may come early; the loop counts in milliseconds.
_EARLY_S: Final = 0.002


class Said(Discreet, msgspec.Struct, frozen=True):
    """A department's answer.

    Attributes:
        retry_after: as it stands in the head; empty where it does not.
        content: out of its coding; empty where the status is not wanted.
    """

    status: int
    retry_after: bytes
    content: bytes


@final
class Connection(asyncio.Protocol):
    """Made by the pool, which owns it.

    Args:
        read_timeout_s: seconds of silence between two bytes; None is the deadline.
        max_body_bytes: of an answer, as sent and unpacked.
        on_lost: told once, when there is no connection any more.
    """

    def __init__(
        self,
        *,
        read_timeout_s: float | None,
        max_body_bytes: int,
        on_lost: Callable[["Connection"], None],
    ) -> None:
        self._read_timeout_s: Final = read_timeout_s
        self._max_body_bytes: Final = max_body_bytes
        self._on_lost: Final = on_lost
        self._parser: Final = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[Said] | None = None
        self._wanted: Collection[int] = ()
        self._due_at_s = self._heard_at_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._begin()

    def _begin(self) -> None:
        """Expect an answer."""
        self._status = 0
        self._fields: dict[bytes, bytes] = {}
        self._parts: list[bytes] = []
        self._body_bytes = self._wire_bytes = 0
        self._is_wanted = self._is_whole = self._is_kept_alive = False
        self._failure: DepartmentError | None = None

    @property
    def is_usable(self) -> bool:
        """Whether it may be asked something now."""
        transport = self._transport
        return transport is not None and not transport.is_closing()

    async def ask(self, request: bytes, wanted: Collection[int], deadline: Deadline) -> Said:
        """Send a request, and hear its answer; afterwards the connection is usable or gone.

        Args:
            wanted: statuses, besides 2xx, whose body matters.

        Raises:
            DepartmentError: by the table of `gateway.sdk.kits.http`.
        """
        assert self._transport is not None
        loop = asyncio.get_running_loop()
        self._begin()
        self._wanted, self._due_at_s, self._heard_at_s = wanted, deadline.at_s, time.monotonic()
        waiter: asyncio.Future[Said] = loop.create_future()
        self._waiter = waiter
        self._timer = loop.call_later(self._left_s(self._heard_at_s), self._look_at_time)
        self._transport.write(request)
        try:
            said = await waiter
        except BaseException:  # who leaves may do so in the turn of a whole answer
            self.abort()
            raise
        finally:
            self._timer.cancel()
            self._waiter = None
        if not self._may_go_on():
            self.abort()
        return said

    def abort(self) -> None:
        """End it; what was written is not waited for."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take it."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is not a subclass

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits; a body without a length has come to its end."""
        self._transport = None
        if exc is None and self._is_wanted and self._is_open_ended():
            self._is_whole = True
            self._settle()
        else:
            self._fail(AdapterUnavailable("the connection was closed before a whole answer"))
        self._on_lost(self)

    def data_received(self, data: bytes) -> None:
        """Parse what has come."""
        if self._waiter is None:
            self.abort()  # nobody has asked
            return
        self._heard_at_s = time.monotonic() if self._read_timeout_s else 0.0
        self._wire_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._is_kept_alive = False
            if not self._has_said_all():  # what comes behind that does not unsay it
                self._failure = AdapterContractBroken("the answer is not HTTP")
        if self._failure is not None:
            self._fail(self._failure)
        elif self._has_said_all():
            self._settle()
        elif self._wire_bytes > self._max_wire_bytes():
            self._fail(AdapterContractBroken("the answer's framing outgrows it"))

    # What the parser calls; an exception in here would come out of `feed_data` as its context.

    def on_message_begin(self) -> None:
        """A message begins; behind a whole one that is one too many."""
        self._is_kept_alive = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field of the head; trailers say nothing to us."""
        name = name.lower()
        if not self._status and name in _HEEDED:
            before = self._fields.get(name)
            self._fields[name] = value if before is None else before + b"," + value

    def on_headers_complete(self) -> None:
        """Decide by the head whether the body matters."""
        status = self._parser.get_status_code()
        if status in _INTERIM or self._is_whole:
            return
        self._status = status
        self._is_wanted = status in OK or status in self._wanted
        if (
            status < _INTERIM.start
            or self._field(b"transfer-encoding") not in (b"", b"chunked")
            or self._parser.get_http_version() not in _VERSIONS
        ):
            self._failure = AdapterContractBroken("the answer is not HTTP/1.1")
        elif self._is_wanted and int(self._field(b"content-length") or 0) > self._max_body_bytes:
            self._failure = self._too_large()

    def on_body(self, part: bytes) -> None:
        """Take a part of the body."""
        if not self._is_wanted or self._is_whole:
            return
        self._body_bytes += len(part)
        if self._body_bytes > self._max_body_bytes:
            self._failure = self._too_large()
        else:
            self._parts.append(part)

    def on_message_complete(self) -> None:
        """Take the end of the answer, or go on behind an interim one."""
        if not self._status:
            self._fields = {}
        elif not self._is_whole:
            self._is_whole = True
            self._is_kept_alive = self._parser.should_keep_alive()

    def _settle(self) -> None:
        if self._waiter is None or self._waiter.done():
            return
        content = b"".join(self._parts)
        try:
            if self._is_wanted:
                content = unpack(content, self._field(b"content-encoding"), self._max_body_bytes)
        except AdapterContractBroken as error:
            self._fail(error)
            return
        self._waiter.set_result(Said(self._status, self._field(b"retry-after"), content))

    def _fail(self, error: DepartmentError) -> None:
        self._is_kept_alive = False
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)

    def _has_said_all(self) -> bool:
        """Whether the answer is whole, or as much of it as anybody wants."""
        return self._is_whole or (self._status > 0 and not self._is_wanted)

    def _may_go_on(self) -> bool:
        transport = self._transport
        return (
            self._is_whole
            and self._is_kept_alive
            and transport is not None
            and not transport.get_write_buffer_size()  # it was answered before it was sent
        )

    def _field(self, name: bytes) -> bytes:
        return self._fields.get(name, b"").strip().lower()

    def _is_open_ended(self) -> bool:
        """Whether the body has no other end than the connection's."""
        return not self._is_whole and not (
            b"content-length" in self._fields or b"transfer-encoding" in self._fields
        )

    def _max_wire_bytes(self) -> int:
        return MAX_HEAD_BYTES + (self._max_body_bytes * _MAX_FRAMING if self._status else 0)

    def _too_large(self) -> DepartmentError:
        return AdapterContractBroken(f"more than {self._max_body_bytes} bytes")

    def _left_s(self, now_s: float) -> float:
        """Seconds until the deadline, or until it was silent for too long."""
        left_s = self._due_at_s - now_s
        if self._read_timeout_s is not None:
            left_s = min(left_s, self._heard_at_s + self._read_timeout_s - now_s)
        return max(left_s, 0.0)

    def _look_at_time(self) -> None:
        left_s = self._left_s(time.monotonic())
        if left_s <= _EARLY_S:
            self._fail(AdapterTimeout("no whole answer in time"))
        else:  # a byte has come since the timer was set
            self._timer = asyncio.get_running_loop().call_later(left_s, self._look_at_time)
