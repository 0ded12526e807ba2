# SPDX-License-Identifier: Apache-2.0
"""A task that was cancelled and goes on: before Python 3.11.4, `asyncio.timeout` fails in such."""

import asyncio
from collections.abc import Awaitable, Callable


async def after_a_cancellation(do: Callable[[], Awaitable[None]]) -> None:
    """Do something where a cancellation was caught, as in the `finally` of who was cancelled."""

    async def be_cancelled_and_go_on() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await do()

    task = asyncio.create_task(be_cancelled_and_go_on())
    await asyncio.sleep(0)
    task.cancel()
    await task
