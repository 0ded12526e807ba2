# SPDX-License-Identifier: Apache-2.0
"""Deferrals in the store: one waits, each step has its event, leases, days."""

import asyncio
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.crypto.office import OfficeCipher
from gateway.errors import RequestError
from gateway.model.deferral import DeferralRecord
from gateway.model.deferral_event import (
    DeferralClosed,
    DeferralDue,
    DeferralLeft,
    DeferralOpened,
)
from gateway.model.office_event import Happened
from gateway.model.office_section import OrdersSection
from gateway.model.order import DeferralDraft, KeptRequest, Mandated, Order, OrderDraft, Tried
from gateway.office.cases import SqliteCaseBook
from gateway.office.deferrals import SqliteDeferralBook
from gateway.office.department_states import DepartmentStates
from gateway.office.order_book import SqliteOrderBook
from gateway.office.orders import pause_s
from gateway.office.outbox import EventFeed
from gateway.office.store import OfficeStore
from gateway.sdk import Deadline
from tests.unit.office.drafts import AGENCY, APPLICANT, CASE, ITEM, draft

NOW_S = 1_795_376_508.0
MATERIAL = "结婚证"
SECTION = OrdersSection(first_pause_s=60, max_pause_s=3600, lease_s=60)
BODY = f'{{"claims":{{"number":"{APPLICANT.number}"}}}}'.encode()


def soon() -> Deadline:
    return Deadline.after(10)


def deferral(**changes: Any) -> DeferralDraft:
    kept = KeptRequest("PUT", "gateway.test", "/v1/x", "?", {"signature": ("s=:aa:",)}, BODY)
    plain = DeferralDraft(
        agency=AGENCY,
        case=CASE,
        item=ITEM,
        material=MATERIAL,
        act="a" * 32,
        promise="b" * 64,
        promised_by="applicant",
        accepted_on=date(2026, 11, 22),
        due_on=date(2026, 11, 24),
        content=b"what was said",
        remind_on=date(2026, 11, 23),
        order=OrderDraft("b", Mandated(kept, "127.0.0.1"), NOW_S + 60),
    )
    return msgspec.structs.replace(plain, **changes)


class Office:
    """A store with two workers' books."""

    def __init__(self, folder: Path) -> None:
        self.stores = [OfficeStore.open(folder) for _ in range(2)]
        self.now_s = NOW_S
        cipher = self.cipher = OfficeCipher(b"o" * 32)
        clock = lambda: self.now_s  # noqa: E731 - a clock that a test turns
        self.cases = SqliteCaseBook(self.stores[0], cipher, clock_s=clock)
        self.book, self.other = (
            SqliteDeferralBook(store, cipher, clock_s=clock) for store in self.stores
        )
        self.orders, self.other_orders = (
            SqliteOrderBook(store, cipher, SECTION, keep_s=60, clock_s=clock)
            for store in self.stores
        )

    async def open(self, **changes: Any) -> DeferralRecord:
        """Register the case, and open a deferral in it."""
        await self.cases.register(draft(), soon())
        return await self.book.open(deferral(**changes), soon())

    async def take(self) -> Order:
        """The order whose turn it is."""
        order = await self.orders.take(soon())
        assert order is not None
        return order

    def shown(self) -> DeferralRecord:
        """As the other worker sees it."""
        record = self.other.show(AGENCY, CASE, MATERIAL)
        assert record is not None
        return record

    def told(self) -> list[Happened]:
        """Events about the deferral."""
        return [event.what for event in EventFeed(self.stores[0]).page(AGENCY, 0)][1:]

    def close(self) -> None:
        """Close both."""
        for store in self.stores:
            store.close()


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    opened = Office(tmp_path / "office")
    yield opened
    opened.close()


async def test_what_is_opened_is_told_and_waits_for_its_time(office: Office) -> None:
    record = await office.open()
    assert office.told() == [DeferralOpened(CASE, ITEM, record.id, MATERIAL, "2026-11-24")]
    assert office.orders.next_at_s() == NOW_S + 60
    assert await office.orders.take(soon()) is None
    waiting = office.other.waiting_in(AGENCY, CASE)
    assert (waiting[MATERIAL].id, waiting[MATERIAL].due_on) == (record.id, date(2026, 11, 24))
    assert not office.other.waiting_in("yq-ga", CASE)


async def test_nothing_of_the_request_stands_in_clear_and_its_end_removes_it(
    office: Office, tmp_path: Path
) -> None:
    await office.open()
    office.now_s += 60
    order = await office.take()
    assert order.mandated is not None
    assert order.mandated.request.body == BODY
    for file in (tmp_path / "office").iterdir():
        assert APPLICANT.number.encode() not in file.read_bytes()
    await office.book.close(AGENCY, CASE, MATERIAL, "supplied", soon())
    assert office.orders.next_at_s() == float("inf")
    assert office.stores[0].select("SELECT sealed FROM orders") == [(None,)]


