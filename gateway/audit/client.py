# SPDX-License-Identifier: Apache-2.0
"""The worker's end of the sequencer's socket.

Rules:

1. A call that has no reply by its deadline (looked at every `_LOOK_S`, without a timer a call), or
   whose connection is lost, fails as unavailable. The entry may be durable all the same: a record
   without an answer is allowed, the reverse is not.
2. Nothing is sent twice: a retry is the caller's, with a new signature.
3. Calls are pipelined; those of one turn of the event loop leave in one write.
4. A worker's cache begins anew with each connection: while there was none, it was told nothing.
5. While there is no connection every call fails at once, and a new one is tried with growing
   intervals, 20 to 100 ms.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import count
from pathlib import Path
from typing import Final, TypeVar, cast, final

import structlog

from gateway.audit.frames import (
    Accepted,
    Announce,
    Append,
    Decide,
    Decided,
    Drop,
    Dropped,
    Durable,
    Failed,
    Follow,
    FrameBuffer,
    Hello,
    Ping,
    Reply,
    Request,
    Survey,
    Surveyed,
    format_frame,
    parse_reply,
)
from gateway.errors import AuditError, TrustError
from gateway.model.entry import MAX_ENTRY_BYTES
from gateway.model.forget import CacheState, Forget
from gateway.ports import Announcer, Appended, AuditLog, Claim, Forgetful, Held, Verdict
from gateway.sdk import Deadline

T = TypeVar("T")

MAX_PENDING_COUNT: Final = 4096
_BACKOFF_S: Final = (0.02, 0.04, 0.08, 0.1)
_FIRST_S: Final = 1.0
_TELL_AT: Final = 8  # attempts, about 0.7 s
_U32: Final = 0xFFFF_FFFF
#: Seconds between two looks at calls that are out of time.
_LOOK_S: Final = 0.1

#: Told once what became of a call, or of an entry; must not raise.
Heard = Callable[[Reply | AuditError], None]
Told = Callable[[Appended | Verdict | AuditError], None]
_log = structlog.get_logger()


@final
class SequencerClient(AuditLog, Announcer):
    """The audit log, as a worker sees it.

    Args:
        socket_path: of the sequencer.
        cache: this process's, to be told what to forget.
    """

    def __init__(self, socket_path: Path, cache: Forgetful | None = None) -> None:
        self._path: Final = socket_path
        self._cache: Final = cache
        self._connection: _Connection | None = None
        self._origin = ""
        self._keeper: asyncio.Task[None] | None = None
        self._met: Final = asyncio.Event()

    @property
    def origin(self) -> str:
        """As the sequencer said; empty until it was first reached."""
        return self._origin

    @property
    def connected(self) -> bool:
        """Whether a call would be sent now."""
        return self._connection is not None

    async def open(self) -> None:
        """Start to keep a connection, and give the first one a second to come.

        A sequencer that is away is no reason to fail: every call will, until it is back.
        """
        self._keeper = asyncio.create_task(self._keep_connected())
        with suppress(TimeoutError):
            async with asyncio.timeout(_FIRST_S):
                await self._met.wait()

    async def aclose(self) -> None:
        """Close; calls that wait fail."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait({self._keeper})
            self._keeper = None

    async def ping(self, deadline: Deadline) -> None:
        """Return when the log can be written.

        Raises:
            AuditError: it cannot, or the sequencer does not answer.
        """
        match await self._call(Ping(), deadline):
            case Accepted():
                return
            case reply:
                raise _failure(reply)

    async def claim(self, claim: Claim, deadline: Deadline) -> Held | Verdict:
        """Decide nonce and quota before a department is asked. Not durable by itself.

        Raises:
            AuditError: no decision.
        """
        match await self._call(Decide(claim), deadline):
            case Accepted(generation):
                return Held(generation)
            case Decided(verdict):
                return verdict
            case reply:
                raise _failure(reply)

    async def append(
        self, entry: bytes, deadline: Deadline, *, claim: Claim | None, held: Held | None = None
    ) -> Appended | Verdict:
        """Make one entry durable, deciding its claim first unless it is held.

        Raises:
            AuditError: nothing is known about the entry.
        """
        replied: asyncio.Future[Appended | Verdict] = asyncio.get_running_loop().create_future()
        self.append_soon(entry, deadline, partial(_settle, replied), claim=claim, held=held)
        return await replied

    def append_soon(
        self,
        entry: bytes,
        deadline: Deadline,
        done: Told,
        *,
        claim: Claim | None,
        held: Held | None = None,
    ) -> None:
        """As `append`, without a coroutine: `done` is called once, and must not raise."""
        if not 0 < len(entry) <= MAX_ENTRY_BYTES:
            done(AuditError("ENTRY_TOO_LARGE", f"an entry of {len(entry)} bytes"))
        elif self._connection is None:
            done(AuditError("AUDIT_UNAVAILABLE", "no connection to the sequencer"))
        else:
            request = Append(entry, claim, held.generation if held else None)
            self._connection.call_soon(request, deadline, partial(_tell_appended, done))

    async def announce(
        self, entry: bytes, forget: Forget, deadline: Deadline, *, claim: Claim | None
    ) -> Appended | Verdict:
        """Make the record of a change durable, and have every worker of this node forget.

        Raises:
            AuditError: nothing is known about the record, or about who has forgotten.
        """
        match await self._call(Announce(entry, claim, forget), deadline):
            case Durable(index):
                return Appended(index)
            case Decided(verdict):
                return verdict
            case reply:
                raise _failure(reply)

    async def survey(self, deadline: Deadline) -> tuple[CacheState, ...]:
        """The state of every worker's cache.

        Raises:
            AuditError: no answer.
        """
        match await self._call(Survey(), deadline):
            case Surveyed(states):
                return states
            case reply:
                raise _failure(reply)

    @property
    def cache_secret(self) -> bytes:
        """Under which the workers' caches know holders now; empty while there is no connection."""
        return b"" if self._connection is None else self._connection.cache_secret

    async def _call(self, request: Request | Survey, deadline: Deadline) -> Reply:
        if self._connection is None:
            raise AuditError("AUDIT_UNAVAILABLE", "no connection to the sequencer")
        replied: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._connection.call_soon(request, deadline, partial(_settle, replied))
        return await replied

    async def _keep_connected(self) -> None:
        loop = asyncio.get_running_loop()
        attempt = 0
        while True:
            connection = _Connection(self._cache)
            try:
                await loop.create_unix_connection(partial(_same, connection), str(self._path))
                self._welcome(await connection.greeted(), connection)
                attempt = 0
                await connection.lost.wait()
            except (OSError, AuditError, TrustError) as error:
                if attempt == _TELL_AT:
                    _log.warning("the sequencer is away", reason=str(error))
            finally:
                self._connection = None
                connection.close()
            await asyncio.sleep(_BACKOFF_S[min(attempt, len(_BACKOFF_S) - 1)])
            attempt += 1

    def _welcome(self, origin: str, connection: "_Connection") -> None:
        """The log's name does not change under a worker: receipts already given name it."""
        if self._origin not in ("", origin):
            raise TrustError("PROOF_INVALID", "the sequencer writes another log now")
        self._origin = origin
        connection.follow()
        self._connection = connection
        self._met.set()


