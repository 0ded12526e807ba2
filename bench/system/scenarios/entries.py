# SPDX-License-Identifier: Apache-2.0
"""Durable entries a second: several feeders speak to the real sequencer of a real site.

The sequencer has the servers' core to itself, since the worker is idle; the feeders share the other
one. An entry counts when the sequencer has said that it is durable.
"""

import subprocess
import sys

import msgspec

from bench.system.feeder import Fed
from bench.system.processor import cores, cpu_s, pin
from bench.system.run import Run
from bench.system.stage import Stage
from bench.system.target import WrongAnswer

FEEDERS = 2


def measure(run: Run, stage: Stage) -> None:
    """One shot for each start."""
    first, second = cores()
    sequencer = stage.world.pids()["sequencer"]
    pin([sequencer], first)
    try:
        run.gun.patience.wait()
        before_s = cpu_s([sequencer])
        fed = _feed(stage, run.sizes.feed_s)
        spent_s = cpu_s([sequencer]) - before_s
    finally:
        pin([sequencer], second)
    count = sum(one.count for one in fed)
    if any(one.refused_count for one in fed) or not count:
        raise WrongAnswer(f"the sequencer refused entries: {fed}")
    run.findings.add("entries_per_s", [count / max(one.seconds for one in fed)])
    run.findings.add("sequencer_us_per_fed_entry", [spent_s / count * 1e6])


def _feed(stage: Stage, seconds: float) -> list[Fed]:
    words = [
        sys.executable, "-m", "bench.system.feeder",
        f"--socket={stage.world.site / 'var/sequencer.sock'}", f"--seconds={seconds}",
    ]  # fmt: skip
    feeders = [
        subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(FEEDERS)
    ]
    for feeder in feeders:
        assert feeder.stdout is not None
        feeder.stdout.readline()  # its entries are made
    for feeder in feeders:
        assert feeder.stdin is not None
        feeder.stdin.write(b"go\n")
        feeder.stdin.flush()
    said = [feeder.communicate()[0] for feeder in feeders]
    return [msgspec.json.decode(line, type=Fed) for line in said]
