# SPDX-License-Identifier: Apache-2.0
"""The clerk 办事员: the one process that does what is due in the office (ADR 0022).

Each of its duties loops until it is told to stop. What it knows stands in the office store, so it
may be killed at any time: its successor goes on where the store says, and does the last step again.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol


class Duty(Protocol):
    """One thing that the clerk does again and again."""

    async def run(self, quit_event: asyncio.Event, /) -> None:
        """Do what is due until `quit_event`; only a fault of ours may raise."""


async def serve_clerk(
    duties: Sequence[Duty], *, quit_event: asyncio.Event, on_ready: Callable[[], None]
) -> None:
    """Do all duties until `quit_event`; when one fails all end, and the process is restarted."""
    async with asyncio.TaskGroup() as tasks:
        for duty in duties:
            tasks.create_task(duty.run(quit_event))
        on_ready()
