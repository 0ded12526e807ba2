# SPDX-License-Identifier: Apache-2.0
"""F-01: kill -9 of the sequencer or a worker at random instants under load.

The journal holds every answer that a client received and believed. Afterwards each must stand in
the log, at the index that its receipt named, with the digest of the very bytes that were received.
"""

import asyncio
import os
import random
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from fixtures.world import World
from gateway.audit.store.reader import LogReader
from gateway.audit.verify import verify_log
from gateway.client import GatewayClient, Refused
from gateway.config import load_site
from gateway.crypto.digest import sha256
from gateway.errors import GatewayError
from gateway.keyring import log_verifier
from gateway.model.entry import parse_entry

KILLS = int(os.environ.get("YIZHENG_KILLS", "20"))
SEED = int(os.environ.get("YIZHENG_SEED", "20261122"))
CLIENTS = 8
RETURN_LIMIT_S = 5.0


class Answered(msgspec.Struct, frozen=True):
    """One answer in the client's journal."""

    request_id: str
    index: int
    body_digest: str


class Journal:
    """What the clients saw."""

    def __init__(self) -> None:
        self.answers: list[Answered] = []
        self.failures: dict[str, int] = {}
        self.stopped = False

    def fail(self, code: str) -> None:
        self.failures[code] = self.failures.get(code, 0) + 1


@pytest.fixture
def world() -> Iterator[World]:
    with tempfile.TemporaryDirectory(prefix="yz-") as folder, World(Path(folder), workers=2) as w:
        yield w


async def ask_until_stopped(world: World, journal: Journal, number: int) -> None:
    """One client: hits and misses in turn, each believed only when its signature holds."""
    people = world.citizens[number::CLIENTS]
    turn = 0
    while not journal.stopped:
        async with world.client(timeout_s=8.0) as client:
            try:
                while not journal.stopped:
                    turn += 1
                    await ask_once(world, client, journal, people[turn % len(people)].id_number)
            except GatewayError as error:
                journal.fail(error.code)  # the connection died with its worker


async def ask_once(world: World, client: GatewayClient, journal: Journal, number: str) -> None:
    try:
        answer = await client.lookup(world.request(number))
    except Refused as refused:
        journal.fail(refused.problem.code)
        if refused.problem.code not in {"AUDIT_UNAVAILABLE", "OVERLOADED"}:
            raise
        await asyncio.sleep(0.01)
        return
    journal.answers.append(
        Answered(answer.answer.request_id, answer.receipt.index, sha256(answer.body).hex())
    )


async def kill_at_random(world: World, journal: Journal, kills: int) -> None:
    """Kill one process after the other; each must be replaced, and answers must flow again."""
    dice = random.Random(SEED)
    for _ in range(kills):
        await asyncio.sleep(dice.uniform(0.02, 0.25))
        before = world.pids()
        name = dice.choice([name for name in before if name != "supervisor"])
        os.kill(before[name], signal.SIGKILL)
        seen = len(journal.answers)
        until_s = time.monotonic() + RETURN_LIMIT_S
        while world.pids().get(name) in {None, before[name]} or len(journal.answers) == seen:
            assert time.monotonic() < until_s, f"{name} did not come back: {journal.failures}"
            await asyncio.sleep(0.01)
    journal.stopped = True


@pytest.mark.timeout(30 + 5 * KILLS)
async def test_every_answer_received_is_in_the_log_whatever_is_killed(
    world: World, record_property: Callable[[str, object], None]
) -> None:
    journal = Journal()
    async with asyncio.TaskGroup() as tasks:
        for number in range(CLIENTS):
            tasks.create_task(ask_until_stopped(world, journal, number))
        tasks.create_task(kill_at_random(world, journal, KILLS))
    assert world.gateway.stop() == 0
    assert set(journal.failures) <= {"AUDIT_UNAVAILABLE", "OVERLOADED", "GATEWAY_UNREACHABLE"}
    assert len(journal.answers) > 10 * KILLS

    reader = LogReader.open(world.site / "var/audit")
    report = verify_log(reader, log_verifier(load_site(world.site)))
    for answered in journal.answers:
        entry = parse_entry(reader.entry(answered.index))
        assert entry.id == answered.request_id
        assert entry.response.digest == answered.body_digest
    ids = [parse_entry(line).id for _, line in reader.entries()]
    reader.close()
    assert len(ids) == len(set(ids)) == report.size
    record_property("kills", KILLS)
    record_property("answers", len(journal.answers))
    record_property("failures", journal.failures)
