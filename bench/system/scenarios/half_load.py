# SPDX-License-Identifier: Apache-2.0
"""Latency at half of what the floor can do: requests come at random instants, whatever happens.

The shipped client sends them, for floor and gateway alike. A request that is due while all
connections wait is not sent; where that happens, the note says how many.
"""

from bench.system.ratios import adjacent_ratios
from bench.system.run import Run
from bench.system.stage import Stage


def measure(run: Run, stage: Stage) -> None:
    """Floor and gateway in turns, at the same rate."""
    floor, gateway = stage.floor(), stage.gateway()
    capacity = run.findings.median("floor_p256_per_s")
    if capacity is None:
        capacity = run.gun.saturate(floor, run.sizes.shot_s).per_s
    rate = capacity / 2
    run.findings.add("half_load_per_s", [rate])
    middle, late = [], []
    gateway.warm()
    for target in [*(floor, gateway) * run.sizes.side_rounds, floor]:
        outcome = run.gun.paced(target, run.sizes.paced_s, rate)
        if outcome.unsent_count:
            share = outcome.unsent_count / (outcome.unsent_count + outcome.answer_count)
            run.findings.note(f"half load: {target.name} left {share:.1%} of a shot unsent")
        middle.append((target.name, outcome.p50_ms))
        late.append((target.name, outcome.p99_ms))
        run.findings.add(f"{target.name}_half_load_p50_ms", [outcome.p50_ms])
        run.findings.add(f"{target.name}_half_load_p99_ms", [outcome.p99_ms])
    run.findings.add("p50_half_load_vs_floor", adjacent_ratios(middle, "gateway", "floor"))
    run.findings.add("p99_half_load_vs_floor", adjacent_ratios(late, "gateway", "floor"))
