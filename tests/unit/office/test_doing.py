# SPDX-License-Identifier: Apache-2.0
"""The duty of doing orders: what is due, once; what the days bring; nothing ends a worker."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

from gateway.errors import StoreError
from gateway.model.office_section import OrdersSection
from gateway.model.order import Backlog, Ending, Order, Tried
from gateway.office.doing import Doing
from gateway.office.tickets import SqliteTicketBook
from tests.unit.office.test_deferrals import Office

LIMIT_S = 30.0


class Duty:
    """One worker's, with what it told."""

    def __init__(self, office: Office, do: Callable[[Order], Tried]) -> None:
        self.endings: list[Ending] = []
        self.backlogs: list[Backlog] = []
        self.faults: list[BaseException] = []
        self.done: list[Order] = []
        self.day = date(2026, 11, 22)

        async def make(order: Order) -> Tried:
            self.done.append(order)
            return do(order)

        tickets = SqliteTicketBook(
            office.stores[0],
            office.cipher,
            OrdersSection(),
            max_open=1,
            clock_s=lambda: office.now_s,
        )
        self.duty = Doing(
            office.stores[0],
            office.orders,
            office.book,
            tickets,
            do=make,
            today=lambda: self.day,
            clock_s=lambda: office.now_s,
            on_tried=self.endings.append,
            on_look=self.backlogs.append,
            on_fault=self.faults.append,
            look_s=0.01,
        )

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Let it run until something is so."""
        async with asyncio.timeout(LIMIT_S), asyncio.TaskGroup() as group:
            running = group.create_task(self.duty.run())
            while not is_so():  # noqa: ASYNC110 - told by a call, not by an event
                await asyncio.sleep(0.01)
            running.cancel()


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    opened = Office(tmp_path / "office")
    yield opened
    opened.close()


async def test_what_is_due_is_done_once_and_counted(office: Office) -> None:
    await office.open()
    worker = Duty(office, lambda _order: Tried("done", "found", (1,)))
    await worker.until(lambda: bool(worker.backlogs))
    assert not worker.done  # its time has not come
    office.now_s += 60
    await worker.until(lambda: office.shown().state == "closed")
    await worker.until(lambda: worker.backlogs[-1].open_count == 0)
    assert worker.endings == ["done"]
    assert len(worker.done) == 1


async def test_the_day_that_passes_is_noticed_without_anybody_writing(
    office: Office,
) -> None:
    await office.open()
    worker = Duty(office, lambda _order: Tried("done", "found"))
    await worker.until(lambda: bool(worker.backlogs))
    worker.day = date(2026, 11, 25)
    await worker.until(lambda: office.shown().state == "overdue")
    assert not worker.done


async def test_our_own_mistake_is_told_and_tried_later_and_ends_nothing(office: Office) -> None:
    await office.open()
    office.now_s += 60

    def fail(_order: Order) -> Tried:
        raise KeyError

    worker = Duty(office, fail)
    await worker.until(lambda: bool(worker.endings))
    assert worker.endings == ["later"]
    assert [type(fault) for fault in worker.faults] == [KeyError]
    retry = office.shown().retry
    assert retry is not None
    assert (retry.state, retry.said) == ("waiting", "INTERNAL")


async def test_a_store_that_is_away_is_said_once_and_waited_for(
    office: Office, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    await office.open()
    office.now_s += 60
    worker = Duty(office, lambda _order: Tried("done", "found"))
    store, looks = office.stores[0], list[int]()
    count = store.change_count

    def away() -> int:
        looks.append(1)
        raise StoreError("OFFICE_UNAVAILABLE", "reading: SQLITE_IOERR")

    monkeypatch.setattr(store, "change_count", away)
    await worker.until(lambda: len(looks) > 3)
    assert capsys.readouterr().out.count("the office store is away") == 1
    monkeypatch.setattr(store, "change_count", count)
    await worker.until(lambda: worker.endings == ["done"])
