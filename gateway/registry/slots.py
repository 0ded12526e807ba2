# SPDX-License-Identifier: Apache-2.0
"""Places at one department, and a bounded queue for them."""

import asyncio
from collections import deque
from typing import Final

from gateway.errors import AdapterUnavailable
from gateway.sdk import Deadline

#: Seconds after which a caller that found the queue full may try again.
_BUSY_RETRY_S: Final = 1


class Slots:
    """So many callers inside, as many waiting in the order of their coming; more are refused.

    A slow department fills its own queue and nobody else's. Owned by one event loop.

    Args:
        count: of places.

    Attributes:
        free_count: places that nobody has.
    """

    def __init__(self, count: int) -> None:
        self.free_count = count
        self._max_waiting: Final = count
        self._waiting: Final[deque[asyncio.Future[None]]] = deque()

    @property
    def waiting_count(self) -> int:
        """How many wait for a place."""
        return len(self._waiting)

    def take(self) -> bool:
        """Take a place if one is free; each one has to be given back by `release`."""
        if not self.free_count:
            return False
        self.free_count -= 1
        return True

    async def acquire(self, limit: Deadline) -> None:
        """Take a place, or wait for one; likewise to be given back.

        Raises:
            AdapterUnavailable: the queue is full, no place came free in time, or all were turned
                away.
        """
        if self.take():
            return
        if len(self._waiting) >= self._max_waiting:
            raise AdapterUnavailable("busy: the queue is full", retry_after_s=_BUSY_RETRY_S)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(limit.remaining_s):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.release()  # it was given the place in the very moment in which it left
            elif turn in self._waiting:
                self._waiting.remove(turn)
            if isinstance(error, TimeoutError):
                raise AdapterUnavailable(
                    "busy: no slot before the deadline", retry_after_s=_BUSY_RETRY_S
                ) from None
            raise

    def release(self) -> None:
        """Give a place to who has waited longest."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.free_count += 1

    def turn_away(self, cause: str, retry_after_s: int) -> None:
        """Refuse everybody who waits: the department they wait for does not answer."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_exception(AdapterUnavailable(cause, retry_after_s=retry_after_s))
