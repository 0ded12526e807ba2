# SPDX-License-Identifier: Apache-2.0
"""What all workers of a gateway say: each takes a change when it comes to it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

_LIMIT_S: Final = 60.0
#: Answers in a row that have to agree; the kernel gives each connection to one of the workers. That
#: all of them come from the same one of two happens once in thirty thousand times.
LOOKS: Final = 16


async def all_say(expected: object, ask: Callable[[], Awaitable[object]]) -> None:
    """Ask, over a new connection each time, until so many answers in a row are the expected one.

    Raises:
        AssertionError: they never agreed; says what the last one was.
    """
    until_s = time.monotonic() + _LIMIT_S
    agreed = 0
    while agreed < LOOKS:
        said = await ask()
        agreed = agreed + 1 if said == expected else 0
        assert time.monotonic() < until_s, said
        await asyncio.sleep(0.02)
