# SPDX-License-Identifier: Apache-2.0
"""From a department's signal to no older answer on any worker, with two workers.

The signal is answered when every worker has forgotten, so its answer is the moment that is looked
for; the client's connection and both signatures are in it. Behind each, one of the workers is
asked, and must ask the department anew.
"""

import time

import msgspec

from bench.system.run import Run
from bench.system.stage import Stage, pin_gateway
from bench.system.target import WrongAnswer, agency_signer
from bench.system.world import BenchWorld
from gateway.crypto.keys import load_signer
from tests.integration.wire import send, sign

WORKERS = 2
#: Connections are dealt to workers by chance: with so many hardly one is left out.
ASKED = 6


def measure(run: Run, _stage: Stage) -> None:
    """So many signals, one after another."""
    folder = run.folder / "signals"
    folder.mkdir()
    with BenchWorld(folder, workers=WORKERS) as world:
        pin_gateway(world)
        department = load_signer(world.department_key().read_bytes(), "yq-ga-1")
        number = world.citizens[0].id_number
        signal = msgspec.json.encode(
            {
                "holder": {"scheme": "cn-id", "number": number},
                "changed_at": "2026-11-22T08:00:00Z",
            }
        )
        run.gun.patience.wait()
        times_ms = []
        for _ in range(run.sizes.signal_count):
            for _ in range(ASKED):
                _ask(world, number)  # so that each worker keeps an answer
            draft = sign(world, signal, signer=department, target="/v1/invalidations")
            began_s = time.perf_counter()
            answer = send(world, draft)
            times_ms.append((time.perf_counter() - began_s) * 1000)
            if answer.status != 200:
                raise WrongAnswer(f"a signal was refused: {answer.document}")
            if (first := _ask(world, number)) != "source":
                raise WrongAnswer(f"an older answer was served after a signal: {first}")
    times_ms.sort()
    run.findings.add("invalidation_p99_ms", [times_ms[len(times_ms) * 99 // 100]])
    run.findings.add("invalidation_p50_ms", [times_ms[len(times_ms) // 2]])


def _ask(world: BenchWorld, number: str) -> str:
    """Where the answer came from; the kernel chooses the worker."""
    body = msgspec.json.encode(msgspec.to_builtins(world.request(number)))
    found: str = send(world, sign(world, body, signer=agency_signer(world))).document["served_from"]
    return found
