# SPDX-License-Identifier: Apache-2.0
"""Everybody asks the same thing that nobody has asked before: one call upstream, all recorded."""

import urllib.request
from contextlib import closing

import msgspec

from bench.system.requests import cold_bodies
from bench.system.run import Run
from bench.system.stage import Stage, pin_gateway
from bench.system.target import gateway_target
from bench.system.world import BenchWorld
from gateway.audit.store.reader import LogReader
from gateway.sdk.kits.simulator_http import ASKED_PATH

CALLERS = 5_000


def measure(run: Run, stage: Stage) -> None:
    """Each caller on a connection of its own, all requests in one turn of the client's loop.

    The gateway refuses at once what would wait too long in a worker; those callers come again when
    they were told to, as clients do, with the same request.
    """
    world = stage.world
    world.restart_with_usual_wait()
    pin_gateway(world)
    target = msgspec.structs.replace(gateway_target(world), bodies=cold_bodies(world, 1))
    run.gun.patience.wait()
    asked, entries = _asked(world), _entries(world)
    outcome, _samples = run.gun.send(
        target, ["--at-once", f"--connections={CALLERS}"], CALLERS, per_s=CALLERS
    )
    if refused := outcome.answer_count - outcome.statuses.get("200", 0):
        run.findings.note(f"stampede: {refused} callers had no answer: {outcome.statuses}")
    run.findings.add("stampede_upstream_calls", [_asked(world) - asked])
    run.findings.add("stampede_entries", [_entries(world) - entries])
    run.findings.add("stampede_retried", [outcome.retried_count])
    run.findings.add("stampede_seconds", [outcome.seconds])
    run.findings.add("stampede_p99_ms", [outcome.p99_ms])


def _asked(world: BenchWorld) -> int:
    with urllib.request.urlopen(world.register_url + ASKED_PATH) as response:
        return msgspec.json.decode(response.read(), type=dict[str, int])["count"]


def _entries(world: BenchWorld) -> int:
    with closing(LogReader.open(world.site / "var/audit")) as reader:
        return reader.size()
