# SPDX-License-Identifier: Apache-2.0
"""Two workers on two cores, load and sequencer on the same cores, beside one worker."""

import msgspec

from bench.system.processor import cores
from bench.system.ratios import adjacent_ratios
from bench.system.run import Run
from bench.system.stage import Stage, pin_gateway
from bench.system.target import gateway_target
from bench.system.world import BenchWorld


def measure(run: Run, stage: Stage) -> None:
    """In turns; the other gateway is idle meanwhile."""
    both = cores()
    if both[0] == both[1]:
        run.findings.note("two workers left out: there is only one core")
        return
    folder = run.folder / f"two-{len(list(run.folder.iterdir()))}"
    folder.mkdir()
    with BenchWorld(folder, workers=2) as world:
        pin_gateway(world, *both)
        one = stage.gateway()
        two = msgspec.structs.replace(gateway_target(world), name="two")
        for _ in range(4):  # until the kernel has given each worker every question
            two.warm()
        one.warm()
        shots = []
        for _ in range(run.sizes.side_rounds):
            shots.append(("one", run.gun.saturate(one, run.sizes.shot_s).per_s))
            shot = run.gun.saturate(two, run.sizes.shot_s, on_cores=both)
            shots.append(("two", shot.per_s))
        shots.append(("one", run.gun.saturate(one, run.sizes.shot_s).per_s))
    run.findings.add("two_workers", adjacent_ratios(shots, "two", "one"))
    run.findings.add("two_workers_per_s", [rate for name, rate in shots if name == "two"])
