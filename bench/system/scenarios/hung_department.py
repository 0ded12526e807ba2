# SPDX-License-Identifier: Apache-2.0
"""One of eight departments hangs: what that costs the other seven, and what still reaches it.

The seven are asked while the eighth works and while its system is stopped (SIGSTOP: connections are
accepted, and nothing is said), in turns.
"""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvloop

from bench.system.hall import EIGHTH, Hall
from bench.system.ratios import adjacent_ratios
from bench.system.run import Run
from bench.system.stage import Stage


def measure(run: Run, _stage: Stage) -> None:
    """Well and hung in turns."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_measure(run))


async def _measure(run: Run) -> None:
    async with Hall.open(run.folder / "hung") as hall:
        order = [("well", await hall.well_p99_ms(run, run.sizes.hung_s))]
        for _ in range(run.sizes.side_rounds):
            run.gun.patience.wait()
            with _stopped(hall.world.departments[EIGHTH].pid):
                began_s = time.monotonic()
                shot = await hall.shoot(run.sizes.hung_s)
                ended_s = time.monotonic()
            # When a question was first refused instead of waited for.
            opened_s = shot.first("PROVIDER_UNAVAILABLE", began_s)
            probes = [at_s for at_s in hall.front.times_s if opened_s < at_s <= ended_s]
            order.append(("hung", shot.p99_ms()))
            run.findings.add("hung_breaker_open_s", [opened_s - began_s])
            run.findings.add("hung_probes_per_s", [_per_s(probes)])
            await hall.until_well()
            order.append(("well", await hall.well_p99_ms(run, run.sizes.hung_s)))
    run.findings.add("hung_p99_vs_well", adjacent_ratios(order, "hung", "well"))
    run.findings.add("hung_p99_ms", [figure for name, figure in order if name == "hung"])
    run.findings.add("well_p99_ms", [figure for name, figure in order if name == "well"])


def _per_s(times_s: list[float]) -> float:
    """Their rate; of fewer than two it is nothing."""
    if len(times_s) < 2:
        return 0.0
    return (len(times_s) - 1) / (times_s[-1] - times_s[0])


@contextmanager
def _stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
