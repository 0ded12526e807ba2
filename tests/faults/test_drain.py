# SPDX-License-Identifier: Apache-2.0
"""F-20: workers are restarted one after the other under load, and no request in flight fails.

YIZHENG_DRAINS sets how often (6 in CI, 100 for the full run). A client may meet a clean close
between two requests; it then connects again.
"""

import asyncio
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest

from fixtures.world import World
from tests.integration.wire import log_entries, lookup_body, sign

DRAINS = int(os.environ.get("YIZHENG_DRAINS", "6"))
CLIENTS = 8
RETURN_LIMIT_S = 60.0


class Tally:
    """What the clients saw."""

    def __init__(self) -> None:
        self.answers = 0
        self.connections = 0
        self.last_answers = 0
        self.failures: list[str] = []
        self.stopped = False


@pytest.fixture
def two_workers() -> Iterator[World]:
    with tempfile.TemporaryDirectory(prefix="yz-") as folder, World(Path(folder), workers=2) as w:
        yield w


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, bool]:
    """Status of one answer, and whether it is the last of its connection."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    await reader.readexactly(int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0]))
    return int(head.split(b" ", 2)[1]), b"\r\nconnection: close\r\n" in head


async def converse(world: World, tally: Tally, body: bytes) -> None:
    """Requests over one connection, until an answer says that it is the last."""
    parts = urlsplit(world.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    tally.connections += 1
    is_last = False
    while not is_last and not tally.stopped:
        writer.write(sign(world, body).encode())
        status, is_last = await read_answer(reader)
        assert status == 200
        tally.answers += 1
    if is_last:
        tally.last_answers += 1
        assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


async def ask_until_stopped(world: World, tally: Tally, number: int) -> None:
    citizen = world.citizen_with_account(number).id_number
    body = msgspec.json.encode(lookup_body(world, citizen))
    while not tally.stopped:
        try:
            await converse(world, tally, body)
        except (OSError, EOFError, AssertionError) as error:
            tally.failures.append(f"{type(error).__name__}: {error}")


async def restart_workers(world: World, tally: Tally) -> None:
    for number in range(DRAINS):
        name = f"worker-{number % 2 + 1}"
        before, seen = world.pids()[name], tally.answers
        os.kill(before, signal.SIGTERM)
        until_s = time.monotonic() + RETURN_LIMIT_S
        while world.pids().get(name) in {None, before} or tally.answers < seen + 2 * CLIENTS:
            assert time.monotonic() < until_s, f"{name} did not come back"
            await asyncio.sleep(0.01)
    tally.stopped = True


@pytest.mark.timeout(120 + 3 * DRAINS)
async def test_a_rolling_restart_fails_nobody(
    two_workers: World, record_property: Callable[[str, object], None]
) -> None:
    tally = Tally()
    async with asyncio.TaskGroup() as tasks:
        for number in range(CLIENTS):
            tasks.create_task(ask_until_stopped(two_workers, tally, number))
        tasks.create_task(restart_workers(two_workers, tally))
    assert tally.failures == []
    assert tally.last_answers > 0
    assert two_workers.gateway.stop() == 0
    ids = [entry.id for entry in log_entries(two_workers)]
    assert len(ids) == len(set(ids)) == tally.answers
    record_property("drains", DRAINS)
    record_property("answers", tally.answers)
    record_property("connections", tally.connections)
