# SPDX-License-Identifier: Apache-2.0
"""Group commit: order, bounds, and what happens when the store fails. Real store, no socket."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.audit.claims import Claims
from gateway.audit.frames import (
    Accepted,
    Announce,
    Append,
    Decide,
    Decided,
    Durable,
    Failed,
    FrameBuffer,
    parse_reply,
)
from gateway.audit.group import MAX_BACKLOG_COUNT, Groups
from gateway.audit.log import Log
from gateway.audit.store.reader import DATABASE, LogReader
from gateway.audit.store.sqlite import SqliteStore
from gateway.errors import SetupError
from gateway.model.entry import MAX_ENTRY_BYTES
from gateway.model.forget import Forget
from gateway.ports import Claim, Quota
from tests.unit.audit.samples import KEY, KEYID, NOW_S, SIGNER, entry_bytes

BREAK = "CREATE TRIGGER away BEFORE INSERT ON checkpoints BEGIN SELECT RAISE(FAIL, 'away'); END"
MEND = "DROP TRIGGER away"
DAY = "2025-11-22"


class Inbox:
    """A peer that keeps what it is sent."""

    def __init__(self) -> None:
        self.replies: dict[int, object] = {}
        self.writes = 0
        self._frames = FrameBuffer()
        self._sent = asyncio.Event()

    async def has(self, count: int) -> None:
        while len(self.replies) < count:
            self._sent.clear()
            await self._sent.wait()

    def send(self, frames: bytes) -> None:
        self.writes += 1
        self._sent.set()
        for request_id, body in self._frames.feed(frames):
            assert request_id not in self.replies
            self.replies[request_id] = parse_reply(body)


def new_claims() -> Claims:
    return Claims(window_s=60, utc_offset_h=8, clock=lambda: NOW_S)


def claim(nonce: str, cap: int | None = None) -> Claim:
    return Claim(KEYID, nonce, NOW_S + 60, None if cap is None else Quota("yq-gjj", DAY, cap))


def run_sql(folder: Path, statement: str) -> None:
    with closing(sqlite3.connect(folder / DATABASE)) as connection, connection:
        connection.execute(statement)


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Groups]:
    store = SqliteStore.open(folder, KEY)
    groups = Groups(Log(store, SIGNER), new_claims)
    await groups.restore()
    yield groups
    store.close()


async def test_a_group_is_answered_in_one_write_after_one_commit(tmp_path: Path) -> None:
    async with serving(tmp_path) as groups:
        inbox = Inbox()
        for number in range(50):
            groups.submit(inbox, number, Append(entry_bytes(number), None, None))
        groups.drain()
        assert inbox.replies == {number: Durable(number) for number in range(50)}
        assert inbox.writes == 1
        with closing(LogReader.open(tmp_path)) as reader:
            assert [size for size, _ in reader.checkpoints()] == [50]


async def test_groups_form_while_others_are_committed(tmp_path: Path) -> None:
    async with serving(tmp_path) as groups, asyncio.TaskGroup() as tasks:
        running = tasks.create_task(groups.run_forever())
        inbox = Inbox()
        for number in range(1200):
            groups.submit(inbox, number, Append(entry_bytes(number), None, None))
        async with asyncio.timeout(10):
            await inbox.has(1200)
        running.cancel()
        with closing(LogReader.open(tmp_path)) as reader:
            assert [size for size, _ in reader.checkpoints()] == [512, 1024, 1200]


async def test_claims_are_decided_in_the_order_of_arrival(tmp_path: Path) -> None:
    async with serving(tmp_path) as groups:
        inbox = Inbox()
        groups.submit(inbox, 1, Append(entry_bytes(1), claim("n1", cap=2), None))
        groups.submit(inbox, 2, Append(entry_bytes(2), claim("n1", cap=2), None))
        groups.submit(inbox, 3, Append(entry_bytes(3), claim("n2", cap=2), None))
        groups.submit(inbox, 4, Append(entry_bytes(4), claim("n3", cap=2), None))
        groups.submit(inbox, 5, Decide(claim("n1")))
        groups.submit(inbox, 6, Append(entry_bytes(6), None, None))
        groups.drain()
    assert inbox.replies == {
        1: Durable(0),
        2: Decided("replayed"),
        3: Durable(1),
        4: Decided("over_quota"),
        5: Decided("replayed"),
        6: Durable(2),
    }


async def test_a_held_claim_is_not_decided_again(tmp_path: Path) -> None:
    async with serving(tmp_path) as groups:
        inbox = Inbox()
        groups.submit(inbox, 1, Decide(claim("n1", cap=1)))
        groups.drain()
        held = inbox.replies[1]
        assert isinstance(held, Accepted)
        groups.submit(inbox, 2, Append(entry_bytes(2), claim("n1", cap=1), held.generation))
        groups.submit(inbox, 3, Append(entry_bytes(3), claim("n1", cap=1), held.generation ^ 1))
        groups.drain()
    assert inbox.replies[2] == Durable(0)
    assert inbox.replies[3] == Decided("replayed")


@pytest.mark.parametrize(
    "entry",
    [
        b"",
        b"{}",
        b"x" * 10,
        entry_bytes(1) + b" ",
        entry_bytes(1).replace(b'"time":"', b'"time":"not '),
        entry_bytes(1, purpose="用" * MAX_ENTRY_BYTES),
        entry_bytes(1).replace(b"2025-11-22T08:26:40.000Z", b"2025-11-22T08:26:40.000"),
        entry_bytes(1).replace(b"2025-11-22T08:26:40.000Z", b"2025-11-22T08:26:40.Z"),
        entry_bytes(1).replace(b"2025-11-22T08:26:40.000Z", b"2025-11-22T08:26:40.0000000Z"),
        entry_bytes(1).replace(b"2025-11-22T08:26:40.000Z", b"2025-11-22 08:26:40.000Z"),
        entry_bytes(1).replace(b"2025-11-22T08:26:40.000Z", b"2025-11-31T08:26:40.000Z"),
        entry_bytes(1).replace(b"2025-11-22T08:26:40.000Z", b"2025-11-22"),
    ],
)
async def test_an_entry_that_would_not_verify_is_refused_and_costs_no_nonce(
    tmp_path: Path, entry: bytes
) -> None:
    async with serving(tmp_path) as groups:
        inbox = Inbox()
        groups.submit(inbox, 1, Append(entry, claim("n1"), None))
        groups.submit(inbox, 2, Append(entry_bytes(2), claim("n1"), None))
        groups.drain()
    assert inbox.replies == {1: Failed("unacceptable"), 2: Durable(0)}


async def test_what_waits_is_bounded(tmp_path: Path) -> None:
    async with serving(tmp_path) as groups:
        inbox = Inbox()
        for number in range(MAX_BACKLOG_COUNT + 1):
            groups.submit(inbox, number, Append(entry_bytes(0), None, None))
        assert inbox.replies == {MAX_BACKLOG_COUNT: Failed("overloaded")}
        groups.drain()
        assert len(inbox.replies) == MAX_BACKLOG_COUNT + 1


async def test_a_failed_commit_fails_its_group_and_all_that_comes(tmp_path: Path) -> None:
    async with serving(tmp_path) as groups:
        inbox = Inbox()
        run_sql(tmp_path, BREAK)
        groups.submit(inbox, 1, Append(entry_bytes(1), None, None))
        groups.submit(inbox, 2, Append(entry_bytes(2), None, None))
        groups.drain()
        groups.submit(inbox, 3, Append(entry_bytes(3), None, None))
        groups.submit(inbox, 4, Decide(claim("n1")))
        assert set(inbox.replies.values()) == {Failed("failed")}
        assert len(inbox.replies) == 4


async def test_it_recovers_with_what_is_durable_and_with_claims_made_again(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path) as groups, asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(groups.run_forever()),
            tasks.create_task(groups.recover_forever()),
        ]
        inbox = Inbox()
        first = entry_bytes(1, signed_nonce="n1")
        groups.submit(inbox, 1, Append(first, claim("n1", cap=2), None))
        groups.submit(inbox, 2, Decide(claim("n2", cap=2)))
        groups.drain()
        held = inbox.replies[2]
        assert isinstance(held, Accepted)
        run_sql(tmp_path, BREAK)
        groups.submit(inbox, 3, Append(entry_bytes(3), claim("n3"), None))
        groups.drain()
        assert inbox.replies[3] == Failed("failed")
        run_sql(tmp_path, MEND)
        async with asyncio.timeout(10):
            number = 10
            while True:
                groups.submit(inbox, number, Decide(claim("n1")))
                groups.drain()
                if inbox.replies[number] != Failed("failed"):
                    break
                number += 1
                await asyncio.sleep(0)
        assert inbox.replies[number] == Decided("replayed")
        # n2 was held but is in no entry: decided again, and counted once.
        groups.submit(inbox, 4, Append(entry_bytes(4), claim("n2", cap=2), held.generation))
        groups.submit(inbox, 5, Append(entry_bytes(5), claim("n5", cap=2), None))
        groups.drain()
        assert inbox.replies[4] == Durable(1)
        assert inbox.replies[5] == Decided("over_quota")
        for task in running:
            task.cancel()


async def test_claims_are_ahead_of_the_clock_only_while_they_serve(tmp_path: Path) -> None:
    now_s = float(NOW_S)
    store = SqliteStore.open(tmp_path, KEY)
    groups = Groups(
        Log(store, SIGNER), lambda: Claims(window_s=60, utc_offset_h=8, clock=lambda: now_s)
    )
    await groups.restore()
    groups.submit(Inbox(), 1, Decide(claim("n1")))
    groups.drain()
    seen = [groups.claims_are_ahead]
    now_s -= 3600
    seen.append(groups.claims_are_ahead)
    groups.renew()
    seen.append(groups.claims_are_ahead)
    await groups.restore()
    seen.append(groups.claims_are_ahead)
    assert seen == [False, True, False, False]
    store.close()


async def test_all_entries_of_the_day_are_read_on_a_start(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path, KEY)
    log = Log(store, SIGNER)
    log.append([entry_bytes(n, at_s=NOW_S - 86_400) for n in range(1500)])
    log.append([entry_bytes(n, at_s=NOW_S - 3600) for n in range(1500)])
    store.close()
    async with serving(tmp_path) as groups:
        inbox = Inbox()
        groups.submit(inbox, 1, Decide(claim("n1", cap=1501)))
        groups.submit(inbox, 2, Decide(claim("n2", cap=1501)))
        groups.drain()
    assert isinstance(inbox.replies[1], Accepted)
    assert inbox.replies[2] == Decided("over_quota")


@pytest.mark.parametrize(
    "line", [b"no entry", b'{"time": "2026-11-22T08:00:00Z", "keyid": "\xff"}']
)
async def test_a_log_that_holds_something_else_is_not_served(line: bytes, tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path, KEY)
    Log(store, SIGNER).append([line])
    store.close()
    with pytest.raises(SetupError, match="audit verify"):
        async with serving(tmp_path):
            pass


def test_the_sample_day_is_the_one_that_the_tests_name() -> None:
    assert datetime.fromtimestamp(NOW_S + 8 * 3600, UTC).date().isoformat() == DAY


async def test_what_is_announced_is_recorded_decided_and_answered_like_an_entry(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path) as groups:
        inbox, everything = Inbox(), Forget(everything=True)
        groups.submit(inbox, 1, Append(entry_bytes(1), None, None))
        groups.submit(inbox, 2, Announce(entry_bytes(2), claim("n1"), everything))
        groups.submit(inbox, 3, Announce(entry_bytes(3), claim("n1"), everything))
        groups.submit(inbox, 4, Announce(b"{}", None, everything))
        groups.submit(inbox, 5, Announce(entry_bytes(5), None, everything))
        groups.drain()
    assert inbox.replies == {
        1: Durable(0),
        2: Durable(1),
        3: Decided("replayed"),
        4: Failed("unacceptable"),
        5: Durable(2),
    }


async def test_what_could_not_be_recorded_is_told_to_nobody(tmp_path: Path) -> None:
    class Worker(Inbox):
        def abort(self) -> None:
            raise AssertionError

    async with serving(tmp_path) as groups:
        inbox, worker = Inbox(), Worker()
        groups._spread.follow(worker)
        run_sql(tmp_path, BREAK)
        groups.submit(inbox, 1, Announce(entry_bytes(1), None, Forget(everything=True)))
        groups.drain()
        run_sql(tmp_path, MEND)
    assert inbox.replies == {1: Failed("failed")}
    assert not worker.replies
