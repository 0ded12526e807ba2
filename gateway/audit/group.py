# SPDX-License-Identifier: Apache-2.0
"""Group commit: what has arrived is decided in order, written in one transaction, then answered.

Rules:

1. No timer. A group is whatever arrived while the last one was being committed.
2. The commit runs inline on the event loop: one thread, one order, nothing to lock.
3. `Durable` is sent after the commit and never without it. When a commit fails, its whole group is
   answered `Failed`, and everything that comes, until the log has been read again.
4. An entry that `verify` would refuse is refused here, before it costs a nonce.
5. After a failure nonces, quotas and generation are new: claims held before are decided again.
6. What waits is bounded by `MAX_BACKLOG_COUNT`; beyond it the answer is `overloaded`, at once.
7. What is announced is told to the workers after the commit, and answered when all know.
8. Events go before the entries of the group that writes them, and wait until one could.
"""

import asyncio
import re
import secrets
from collections import deque
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from itertools import count
from typing import Final, Protocol, final

import msgspec
import structlog

from gateway.audit.claims import Claims, Ruling
from gateway.audit.frames import (
    Accepted,
    Announce,
    Append,
    Decide,
    Decided,
    Failed,
    Reply,
    Request,
    format_durable,
    format_frame,
)
from gateway.audit.log import Log
from gateway.audit.spread import Spread
from gateway.errors import AuditError, SetupError
from gateway.model.entry import MAX_ENTRY_BYTES
from gateway.model.forget import Forget
from gateway.model.record import parse_record
from gateway.ports import Claim

MAX_GROUP_COUNT: Final = 512
MAX_BACKLOG_COUNT: Final = 4096
_RESTORE_COUNT: Final = 1024
_MAX_EVENT_COUNT: Final = 256
_BACKOFF_S: Final = (0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0)
_log = structlog.get_logger()

#: As `gateway.model.instant` writes it; `verify` and the claims read no less.
_SECOND: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}")
_SECOND_LENGTH: Final = len("2026-11-25T08:00:00")
_FRACTION: Final = re.compile(r"(?:\.[0-9]{1,6})?Z")

_WRITTEN: Final = (Append, Announce)
_NOTHING: Final = Forget()
_FAILED: Final = Failed("failed")
_OVERLOADED: Final = Failed("overloaded")
_UNACCEPTABLE: Final = Failed("unacceptable")
_REFUSALS: Final[dict[Ruling, Reply]] = {
    "replayed": Decided("replayed"),
    "over_quota": Decided("over_quota"),
    "overloaded": _OVERLOADED,
    "too_late": _FAILED,
}


class Peer(Protocol):
    """Where replies go."""

    def send(self, frames: bytes) -> None:
        """Send whole frames; a peer that is gone is no error."""


