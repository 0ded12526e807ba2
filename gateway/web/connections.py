# SPDX-License-Identifier: Apache-2.0
"""All connections of a worker: how many, which are late, and when the last one has gone."""

import asyncio
import time
from typing import Final, Protocol, Self

import msgspec

from gateway.log import report_fault
from gateway.model.http_section import HTTPSection
from gateway.web.front import Front
from gateway.web.metrics import ConnectionMetrics

#: Seconds between two looks at who is late: limits are seconds, and F-09 allows one.
_LOOK_S: Final = 0.25


class Limits(msgspec.Struct, frozen=True):
    """What one worker's connections may take.

    Attributes:
        header_timeout_s: for one head, from the connection or the head's first byte.
        body_timeout_s: for one body, from the end of its head.
        idle_timeout_s: between an answer and the next request.
        max_body_bytes: of one request, without its framing.
        max_connections: beyond it, new ones are closed at once.
        department_connections: which adapters may hold at once, besides.
    """

    header_timeout_s: float = 10
    body_timeout_s: float = 10
    idle_timeout_s: float = 75
    max_body_bytes: int = 65_536
    max_connections: int = 4096
    department_connections: int = 0

    @classmethod
    def of(cls, section: HTTPSection, department_connections: int) -> Self:
        """As `[http]` says."""
        return cls(
            header_timeout_s=section.header_timeout_s,
            body_timeout_s=section.body_timeout_s,
            idle_timeout_s=section.idle_timeout_s,
            max_body_bytes=section.max_body_bytes,
            max_connections=section.max_connections,
            department_connections=department_connections,
        )


class Watched(Protocol):
    """One connection, as far as all of them are concerned.

    Attributes:
        due_s: on the monotonic clock, when something must have come.
        read_by_s: when the peer must have read what was written.
    """

    due_s: float
    read_by_s: float

    @property
    def is_idle(self) -> bool:
        """Whether nothing of a request has come since the last answer."""

    def expire(self, now_s: float) -> None:
        """Do what has to be done when something did not come in time."""

    def close(self) -> None:
        """Close it; nothing is said."""


class Connections:
    """The connections of a worker.

    Args:
        front: answers requests.
    """

    def __init__(self, front: Front, limits: Limits) -> None:
        self.front: Final = front
        self.limits: Final = limits
        self.open: Final[set[Watched]] = set()
        self.is_draining = False
        self.drained: Final = asyncio.Event()
        self._metrics: Final = ConnectionMetrics()
        self._next_look: asyncio.TimerHandle | None = None

    def drain(self) -> None:
        """From now on each connection ends with its next answer; `drained` tells when all have."""
        self.is_draining = True
        if not self.open:
            self.drained.set()

    def close_idle(self) -> None:
        """Close the connections on which nobody asks anything."""
        for peer in tuple(self.open):
            if peer.is_idle:
                peer.close()

    def admit(self, peer: Watched) -> bool:
        """Count a connection in, unless there are too many; once, however often it is asked."""
        if peer in self.open:
            return True
        if len(self.open) >= self.limits.max_connections:
            self._metrics.count_refused()
            return False
        self.open.add(peer)
        self.drained.clear()
        if self._next_look is None:
            self._look_later()
        return True

    def forget(self, peer: Watched) -> None:
        """Count a connection out."""
        self.open.discard(peer)
        if self.is_draining and not self.open:
            self.drained.set()

    def shutdown(self) -> None:
        """Close all, whatever they are doing."""
        for peer in tuple(self.open):
            peer.close()
        if self._next_look is not None:
            self._next_look.cancel()
            self._next_look = None

    def _look_later(self) -> None:
        self._next_look = asyncio.get_running_loop().call_later(_LOOK_S, self._look)

    def _look(self) -> None:
        """Find who is late; while there is anybody, look again."""
        now_s = time.monotonic()
        for peer in tuple(self.open):
            if peer.due_s <= now_s or peer.read_by_s <= now_s:
                self._expire(peer, now_s)
        self._next_look = None
        if self.open:
            self._look_later()

    def _expire(self, peer: Watched, now_s: float) -> None:
        """One that cannot even be ended must not keep the others from being looked at."""
        try:
            peer.expire(now_s)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this peer's
            report_fault(error)
            peer.due_s = peer.read_by_s = now_s + self.limits.idle_timeout_s
