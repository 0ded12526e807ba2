# SPDX-License-Identifier: Apache-2.0
"""Asks departments, about nobody, whether they work, while nobody else asks them.

A department that answers lookups has said so already and is left in peace. One that fails is
asked as often as probes may leave, so that its return is noticed within a second or two. All
workers of a site together send one department at most one probe a second: `probe_interval_s` is
each one's share.
"""

import asyncio
import secrets
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from gateway.errors import DepartmentError
from gateway.registry.guard import Guard
from gateway.sdk import Deadline

#: Seconds in which a department that works has answered a ping.
PING_DEADLINE_S: Final = 1.0


class Heartbeat:
    """Pings of one department.

    Args:
        guard: of its adapter.
        interval_s: between two pings while it works and nobody asks.
        probe_interval_s: between two pings at least.
    """

    def __init__(self, guard: Guard, *, interval_s: float, probe_interval_s: float) -> None:
        self._guard: Final = guard
        self._interval_s: Final = max(interval_s, probe_interval_s)
        self._probe_interval_s: Final = probe_interval_s
        self._lock: Final = asyncio.Lock()
        self._began_at_s = float("-inf")

    async def ask(self, *, max_age_s: float) -> str:
        """The department's health, asked anew if what is known is older; never raises."""
        async with self._lock:
            age_s = time.monotonic() - self._began_at_s
            if age_s >= max(max_age_s, self._probe_interval_s):
                self._began_at_s = time.monotonic()
                with suppress(DepartmentError):  # the guard has taken note
                    await self._guard.ping(Deadline.after(PING_DEADLINE_S))
        return self._guard.health

    async def beat(self) -> None:
        """Ping whenever it is time; ends when it is cancelled."""
        # Workers that start together shall not ping together for ever.
        await asyncio.sleep(self._interval_s * secrets.randbelow(1000) / 1000)
        while True:
            guard = self._guard
            guard.changed.clear()
            is_silent = time.monotonic() - guard.answered_at_s >= self._interval_s
            if is_silent or guard.health != "ok":
                await self.ask(max_age_s=0)
            is_well = guard.health == "ok"
            try:
                async with asyncio.timeout(self._interval_s if is_well else self._probe_interval_s):
                    await guard.changed.wait()
            except TimeoutError:
                continue
            await asyncio.sleep(self._probe_interval_s)


async def beat_all(heartbeats: Iterable[Heartbeat]) -> None:
    """Keep all of them going until this is cancelled."""
    async with asyncio.TaskGroup() as group:
        for heartbeat in heartbeats:
            group.create_task(heartbeat.beat())