@final
class _Connection(asyncio.Protocol):
    """One connection and the calls that wait on it."""

    def __init__(self, cache: Forgetful | None) -> None:
        self.cache_secret = b""
        self._cache: Final = cache
        self.lost: Final = asyncio.Event()
        self._spoke: Final = asyncio.Event()
        self._origin = ""
        self._ids: Final = count(1)
        self._frames: Final = FrameBuffer()
        self._pending: Final[dict[int, tuple[float, Heard]]] = {}
        self._next_look: asyncio.TimerHandle | None = None
        self._outbox: Final[list[bytes]] = []
        self._transport: asyncio.Transport | None = None
        self._is_full = False

    def call_soon(self, request: Request | Survey, deadline: Deadline, heard: Heard) -> None:
        if self._is_full or len(self._pending) >= MAX_PENDING_COUNT:
            heard(AuditError("OVERLOADED", "too many calls wait for the log", retry_after_s=1))
            return
        request_id = next(self._ids) & _U32
        self._pending[request_id] = (deadline.at_s, heard)
        if not self._outbox:
            loop = asyncio.get_running_loop()
            loop.call_soon(self._flush)
            if self._next_look is None:
                self._next_look = loop.call_later(_LOOK_S, self._look)
        self._outbox.append(format_frame(request_id, request))

    async def greeted(self) -> str:
        """The log's origin, once the sequencer has said it."""
        await self._spoke.wait()
        if self.lost.is_set():
            raise AuditError("AUDIT_UNAVAILABLE", "the sequencer hung up")
        return self._origin

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()
        self.connection_lost(None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)  # uvloop's is not a subclass
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            for request_id, body in self._frames.feed(data):
                self._take(request_id, parse_reply(body))
        except (AuditError, ValueError):  # msgspec's are ValueErrors
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._transport = None
        self.lost.set()
        self._spoke.set()
        if self._next_look is not None:
            self._next_look.cancel()
            self._next_look = None
        calls = [heard for _, heard in self._pending.values()]
        self._pending.clear()
        self._fail(calls, "the connection to the sequencer was lost")

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full = False

    def _take(self, request_id: int, message: Hello | Reply) -> None:
        if isinstance(message, Hello):
            self._origin, self.cache_secret = message.origin, message.secret
            self._spoke.set()
        elif isinstance(message, Drop):
            self._drop(request_id, message.forget)
        elif (call := self._pending.pop(request_id, None)) is not None:
            call[1](message)

    def _look(self) -> None:
        """Find the calls that are out of time; while any is left, look again."""
        now_s = time.monotonic()
        late = [key for key, (at_s, _) in self._pending.items() if at_s <= now_s]
        self._fail([self._pending.pop(key)[1] for key in late], "no answer before the deadline")
        self._next_look = None
        if self._pending:
            self._next_look = asyncio.get_running_loop().call_later(_LOOK_S, self._look)

    @staticmethod
    def _fail(calls: list[Heard], why: str) -> None:
        """Tell all that wait; nobody else will, so one that raises keeps none from being told."""
        for heard in calls:
            try:
                heard(AuditError("AUDIT_UNAVAILABLE", why))
            except Exception as error:  # noqa: BLE001 - its own, and its text may be personal
                _log.error("fault", kind=type(error).__name__)

    def follow(self) -> None:
        """Begin with an empty cache, and be told from now on what to forget."""
        if self._cache is not None and self._transport is not None:
            self._cache.restart(self.cache_secret)
            self._transport.write(format_frame(0, Follow()))

    def _drop(self, round_id: int, forget: Forget) -> None:
        if self._cache is not None and self._transport is not None:
            self._cache.forget(forget)
            self._transport.write(format_frame(round_id, Dropped(self._cache.state())))

    def _flush(self) -> None:
        frames = b"".join(self._outbox)
        self._outbox.clear()
        if self._transport is not None:
            self._transport.write(frames)


def _settle(replied: "asyncio.Future[T]", result: T | AuditError) -> None:
    if replied.done():
        return  # whoever asked has been cancelled
    if isinstance(result, AuditError):
        replied.set_exception(result)
    else:
        replied.set_result(result)


def _tell_appended(done: Told, reply: Reply | AuditError) -> None:
    match reply:
        case Durable(index):
            done(Appended(index))
        case Decided(verdict):
            done(verdict)
        case AuditError():
            done(reply)
        case _:
            done(_failure(reply))


def _same(connection: _Connection) -> _Connection:
    return connection


def _failure(reply: Reply) -> AuditError:
    match reply:
        case Failed("overloaded"):
            return AuditError("OVERLOADED", "too much waits for the log", retry_after_s=1)
        case Failed("unacceptable"):
            return AuditError("AUDIT_UNAVAILABLE", "the entry is not one that verifies")
        case _:
            return AuditError("AUDIT_UNAVAILABLE", "the log cannot be written now")
