# SPDX-License-Identifier: Apache-2.0
"""Clause 4.8: events are kept with what they tell of, in order, each for whom it concerns."""

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from gateway.crypto.office import OfficeCipher
from gateway.errors import RequestError, StoreError
from gateway.model.office_event import (
    CaseClosed,
    CaseRegistered,
    DepartmentDown,
    DepartmentUp,
    MaterialObtained,
)
from gateway.office.cases import SqliteCaseBook
from gateway.office.department_states import DepartmentStates
from gateway.office.outbox import EVERYBODY, KEEP_S, PAGE_COUNT, EventFeed, put_event
from gateway.office.store import DATABASE, OfficeStore
from gateway.sdk import Deadline
from tests.unit.office.drafts import AGENCY, CASE, ITEM, draft

NOW_S = 1_795_376_508.0
CLOSED_AT = "2026-11-23T08:00:00Z"


def soon() -> Deadline:
    return Deadline.after(5)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[OfficeStore]:
    opened = OfficeStore.open(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def other(store: OfficeStore, tmp_path: Path) -> Iterator[OfficeStore]:
    opened = OfficeStore.open(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def book(store: OfficeStore) -> SqliteCaseBook:
    return SqliteCaseBook(store, OfficeCipher(b"o" * 32), clock_s=lambda: NOW_S)


async def put(store: OfficeStore, *names: str, agency: str = EVERYBODY) -> None:
    def work(connection: sqlite3.Connection) -> None:
        for name in names:
            put_event(connection, DepartmentDown(name), agency=agency, now_s=NOW_S)

    await store.write(work, soon())


def told(store: OfficeStore, agency: str = AGENCY, after: int = 0) -> list[object]:
    return [event.what for event in EventFeed(store).page(agency, after)]


async def test_clause_4_8_a_case_tells_once_what_became_of_it(
    store: OfficeStore, book: SqliteCaseBook
) -> None:
    for version in (draft(), draft(), draft(situation="已婚一套房")):
        await book.register(version, soon())
    for _ in range(2):
        await book.close_case(AGENCY, CASE, CLOSED_AT, soon())
    with pytest.raises(RequestError):
        await book.register(draft(situation="未婚"), soon())
    assert told(store) == [
        CaseRegistered(CASE, ITEM, 1),
        CaseRegistered(CASE, ITEM, 2),
        CaseClosed(CASE, ITEM, CLOSED_AT),
    ]
    assert told(store, "yq-zwdt") == []


async def test_an_event_is_kept_with_its_change_or_not_at_all(store: OfficeStore) -> None:
    def work(connection: sqlite3.Connection) -> None:
        put_event(connection, DepartmentDown("civil_affairs"), agency=EVERYBODY, now_s=NOW_S)
        raise RequestError("CASE_ABSENT")

    with pytest.raises(RequestError):
        await store.write(work, soon())
    assert told(store) == []


@pytest.mark.parametrize("holder", ["140302190001010017", "测试甲", "1403*"])
async def test_an_event_with_a_holder_in_clear_is_not_kept(
    store: OfficeStore, holder: str, tmp_path: Path
) -> None:
    what = MaterialObtained(
        CASE, ITEM, "身份证", "public_security.identity", holder, "source", CLOSED_AT, "a" * 32
    )
    with pytest.raises(msgspec.ValidationError):
        await store.write(
            lambda connection: put_event(connection, what, agency=AGENCY, now_s=NOW_S), soon()
        )
    assert told(store) == []
    assert holder.encode() not in (tmp_path / DATABASE).read_bytes()


async def test_pages_join_without_a_gap_and_merge_what_is_for_all(store: OfficeStore) -> None:
    for number in range(PAGE_COUNT):
        await put(store, f"a-{number}", agency=AGENCY)
        await put(store, f"b-{number}")
        await put(store, f"c-{number}", agency="another")
    feed, found, after = EventFeed(store), list[int](), 0
    while events := feed.page(AGENCY, after):
        assert len(events) <= PAGE_COUNT
        found += [event.seq for event in events]
        after = found[-1]
    assert found == [seq for seq in range(1, 3 * PAGE_COUNT + 1) if seq % 3]


async def test_who_waits_hears_of_what_another_process_keeps(
    store: OfficeStore, other: OfficeStore
) -> None:
    waiting = asyncio.create_task(EventFeed(store).wait(AGENCY, 0, 30))
    await asyncio.sleep(0)
    await put(other, "of-others", agency="another")
    await put(other, "civil_affairs")
    assert [event.what for event in await waiting] == [DepartmentDown("civil_affairs")]
    assert await EventFeed(store).wait(AGENCY, 2, 0.01) == []


async def test_nobody_waits_for_a_worker_that_stops(store: OfficeStore) -> None:
    feed = EventFeed(store, is_stopping=lambda: True)
    async with asyncio.timeout(20):
        assert await feed.wait(AGENCY, 0, 3600) == []


async def test_old_events_leave_by_and_by_and_the_feed_says_so(store: OfficeStore) -> None:
    feed = EventFeed(store)
    assert feed.kept_from() == 1
    await put(store, *(f"old-{n}" for n in range(5)))
    assert feed.kept_from() == 1
    for late in (1, 2):
        await store.write(
            lambda connection: put_event(
                connection, DepartmentDown("new"), agency=EVERYBODY, now_s=NOW_S + KEEP_S + 1
            ),
            soon(),
        )
        assert feed.kept_from() == (5 if late == 1 else 6)
    assert feed.newest() == 7
    assert told(store) == [DepartmentDown("new")] * 2


def states(store: OfficeStore, worker: str) -> DepartmentStates:
    return DepartmentStates(store, worker, clock_s=lambda: NOW_S)


UP = DepartmentUp("civil_affairs", "2026-11-22T19:41:48Z")
DOWN = DepartmentDown("civil_affairs")
WORKERS = ("worker-1", "worker-2")


async def test_clause_4_8_what_several_workers_find_is_said_once(
    store: OfficeStore, other: OfficeStore
) -> None:
    one, two = states(store, "worker-1"), states(other, "worker-2")
    for worker in (one, two, one):
        await worker.note("civil_affairs", soon(), is_down=True)
    assert told(store) == [DOWN]
    await one.note("civil_affairs", soon(), is_down=False)
    assert told(store) == [DOWN]  # the other one still leaves it alone
    for worker in (two, one):
        await worker.note("civil_affairs", soon(), is_down=False)
    assert told(store) == [DOWN, UP]


async def test_what_a_worker_said_outlives_it_until_its_successor_knows_better(
    store: OfficeStore,
) -> None:
    await states(store, "worker-1").note("civil_affairs", soon(), is_down=True)
    successor = states(store, "worker-1")
    assert await successor.take_over(WORKERS, ["civil_affairs"], soon()) == {"civil_affairs"}
    assert told(store) == [DOWN]
    await successor.note("civil_affairs", soon(), is_down=False)
    assert told(store) == [DOWN, UP]


async def test_a_worker_that_will_not_come_back_has_no_say(store: OfficeStore) -> None:
    await states(store, "worker-7").note("civil_affairs", soon(), is_down=True)
    await states(store, "worker-7").note("gone", soon(), is_down=True)
    assert await states(store, "worker-1").take_over(WORKERS, ["civil_affairs"], soon()) == set()
    assert told(store) == [DOWN, DepartmentDown("gone"), UP]


async def test_a_store_of_cases_alone_is_led_to_events(tmp_path: Path) -> None:
    from gateway.office.schema import MIGRATIONS

    folder = tmp_path / "old"
    folder.mkdir()
    connection = sqlite3.connect(folder / DATABASE)
    for statement in (*MIGRATIONS[0], "PRAGMA user_version = 1"):
        connection.execute(statement)
    connection.close()
    opened = OfficeStore.open(folder)
    await put(opened, "civil_affairs")
    assert told(opened) == [DOWN]
    opened.close()


async def test_a_store_that_is_gone_is_said_so(store: OfficeStore, tmp_path: Path) -> None:
    (tmp_path / DATABASE).unlink()
    with pytest.raises(StoreError):
        await put(store, "civil_affairs")
