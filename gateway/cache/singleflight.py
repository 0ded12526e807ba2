# SPDX-License-Identifier: Apache-2.0
"""One call for all who ask the same thing at the same time.

1. The call runs in a task of its own: a waiter that is cancelled leaves the others undisturbed.
2. When the last waiter has gone, the call is cancelled; who asks after that starts a new one.
3. A result or an exception goes to everyone who was waiting, and is then forgotten.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Calls under way, by key. Owned by one event loop."""

    def __init__(self) -> None:
        self._flights: Final[dict[bytes, _Flight[T]]] = {}
        # A cancelled call still has to wind down, and the loop alone holds tasks weakly.
        self._tasks: Final[set[asyncio.Task[T]]] = set()

    async def run(self, key: bytes, source: Callable[[], Awaitable[T]]) -> T:
        """Await the call for this key that is under way, or else start `source`."""
        flight = self._flights.get(key)
        if flight is None:
            flight = self._start(key, source)
        flight.waiter_count += 1
        try:
            return await asyncio.shield(flight.task)  # whoever leaves takes nobody with him
        finally:
            flight.waiter_count -= 1
            if flight.waiter_count == 0 and not flight.task.done():
                flight.task.cancel()
                self._forget(key, flight)

    def detach(self, is_over: Callable[[bytes], bool]) -> None:
        """Let nobody join the calls under way for these keys; who waits goes on waiting."""
        for key in [key for key in self._flights if is_over(key)]:
            del self._flights[key]

    def _start(self, key: bytes, source: Callable[[], Awaitable[T]]) -> "_Flight[T]":
        flight = self._flights[key] = _Flight(asyncio.create_task(_call(source)))
        self._tasks.add(flight.task)

        def land(task: asyncio.Task[T]) -> None:
            self._tasks.discard(task)
            self._forget(key, flight)
            if not task.cancelled():
                task.exception()  # retrieved, even when nobody is left to wait for it

        flight.task.add_done_callback(land)
        return flight

    def _forget(self, key: bytes, flight: "_Flight[T]") -> None:
        if self._flights.get(key) is flight:  # a later call may have taken the key
            del self._flights[key]


class _Flight(Generic[T]):
    __slots__ = ("task", "waiter_count")

    def __init__(self, task: asyncio.Task[T]) -> None:
        self.task: Final = task
        self.waiter_count = 0


async def _call(source: Callable[[], Awaitable[T]]) -> T:
    return await source()
