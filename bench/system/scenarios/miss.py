# SPDX-License-Identifier: Apache-2.0
"""A cache miss: what the gateway adds to the department's own time, and what it costs a worker."""

import asyncio
import time
from collections.abc import Mapping

import aiohttp
import msgspec
import uvloop
from gateway_adapter_public_security.identity import CODES, IDENTITY
from gateway_adapter_public_security.protocol import (
    PATHS,
    Condition,
    EndUser,
    Params,
    Request,
)

from bench.system.ratios import adjacent_ratios
from bench.system.requests import PATH, cold_bodies
from bench.system.run import Run
from bench.system.stage import Stage
from bench.system.target import WrongAnswer, missing_target, verifying_target
from bench.system.world import BenchWorld
from gateway.sdk.kits.sessions import signed_now
from gateway.sdk.kits.signin import Call, NationalSignIn

#: Few enough for the adapter's bulkhead, many enough to saturate a worker.
_CONNECTIONS = 32
_OK = 200


def measure(run: Run, stage: Stage) -> None:
    """One at a time, directly and through the gateway in turns."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        direct, through = runner.run(_one_at_a_time(stage.world, run.sizes.miss_count))
    run.findings.add("miss_added_ms", [b - a for a, b in zip(direct, through, strict=True)])
    run.findings.add("department_direct_ms", direct)
    run.findings.add("department_through_gateway_ms", through)


def measure_kinds(run: Run, stage: Stage) -> None:
    """Hits, misses and comparisons in turns at saturation."""
    hit, miss, verify = stage.gateway(), missing_target(stage.world), verifying_target(stage.world)
    hit.warm()
    shots = [
        run.gun.saturate(target, run.sizes.shot_s, connections=_CONNECTIONS)
        for target in [*(hit, miss, verify) * run.sizes.side_rounds, hit]
    ]
    spent = [(shot.target, shot.cpu_us) for shot in shots]
    rates = [(shot.target, shot.per_s) for shot in shots]
    run.findings.add("miss_cpu_vs_hit", adjacent_ratios(spent, "miss", "gateway"))
    run.findings.add("verify_vs_query", adjacent_ratios(rates, "verify", "gateway"))
    run.findings.add("miss_per_s", [rate for name, rate in rates if name == "miss"])


async def _one_at_a_time(world: BenchWorld, count: int) -> tuple[list[float], list[float]]:
    """Milliseconds of each call, directly and through the gateway."""
    target = missing_target(world)
    sign_in = NationalSignIn(
        "demo-rid-001",
        "s_1400000000000_0001",
        (world.site / "keys/public_security.secret").read_text(),
    )
    call = Call("POST", PATHS[IDENTITY.name])
    direct, through = [], []
    async with aiohttp.ClientSession() as session:
        for number, body in enumerate(cold_bodies(world, count)):
            citizen = world.citizens[number % len(world.citizens)]
            question = _question(citizen.id_number)
            headers = signed_now(sign_in, call)
            direct.append(await _timed(session, world.register_url + call.path, question, headers))
            signed = _fields(target.write(body, int(time.time())))
            through.append(await _timed(session, world.url + PATH, body, signed))
    return direct, through


async def _timed(
    session: aiohttp.ClientSession, url: str, body: bytes, headers: Mapping[str, str]
) -> float:
    began_s = time.perf_counter()
    async with session.post(url, data=body, headers=headers) as response:
        said = await response.read()
    took_ms = (time.perf_counter() - began_s) * 1e3
    if response.status != _OK:
        raise WrongAnswer(f"{url}: {response.status} {said[:300]!r}")
    return took_ms


def _question(number: str) -> bytes:
    """What the adapter asks the register (its protocol.py)."""
    user = EndUser("yq-gjj", "yq-0417", "bench", "yq-gjj-001", "YQ20261122-0001", "0" * 32)
    return msgspec.json.encode(Request(user, Params(Condition(number), tuple(CODES.values()))))


def _fields(request: bytes) -> dict[str, str]:
    """The fields of a request that was written as bytes."""
    head = request.partition(b"\r\n\r\n")[0].decode()
    return dict(line.split(": ", 1) for line in head.split("\r\n")[1:])
