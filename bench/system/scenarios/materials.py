# SPDX-License-Identifier: Apache-2.0
"""All materials of a case in one call, against the slowest of the same lookups one by one.

The demo's withdrawal: six accesses at five departments, none from the cache. Measured with one
department that takes `SLOW_S`, as a real one does, and with simulators that answer at once: then
what six accesses cost a worker is all there is.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import msgspec
import uvloop

from bench.system.hall import Hall
from bench.system.ratios import percentile
from bench.system.run import Run
from bench.system.stage import Stage
from bench.system.target import WrongAnswer
from fixtures import withdrawal
from gateway.client import GatewayClient
from gateway.model.lookup import HolderReference, LookupAnswer, LookupRequest

SLOW_S: Final = 0.05
_ASKED_COUNT: Final = 6
#: Of calls in a round, as a part of the cold questions of a start.
_PART: Final = 4


def measure(run: Run, _stage: Stage) -> None:
    """The call and the single lookups in turns."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_measure(run))


async def _measure(run: Run) -> None:
    async with Hall.open(run.folder / "materials") as hall, hall.world.hall() as window:
        await withdrawal.register(hall.world, window)
        singles = await _singles(hall, window)
        for name, delay_s in (("materials", SLOW_S), ("materials_at_once", 0.0)):
            hall.front.delay_s = delay_s
            for _ in range(run.sizes.side_rounds):
                run.gun.patience.wait()
                call_ms, slowest_ms = await _round(window, singles, run.sizes.miss_count // _PART)
                run.findings.add(f"{name}_p50_vs_slowest", [call_ms / slowest_ms])
                run.findings.add(f"{name}_p50_ms", [call_ms])


async def _round(
    window: GatewayClient, singles: list[LookupRequest], count: int
) -> tuple[float, float]:
    """Median milliseconds of the call, and of the slowest of the lookups."""

    async def call() -> None:
        await withdrawal.ask(window, max_age_s=0)

    times: list[list[float]] = [[] for _ in range(len(singles) + 1)]
    for _ in range(count):
        times[0].append(await _timed(call))
        for place, request in enumerate(singles, 1):
            times[place].append(await _timed(partial(window.lookup, request)))
    medians = [percentile(sorted(each), 0.5) for each in times]
    return medians[0], max(medians[1:])


async def _singles(hall: Hall, window: GatewayClient) -> list[LookupRequest]:
    """What the call asks, one by one.

    Raises:
        WrongAnswer: a department did not answer.
    """
    signed = await withdrawal.ask(window, max_age_s=0)
    husband, wife = (HolderReference("cn-id", one.id_number) for one in hall.world.citizens[:2])
    singles = []
    for material in signed.answer.materials:
        if material.outcome == "shared":
            assert material.answer is not msgspec.UNSET
            answer = msgspec.json.decode(material.answer, type=LookupAnswer)
            singles.append(
                LookupRequest(
                    wife if material.role == "spouse" else husband,
                    answer.certificate,
                    withdrawal.ATTRIBUTION,
                    fields=tuple(answer.fields),
                    max_age_s=0,
                )
            )
    if len(singles) != _ASKED_COUNT:
        raise WrongAnswer(f"{len(singles)} of {_ASKED_COUNT} materials were shared")
    return singles


async def _timed(ask: Callable[[], Awaitable[object]]) -> float:
    began_s = time.perf_counter()
    await ask()
    return (time.perf_counter() - began_s) * 1e3
