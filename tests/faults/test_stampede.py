# SPDX-License-Identifier: Apache-2.0
"""Everybody asks what nobody has asked before: one call upstream, and a record for each (F-16).

`YIZHENG_STAMPEDE_CALLERS` says how many; the benchmark `stampede` has five thousand.
"""

import asyncio
import os
import resource
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec
import pytest

from fixtures.world import World
from tests.integration.wire import asked_count, log_entries, lookup_body, sign

pytestmark = pytest.mark.faults

CALLERS: Final = int(os.environ.get("YIZHENG_STAMPEDE_CALLERS", "1000"))
#: Sockets of the test beside the callers'.
_SPARE: Final = 256
_LIMIT_S: Final = 280.0
#: Seconds over which those that were told to come again spread themselves: they come in thousands.
_SPREAD_S: Final = CALLERS / 1000
_SETTINGS: Final = """
[limits]
agency_per_s = 1000000
department_per_s = 1000000
"""


@pytest.fixture
def world(short_folder: Path) -> Iterator[World]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, CALLERS + _SPARE)), hard))
    folder = short_folder / "stampede"
    folder.mkdir()
    made = World(folder, settings=_SETTINGS)
    config = made.site / "gateway.toml"
    config.write_text(
        config.read_text().replace("[http]\n", f"[http]\nmax_connections = {CALLERS + _SPARE}\n")
    )
    with made as running:
        yield running
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.timeout(300)
async def test_all_callers_of_one_cold_key_make_one_call_and_are_all_recorded(world: World) -> None:
    asked, entries = asked_count(world), len(log_entries(world))
    body = msgspec.json.encode(lookup_body(world, world.citizens[0].id_number))
    ready = asyncio.Semaphore(0)
    go = asyncio.Event()
    told: Counter[str] = Counter()
    async with asyncio.timeout(_LIMIT_S), asyncio.TaskGroup() as group:
        callers = [
            group.create_task(call(world, body, ready, go, number / CALLERS, told))
            for number in range(CALLERS)
        ]
        for _ in callers:
            await ready.acquire()
        go.set()
    assert Counter(caller.result() for caller in callers) == {(200, "found"): CALLERS}
    assert asked_count(world) - asked == 1
    written = log_entries(world)[entries:]
    assert len(written) == CALLERS
    # For whom the register was asked may have found no room in the log: then the cache answers all.
    assert {entry.served_from for entry in written} >= {"source"} or told["OVERLOADED"]
    assert len({entry.id for entry in written}) == CALLERS


async def call(  # noqa: PLR0917 - the callers share all of it
    world: World,
    body: bytes,
    ready: asyncio.Semaphore,
    go: asyncio.Event,
    share: float,
    told: Counter[str],
) -> tuple[int, str]:
    """Connect, wait for the others, ask, and come again for as long as there was no room."""
    parts = urlsplit(world.url)
    draft = sign(world, body)  # with a nonce of its own
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    ready.release()
    await go.wait()
    try:
        while True:
            writer.write(draft.encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = head.partition("content-length: ")[2].partition("\r\n")[0]
            said = msgspec.json.decode(await reader.readexactly(int(length)))
            code = said.get("code")
            if code not in {"GATEWAY_BUSY", "OVERLOADED"}:
                return int(head.split(" ", 2)[1]), code or said["outcome"]
            told[code] += 1
            after_s = int(head.partition("retry-after: ")[2].partition("\r\n")[0] or 1)
            await asyncio.sleep(after_s + share * _SPREAD_S)
            if code == "OVERLOADED":  # its nonce may be used up
                draft = sign(world, body)
    finally:
        writer.close()
