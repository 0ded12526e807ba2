# SPDX-License-Identifier: Apache-2.0
"""The attackers of F-09, a process of their own: peers that send nothing, or a little now and then.

`python -m tests.faults.slow_peers` reads an `Attack` from stdin and writes what became of each peer
to stdout, both as JSON. It runs niced, as the attackers' machine is not the gateway's.
"""

import asyncio
import os
import sys
import time
from contextlib import suppress
from typing import Final

import msgspec

_NICE: Final = 10


class Plan(msgspec.Struct, frozen=True):
    """Peers of one kind: how many, what each sends first, and what after each pause."""

    count: int
    head: bytes
    dribble: bytes


class Lasted(msgspec.Struct, frozen=True):
    """For how long a connection lasted, and what its peer was told."""

    seconds: float
    received: bytes


class Attack(msgspec.Struct, frozen=True):
    """Where, how fast, and for how long at most (seconds)."""

    host: str
    port: int
    pause_s: float
    ramp_s: float
    limit_s: float
    plans: dict[str, Plan]


async def last(attack: Attack, plan: Plan, after_s: float) -> Lasted:
    """One peer."""
    await asyncio.sleep(after_s)
    reader, writer = await asyncio.open_connection(attack.host, attack.port)
    began_s = time.monotonic()
    writer.write(plan.head)
    received = b""
    with suppress(ConnectionError):
        while time.monotonic() < began_s + attack.limit_s:
            try:
                async with asyncio.timeout(attack.pause_s):
                    part = await reader.read(65536)
            except TimeoutError:
                writer.write(plan.dribble)
                continue
            if not part:
                break
            received += part
    lasted_s = time.monotonic() - began_s
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()
    return Lasted(lasted_s, received)


async def run(attack: Attack) -> dict[str, list[Lasted]]:
    """All peers; they come evenly spread over the ramp."""
    async with asyncio.TaskGroup() as tasks:
        running = {
            kind: [
                tasks.create_task(last(attack, plan, attack.ramp_s * number / plan.count))
                for number in range(plan.count)
            ]
            for kind, plan in attack.plans.items()
        }
    return {kind: [task.result() for task in peers] for kind, peers in running.items()}


if __name__ == "__main__":
    os.nice(_NICE)
    found = asyncio.run(run(msgspec.json.decode(sys.stdin.buffer.read(), type=Attack)))
    sys.stdout.buffer.write(msgspec.json.encode(found))
