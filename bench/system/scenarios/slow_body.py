# SPDX-License-Identifier: Apache-2.0
"""A department answers byte by byte, for longer than it is given: how late its callers hear so.

Its breaker is set never to open, so that each question waits for the whole of `timeout_s`. What is
told is how long after that its refusal was there, while seven departments are asked in a closed
loop.
"""

import asyncio
import tomllib
from typing import Final

import uvloop

from bench.system.hall import EIGHTH, Hall
from bench.system.ratios import percentile
from bench.system.run import Run
from bench.system.stage import Stage
from bench.system.target import WrongAnswer
from fixtures.world import World

_NEVER_OPENS: Final = """
[breaker]
min_count = 100000
timeout_count = 1000
"""


def measure(run: Run, _stage: Stage) -> None:
    """How late each round's refusals were."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_measure(run))


async def _measure(run: Run) -> None:
    async with Hall.open(run.folder / "slow", _never_opening) as hall:
        timeout_ms = _timeout_ms(hall.world)
        for _ in range(run.sizes.side_rounds):
            run.gun.patience.wait()
            hall.front.is_slow = True
            shot = await hall.shoot(run.sizes.hung_s)
            hall.front.is_slow = False
            if other := {heard.code for heard in shot.heard} - {"PROVIDER_TIMEOUT"}:
                raise WrongAnswer(f"a slow answer is a time-out, and not {other}")
            late_ms = sorted(heard.took_ms - timeout_ms for heard in shot.heard)
            run.findings.add("slow_body_deadline_overrun_p99_ms", [percentile(late_ms, 0.99)])
            run.findings.add("slow_body_deadline_overrun_p50_ms", [percentile(late_ms, 0.5)])
            await hall.until_well()


def _never_opening(world: World) -> None:
    with (world.site / f"adapters/{EIGHTH}.toml").open("a") as file:
        file.write(_NEVER_OPENS)


def _timeout_ms(world: World) -> float:
    text = (world.site / f"adapters/{EIGHTH}.toml").read_text()
    return float(tomllib.loads(text)["timeout_s"]) * 1e3
