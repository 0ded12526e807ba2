# SPDX-License-Identifier: Apache-2.0
"""F-09: who sends nothing, or a byte now and then, holds a connection for its deadline only.

Meanwhile honest callers are answered, and afterwards no descriptor is left behind. Numbers grow
with YIZHENG_SLOW (1 in CI: 100 silent, 100 dribbling, 25 slow bodies; 20 for the full run).
"""

import asyncio
import os
import resource
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import msgspec
import pytest

from fixtures.world import World
from tests.integration.wire import lookup_body, sign

SCALE = int(os.environ.get("YIZHENG_SLOW", "1"))
SILENT, DRIBBLING, SLOW_BODIES = 100 * SCALE, 100 * SCALE, 25 * SCALE
DEADLINE_S = 2.0
MAX_CONNECTIONS = 40
PAUSE_S = 0.25


def make_world(folder: str, **http: float) -> World:
    world = World(Path(folder))
    config = world.site / "gateway.toml"
    lines = "".join(f"{name} = {value}\n" for name, value in http.items())
    config.write_text(config.read_text().replace("[http]\n", f"[http]\n{lines}"))
    return world


@pytest.fixture
def slow_world() -> Iterator[World]:
    http = {"header_timeout_s": DEADLINE_S, "body_timeout_s": DEADLINE_S, "max_connections": 8192}
    with tempfile.TemporaryDirectory(prefix="yz-") as folder, make_world(folder, **http) as world:
        yield world


@pytest.fixture
def small_world() -> Iterator[World]:
    with (
        tempfile.TemporaryDirectory(prefix="yz-") as folder,
        make_world(folder, max_connections=MAX_CONNECTIONS) as world,
    ):
        yield world


def descriptors(world: World) -> int:
    return sum(1 for _ in Path(f"/proc/{world.pids()['worker-1']}/fd").iterdir())


async def connect(world: World) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    parts = urlsplit(world.url)
    return await asyncio.open_connection(parts.hostname, parts.port)


async def last(head: bytes, dribble: bytes, world: World) -> tuple[float, bytes]:
    """Seconds for which a connection lasts on which this is sent, and what it was told."""
    reader, writer = await connect(world)
    began_s = time.monotonic()
    writer.write(head)
    received = b""
    with suppress(ConnectionError):
        while True:
            try:
                async with asyncio.timeout(PAUSE_S):
                    received += (part := await reader.read(65536))
            except TimeoutError:
                assert time.monotonic() < began_s + 10 * DEADLINE_S
                writer.write(dribble)
                continue
            if not part:
                break
    lasted_s = time.monotonic() - began_s
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()
    return lasted_s, received


async def ask_meanwhile(world: World, done: asyncio.Event) -> AsyncIterator[float]:
    """Seconds of each honest lookup."""
    people = [c for c in world.citizens if c.housing_fund is not None]
    async with world.client() as client:
        number = 0
        while not done.is_set():
            began_s = time.monotonic()
            await client.lookup(world.request(people[number % len(people)].id_number))
            yield time.monotonic() - began_s
            number += 1
            await asyncio.sleep(0.01)


@pytest.mark.timeout(60 + 10 * SCALE)
async def test_slow_peers_are_let_go_and_honest_ones_are_served(
    slow_world: World, record_property: Callable[[str, object], None]
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    number = slow_world.citizen_with_account().id_number
    draft = sign(slow_world, msgspec.json.encode(lookup_body(slow_world, number)))
    request = draft.encode()
    kinds = {
        "silent": (SILENT, b"", b""),
        "dribbling": (DRIBBLING, b"GET /healthz HTTP/1.1\r\nHost: a\r\n", b"X: a\r\n"),
        "slow body": (SLOW_BODIES, request[: -len(draft.body)], b" "),
    }
    done = asyncio.Event()
    honest_s: list[float] = []

    async def honest() -> None:
        honest_s.extend([took_s async for took_s in ask_meanwhile(slow_world, done)])

    async with slow_world.client() as client:
        await client.lookup(slow_world.request(number))
    before = descriptors(slow_world)
    async with asyncio.TaskGroup() as tasks:
        good = tasks.create_task(honest())
        peers = {
            kind: [tasks.create_task(last(head, more, slow_world)) for _ in range(count)]
            for kind, (count, head, more) in kinds.items()
        }
        for lasting in peers.values():
            await asyncio.wait(lasting)
        done.set()
    assert good.done()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    lasted = {kind: [task.result() for task in tasks] for kind, tasks in peers.items()}
    for results in lasted.values():
        assert max(lasted_s for lasted_s, _ in results) <= DEADLINE_S + 1
    assert {received for _, received in lasted["silent"]} == {b""}
    for _, received in lasted["dribbling"] + lasted["slow body"]:
        assert not received or b'"code":"REQUEST_TIMEOUT"' in received
    assert len(honest_s) > 10
    async with asyncio.timeout(30):
        while descriptors(slow_world) > before:  # noqa: ASYNC110 - another process's doing
            await asyncio.sleep(0.05)
    record_property("honest_p99_s", sorted(honest_s)[int(len(honest_s) * 0.99)])
    for kind, results in lasted.items():
        record_property(f"{kind}_max_s", max(lasted_s for lasted_s, _ in results))


async def test_more_connections_than_allowed_are_closed_at_once(small_world: World) -> None:
    """F-22: strangers cannot take the descriptors that the audit log needs."""
    before = descriptors(small_world)
    peers = [await connect(small_world) for _ in range(3 * MAX_CONNECTIONS)]
    closed = 0
    for reader, _ in peers[MAX_CONNECTIONS:]:
        with suppress(ConnectionError):
            assert await reader.read(1) == b""
        closed += 1
    assert closed == 2 * MAX_CONNECTIONS
    assert descriptors(small_world) <= before + MAX_CONNECTIONS
    for _, writer in peers:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
    async with asyncio.timeout(10):
        while descriptors(small_world) > before:  # noqa: ASYNC110 - another process's doing
            await asyncio.sleep(0.02)
    url = small_world.url + "/healthz"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        assert answer.status == 200
