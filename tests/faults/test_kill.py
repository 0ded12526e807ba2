# SPDX-License-Identifier: Apache-2.0
"""F-01: kill -9 of the sequencer or a worker at random instants under load, YIZHENG_KILLS times.

Afterwards each answer that a caller received must stand in the log, once, at the index that its
receipt named, with the digest of the very bytes that were received. Answers flow again within
YIZHENG_RETURN_S of a kill: 30 s where cores are shared; 2 s is the figure for a quiet machine.
"""

import asyncio
import os
import random
import signal
import time
from collections.abc import Callable

import pytest

from fixtures.world import World
from tests.faults.asking import EXPECTED, Asking

KILLS = int(os.environ.get("YIZHENG_KILLS", "20"))
SEED = int(os.environ.get("YIZHENG_SEED", "20261122"))
RETURN_LIMIT_S = float(os.environ.get("YIZHENG_RETURN_S", "30"))
CALLERS = 16


async def kill_one(world: World, asking: Asking, name: str) -> float:
    """Kill one process; returns the seconds until it is replaced and somebody is answered anew."""
    before = world.pids()[name]
    killed_at_s = time.monotonic()
    os.kill(before, signal.SIGKILL)

    def is_back() -> bool:
        newest = asking.answers[-1].sent_at_s if asking.answers else 0.0
        return newest > killed_at_s and world.pids().get(name) not in {None, before}

    return await asking.until(is_back, RETURN_LIMIT_S)


@pytest.mark.timeout(60 + 5 * KILLS)
async def test_every_answer_received_is_in_the_log_whatever_is_killed(
    tough: World, record_property: Callable[[str, object], None]
) -> None:
    dice = random.Random(SEED)
    asking = Asking(tough)
    back_s: list[float] = []
    names = [name for name in tough.pids() if name.startswith(("sequencer", "worker"))]
    began_s = time.monotonic()
    async with asking.by(CALLERS):
        for _ in range(KILLS):
            await asyncio.sleep(dice.uniform(0.02, 0.25))
            back_s.append(await kill_one(tough, asking, dice.choice(names)))
    took_s = time.monotonic() - began_s
    assert tough.gateway.stop() == 0
    assert asking.codes_of_the_log <= EXPECTED
    assert len(asking.answers) > 10 * KILLS
    size = asking.check()
    record_property("kills", KILLS)
    record_property("answers", len(asking.answers))
    record_property("answers_per_s", round(len(asking.answers) / took_s))
    record_property("requests_per_s", round((len(asking.answers) + len(asking.refusals)) / took_s))
    record_property("back_max_s", round(max(back_s), 2))
    record_property("refusals", dict(asking.codes))
    record_property("entries", size)
