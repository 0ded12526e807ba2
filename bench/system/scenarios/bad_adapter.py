# SPDX-License-Identifier: Apache-2.0
"""One of eight adapters has code that does harm: what that costs the other seven departments.

In the worker it raises, answers junk, leaks tasks and exits; in a process of its own it holds its
event loop for two seconds a time, and crashes. Each in turns with rounds in which the same adapter
is well; after each the quarantine is awaited, and lifted as an operator does it.
"""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final, Literal

import uvloop

from bench.system.hall import EIGHTH, Hall
from bench.system.harmful import PLUGIN, install
from bench.system.ratios import adjacent_ratios
from bench.system.run import Run
from bench.system.stage import Stage
from fixtures.world import World
from gateway.registry.scope import GRACE_S

#: What it does where, as its questions' purpose states it.
_HARMS: Final[dict[Literal["none", "process"], tuple[str, ...]]] = {
    "none": ("raises", "junk", "leaks", "exits"),
    "process": ("blocks", "crashes"),
}
#: The stable names of what is found.
_NAMES: Final = {"none": "bad_adapter", "process": "bad_adapter_process"}
_QUARANTINE_S: Final = 60.0
#: Seconds after its last question until all that comes of it has come.
_SETTLES_S: Final = {"leaks": GRACE_S + 1.0}


def measure(run: Run, _stage: Stage) -> None:
    """Well and harmful in turns, in the worker and in a process of its own."""
    plugins = run.folder / "plugins"
    install(plugins)
    with (
        _on_path(plugins),
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        for isolation in _HARMS:
            runner.run(_measure(run, isolation))


async def _measure(run: Run, isolation: Literal["none", "process"]) -> None:
    name, seconds = _NAMES[isolation], run.sizes.harm_s
    async with Hall.open(run.folder / name, partial(_harmful, isolation)) as hall:
        order = [("well", await hall.well_p99_ms(run, seconds))]
        for _ in range(run.sizes.side_rounds):
            for harm in _HARMS[isolation]:
                run.gun.patience.wait()
                began_s = time.monotonic()
                order.append((harm, (await hall.shoot(seconds, purpose=harm)).p99_ms()))
                await _until_quarantined(hall, harm)
                run.findings.add(f"{name}_{harm}_quarantined_s", [time.monotonic() - began_s])
                await asyncio.sleep(_SETTLES_S.get(harm, 0.0))
                os.kill(hall.world.gateway.pid, signal.SIGHUP)
                await hall.until_well()
                order.append(("well", await hall.well_p99_ms(run, seconds)))
    for harm in _HARMS[isolation]:
        ratios = adjacent_ratios(order, harm, "well")
        run.findings.add(f"{name}_p99_vs_well", ratios)
        run.findings.add(f"{name}_{harm}_p99_vs_well", ratios)


async def _until_quarantined(hall: Hall, harm: str) -> None:
    """Go on asking until the adapter is shut out."""
    async with asyncio.timeout(_QUARANTINE_S):
        while not (await hall.health()).startswith("quarantined"):
            await hall.ask(harm)
            await asyncio.sleep(0.1)


def _harmful(isolation: str, world: World) -> None:
    file = world.site / f"adapters/{EIGHTH}.toml"
    text = file.read_text().replace(f'plugin = "{EIGHTH}"', f'plugin = "{PLUGIN}"')
    file.write_text(f'isolation = "{isolation}"\n{text}')


@contextmanager
def _on_path(folder: Path) -> Iterator[None]:
    """Let processes that are started meanwhile find what is in the folder."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(folder), before)))
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before