@final
class Groups:
    """The sequencer's state: the queue, the claims, the log.

    Args:
        log: open.
        new_claims: makes empty claims, at first and after each failure.
        spread: reaches the workers.
    """

    def __init__(
        self, log: Log, new_claims: Callable[[], Claims], spread: Spread | None = None
    ) -> None:
        self._log: Final = log
        self._spread: Final = spread or Spread()
        self._new_claims: Final = new_claims
        self._queue: Final[deque[tuple[Peer, int, Request]]] = deque()
        self._arrived: Final = asyncio.Event()
        self._broken: Final = asyncio.Event()  # for who waits; `_is_serving` says the same
        self._broken.set()
        self._is_serving = False
        self._events: Final[deque[bytes]] = deque(maxlen=_MAX_EVENT_COUNT)
        self._is_room = True
        self._claims = new_claims()
        self._generation = 0

    def accept(self, *, is_room: bool) -> None:
        """Whether there is room for what comes; without it everything new is refused."""
        self._is_room = is_room

    def record(self, event: bytes) -> None:
        """Have an event written, as soon as the log can be."""
        self._events.append(event)
        self._arrived.set()

    def renew(self) -> None:
        """Read the log again, as after a failure; while it is being read, nothing."""
        self._is_serving = False
        self._broken.set()

    @property
    def claims_are_ahead(self) -> bool:
        """Whether the claims that serve are of a time ahead of the clock; see `Claims.is_ahead`."""
        return self._is_serving and self._claims.is_ahead

    def submit(self, peer: Peer, request_id: int, request: Request) -> None:
        """Take a request; it is answered in the next group, or at once if it cannot be."""
        queue = self._queue
        if not (self._is_serving and self._is_room):
            peer.send(format_frame(request_id, _FAILED))
        elif len(queue) >= MAX_BACKLOG_COUNT:
            peer.send(format_frame(request_id, _OVERLOADED))
        else:
            if not queue:
                self._arrived.set()
            queue.append((peer, request_id, request))

    async def run_forever(self) -> None:
        """Answer group after group; an error that is not the store's ends the process."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            self._run()
            while self._queue:
                await asyncio.sleep(0)  # the next group is what has arrived by now
                self._run()

    def drain(self) -> None:
        """Answer everything that waits."""
        while self._queue:
            self._run()

    async def restore(self) -> None:
        """Make the claims again from the log, newest entries first, and serve.

        Raises:
            AuditError: the log cannot be read now.
            SetupError: it holds something else than entries.
        """
        claims, before = self._new_claims(), self._log.size
        while entries := self._log.reader.tail(_RESTORE_COUNT, before):
            try:
                young = [claims.restore(entry) for _, entry in entries]
            except (msgspec.DecodeError, UnicodeDecodeError):
                raise SetupError(
                    f"entry {entries[0][0]} or one of the next is no audit entry",
                    where=self._log.origin,
                    remedy="run `yizheng audit verify`.",
                ) from None
            if not any(young):
                break
            before = entries[0][0]
            await asyncio.sleep(0)  # meanwhile every request is answered: failed
        self._claims = claims
        self._generation = secrets.randbits(64)
        self._broken.clear()
        self._is_serving = True
        self._arrived.set()  # events may wait

    async def recover_forever(self) -> None:
        """Whenever the store has failed, open it again, ever later up to 2 s.

        Raises:
            SetupError: the log contradicts itself.
        """
        while True:
            await self._broken.wait()
            for attempt in count():
                await asyncio.sleep(_BACKOFF_S[min(attempt, len(_BACKOFF_S) - 1)])
                try:
                    self._log.reopen()
                    await self.restore()
                except AuditError as error:
                    _log.warning("audit log still not serving", reason=error.detail)
                    continue
                _log.warning("audit log serving again", size=self._log.size)
                break

    def _run(self) -> None:
        """Decide a group, write it, answer it."""
        answers = _Answers()
        waiting: list[tuple[Peer, int, Append | Announce]] = []
        entries = list(self._events)
        ahead_count = len(entries)
        take, rule = self._queue.popleft, self._rule
        for _ in range(min(len(self._queue), MAX_GROUP_COUNT)):
            peer, request_id, request = take()
            reply = rule(request)
            if reply is not None:
                answers.add(peer, format_frame(request_id, reply))
            elif isinstance(request, _WRITTEN):
                waiting.append((peer, request_id, request))
                entries.append(request.entry)
        answers.send()  # who waits for a claim need not wait for the disk
        first = self._append(entries)
        if first is not None:
            self._events.clear()
        for offset, (peer, request_id, request) in enumerate(waiting, ahead_count):
            if first is None:
                answers.add(peer, format_frame(request_id, _FAILED))
            elif isinstance(request, Announce) and request.forget != _NOTHING:
                self._announce(request.forget, peer, request_id, first + offset)
            else:
                answers.add(peer, format_durable(request_id, first + offset))
        answers.send()

    def _announce(self, forget: Forget, peer: Peer, request_id: int, index: int) -> None:
        durable = format_durable(request_id, index)
        self._spread.start(forget, lambda _: peer.send(durable))

    def _append(self, entries: list[bytes]) -> int | None:
        if not entries:
            return 0
        if not self._is_serving:
            return None
        try:
            return self._log.append(entries)
        except AuditError as error:
            _log.error("audit log not serving", reason=error.detail)
            self.renew()
            return None

    def _rule(self, request: Request) -> Reply | None:
        """The answer, or None when an entry is to be written first."""
        if not self._is_serving:
            return _FAILED
        if isinstance(request, _WRITTEN):
            if not _is_acceptable(request.entry):
                return _UNACCEPTABLE
            claim = request.claim
            is_held = isinstance(request, Append) and request.generation == self._generation
            return None if claim is None or is_held else self._decide(claim)
        if isinstance(request, Decide) and (reply := self._decide(request.claim)) is not None:
            return reply
        return Accepted(self._generation)

    def _decide(self, claim: Claim) -> Reply | None:
        ruling = self._claims.decide(claim)
        return None if ruling == "accepted" else _REFUSALS[ruling]


@final
class _Answers:
    """Replies by peer, so that each peer is written to once."""

    __slots__ = ("_frames",)

    def __init__(self) -> None:
        self._frames: dict[Peer, list[bytes]] = {}

    def add(self, peer: Peer, frame: bytes) -> None:
        frames = self._frames.get(peer)
        if frames is None:
            frames = self._frames[peer] = []
        frames.append(frame)

    def send(self) -> None:
        for peer, frames in self._frames.items():
            peer.send(b"".join(frames))
        self._frames.clear()


def _is_acceptable(entry: bytes) -> bool:
    if len(entry) > MAX_ENTRY_BYTES:
        return False
    try:
        time = parse_record(entry).time
    except ValueError:
        return False
    return (
        _is_second(time[:_SECOND_LENGTH]) and _FRACTION.fullmatch(time, _SECOND_LENGTH) is not None
    )


@lru_cache(maxsize=64)
def _is_second(text: str) -> bool:
    """Whether it is an instant without fraction and zone; those of a second are asked for often."""
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return _SECOND.fullmatch(text) is not None
