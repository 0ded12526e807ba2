# SPDX-License-Identifier: Apache-2.0
"""Telling every worker what to forget, and knowing that each has done so.

::

    worker ── Follow ──▶ sequencer        once for each connection
    worker ◀─ Drop ───── sequencer        after the record of the change is durable
    worker ── Dropped ─▶ sequencer        with what there is to say about its cache
                         sequencer ─ Durable ─▶ who announced the change

Rules:

1. Who announced a change is answered when all who follow have forgotten: from then on no worker
   serves what was kept before.
2. A worker that does not answer within `LIMIT_S` is cut off. Without a sequencer it can record
   nothing, so it serves nothing; when it is back it begins with an empty cache.
3. A worker that connects is in no round that began before: it has nothing to forget.
"""

import asyncio
from collections.abc import Callable
from itertools import count
from typing import Final, Protocol, final

import structlog

from gateway.audit.frames import Drop, format_frame
from gateway.model.forget import CacheState, Forget

LIMIT_S: Final = 1.0
_U32: Final = 0xFFFF_FFFF
_log = structlog.get_logger()

#: Told what the workers said, when the last one has.
WhenDone = Callable[[tuple[CacheState, ...]], None]


class Follower(Protocol):
    """A worker's connection."""

    def send(self, frames: bytes) -> None:
        """Send whole frames; a peer that is gone is no error."""

    def abort(self) -> None:
        """Close at once."""


@final
class Spread:
    """The workers that follow, and the rounds under way. Owned by one event loop.

    Args:
        limit_s: seconds for a worker to answer.
    """

    def __init__(self, limit_s: float = LIMIT_S) -> None:
        self._limit_s: Final = limit_s
        self._followers: Final[set[Follower]] = set()
        self._rounds: Final[dict[int, _Round]] = {}
        self._ids: Final = count(1)

    def follow(self, follower: Follower) -> None:
        """Tell this one from now on."""
        self._followers.add(follower)

    def leave(self, follower: Follower) -> None:
        """Its connection is gone: it is not waited for any more."""
        self._followers.discard(follower)
        for round_id, begun in tuple(self._rounds.items()):
            begun.waiting.discard(follower)
            self._end(round_id, begun)

    def start(self, forget: Forget, when_done: WhenDone) -> None:
        """Tell everybody to forget; with nothing in `forget`, ask only for their state."""
        round_id = next(self._ids) & _U32
        begun = self._rounds[round_id] = _Round(set(self._followers), when_done)
        loop = asyncio.get_running_loop()
        begun.timer = loop.call_later(self._limit_s, self._give_up, round_id)
        frame = format_frame(round_id, Drop(forget))
        for follower in self._followers:
            follower.send(frame)
        self._end(round_id, begun)

    def take(self, follower: Follower, round_id: int, state: CacheState) -> None:
        """A worker has forgotten; one that was given up already is not heard."""
        begun = self._rounds.get(round_id)
        if begun is not None and follower in begun.waiting:
            begun.waiting.discard(follower)
            begun.states.append(state)
            self._end(round_id, begun)

    def _give_up(self, round_id: int) -> None:
        for follower in tuple(self._rounds[round_id].waiting):
            _log.error("a worker did not forget in time and is cut off")
            follower.abort()
            self.leave(follower)

    def _end(self, round_id: int, begun: "_Round") -> None:
        if begun.waiting:
            return
        del self._rounds[round_id]
        if begun.timer is not None:
            begun.timer.cancel()
        begun.when_done(tuple(sorted(begun.states, key=lambda state: state.pid)))


class _Round:
    __slots__ = ("states", "timer", "waiting", "when_done")

    def __init__(self, waiting: set[Follower], when_done: WhenDone) -> None:
        self.waiting: Final = waiting
        self.states: Final[list[CacheState]] = []
        self.when_done: Final = when_done
        self.timer: asyncio.TimerHandle | None = None
