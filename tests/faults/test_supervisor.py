# SPDX-License-Identifier: Apache-2.0
"""A process that the supervisor cannot start now, it starts later; nobody else notices."""

import asyncio
import os
import resource
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fixtures.world import World
from tests.faults.asking import Asking

LIMIT_S = 60.0
CALLERS = 4


@contextmanager
def no_descriptor(world: World) -> Iterator[None]:
    """The supervisor gets no descriptor more; what it has stays."""
    pid = world.pids()["supervisor"]
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (0, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


def children_of(pid: int) -> set[int]:
    return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not holds():  # noqa: ASYNC110 - what is awaited happens in another process
            await asyncio.sleep(0.01)


async def answered_anew(asking: Asking) -> None:
    now_s = time.monotonic()
    await asking.until(lambda: bool(asking.answers) and asking.answers[-1].sent_at_s > now_s)


async def test_without_a_descriptor_a_start_waits_and_the_others_serve(tough: World) -> None:
    before, asking = tough.pids(), Asking(tough)
    async with asking.by(CALLERS):
        with no_descriptor(tough):
            os.kill(before["worker-1"], signal.SIGKILL)
            await until(lambda: not Path(f"/proc/{before['worker-1']}").exists())
            await answered_anew(asking)
            assert len(children_of(before["supervisor"])) == len(before) - 2
        await until(lambda: tough.pids().get("worker-1") not in {None, before["worker-1"]})
        await answered_anew(asking)
    assert {**tough.pids(), "worker-1": 0} == {**before, "worker-1": 0}
    asking.check()