async def test_a_row_that_was_changed_is_no_order(office: Office) -> None:
    await office.open()
    office.now_s += 60
    await office.stores[0].write(
        lambda connection: connection.execute("UPDATE orders SET sealed = x'00'"), soon()
    )
    assert (await office.take()).mandated is None


async def test_of_many_workers_one_gets_an_order_and_a_dead_ones_lease_ends(
    office: Office,
) -> None:
    await office.open()
    office.now_s += 60
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(book.take(soon())) for book in (office.orders, office.other_orders)
        ]
    took = [task.result() for task in tasks]
    assert [order is None for order in took].count(False) == 1
    office.now_s += 59.9
    assert await office.other_orders.take(soon()) is None
    office.now_s += 0.1
    second = await office.other_orders.take(soon())
    assert second is not None
    assert second.tries == 2
    # Whoever had it before comes back late: what it found was recorded, and is not noted.
    first = next(order for order in took if order is not None)
    await office.orders.note(first, Tried("answered", "not_found"), soon())
    assert [step.what for step in office.shown().steps] == ["opened"]
    await office.other_orders.note(second, Tried("done", "found", (7,)), soon())
    assert office.shown().reason == "obtained"


async def test_a_try_without_an_answer_is_made_again_later_and_later(office: Office) -> None:
    await office.open()
    office.now_s += 60
    await office.orders.note(await office.take(), Tried("later", "PROVIDER_TIMEOUT", (3,)), soon())
    assert NOW_S + 60 + 30 <= office.orders.next_at_s() <= NOW_S + 60 + 60
    retry = office.shown().retry
    assert retry is not None
    assert (retry.state, retry.tries, retry.said) == ("waiting", 1, "PROVIDER_TIMEOUT")
    assert office.shown().steps[-1].indexes == (3,)
    assert len(office.told()) == 1  # nobody is told of each try


@given(tries=st.integers(1, 10_000), part=st.floats(0, 0.5))
def test_pauses_double_between_half_and_all_up_to_a_cap(tries: int, part: float) -> None:
    pause = pause_s(tries, SECTION, lambda: part)
    whole = min(60 * 2 ** min(tries - 1, 16), 3600)
    assert whole / 2 <= pause <= whole


async def test_clause_7_4_a_department_that_is_up_again_is_asked_at_once(office: Office) -> None:
    await office.open()
    states = DepartmentStates(office.stores[1], "worker-1", clock_s=lambda: office.now_s)
    await states.note("b", soon(), is_down=True)
    assert await office.orders.take(soon()) is None
    await states.note("b", soon(), is_down=False)
    assert (await office.take()).subject == MATERIAL


async def test_what_a_department_answered_otherwise_leaves_it_to_the_applicant(
    office: Office,
) -> None:
    record = await office.open()
    office.now_s += 60
    await office.orders.note(await office.take(), Tried("answered", "not_found", (4,)), soon())
    assert office.told()[-1] == DeferralLeft(CASE, ITEM, record.id, MATERIAL, "not_found")
    assert office.shown().state == "open"
    assert office.orders.next_at_s() == float("inf")


async def test_clause_7_4_it_is_reminded_of_once_and_overdue_when_its_day_has_passed(
    office: Office,
) -> None:
    record = await office.open()
    ids = (CASE, ITEM, record.id, MATERIAL)
    for day in (22, 23, 23, 24):  # the due day itself is in time
        await office.book.keep_days(date(2026, 11, day), soon())
    assert office.told()[1:] == [DeferralDue(*ids, "2026-11-24")]
    assert office.book.backlog().open_count == 1
    for _ in range(2):
        await office.other.keep_days(date(2026, 11, 25), soon())
    assert office.told()[2:] == [DeferralClosed(*ids, "overdue")]
    assert office.shown().state == "overdue"
    office.now_s += 3600
    assert await office.orders.take(soon()) is None  # a person decides now
    assert office.book.backlog() == msgspec.structs.replace(
        office.book.backlog(), open_count=0, overdue_count=1, oldest_s=3600.0
    )
    await office.book.close(AGENCY, CASE, MATERIAL, "supplied", soon())
    assert office.told()[-1] == DeferralClosed(*ids, "supplied")
    assert office.book.backlog().overdue_count == 0


async def test_days_on_which_nothing_is_due_write_nothing(office: Office) -> None:
    await office.open()
    before = office.stores[1].change_count()
    await office.book.keep_days(date(2026, 11, 22), soon())
    assert office.stores[1].change_count() == before


async def test_one_waits_and_one_that_was_closed_may_be_followed_by_another(
    office: Office,
) -> None:
    first = await office.open()
    with pytest.raises(RequestError, match="DEFERRAL_WAITING"):
        await office.other.open(deferral(content=b"something else"), soon())
    await office.book.close(AGENCY, CASE, MATERIAL, "withdrawn", soon())
    second = await office.other.open(deferral(content=b"something else"), soon())
    assert second.id != first.id
    assert second.state == "open"
    assert office.shown().id == second.id
    assert len(office.book.list_of_case(AGENCY, CASE)) == 2
    assert [each.id for each in office.book.list_all(AGENCY, "open")] == [second.id]
