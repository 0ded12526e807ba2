# SPDX-License-Identifier: Apache-2.0
"""Tickets in the store: taken at once, sealed, emptied when their time is over."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.crypto.office import OfficeCipher
from gateway.errors import RequestError
from gateway.model.office_event import TicketDone
from gateway.model.office_section import OrdersSection
from gateway.model.order import KeptRequest, Mandated, TicketDraft, Tried
from gateway.office.order_book import SqliteOrderBook
from gateway.office.outbox import EventFeed
from gateway.office.store import OfficeStore
from gateway.office.tickets import SqliteTicketBook
from gateway.sdk import Deadline
from tests.unit.office.drafts import AGENCY, APPLICANT, CASE

NOW_S = 1_795_376_508.0
SECRET_WORDS = f"answer about {APPLICANT.number}".encode()
DRAFT = TicketDraft(
    AGENCY, CASE, "b.marriage", "a" * 32,
    Mandated(KeptRequest("POST", "g", "/v1/tickets", "?", {}, b"{}"), "127.0.0.1"),
)  # fmt: skip


def soon() -> Deadline:
    return Deadline.after(10)


class Office:
    """A store, its tickets and orders."""

    def __init__(self, folder: Path) -> None:
        self.store, self.now_s = OfficeStore.open(folder), NOW_S
        cipher, section = OfficeCipher(b"o" * 32), OrdersSection(lease_s=60)
        self.tickets = SqliteTicketBook(
            self.store, cipher, section, max_open=2, clock_s=lambda: self.now_s
        )
        self.orders = SqliteOrderBook(
            self.store, cipher, section, keep_s=100, clock_s=lambda: self.now_s
        )


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    opened = Office(tmp_path / "office")
    yield opened
    opened.store.close()


async def test_whoever_opens_one_has_it_in_hand_until_the_lease_is_over(office: Office) -> None:
    order = await office.tickets.open(DRAFT, soon())
    assert await office.orders.take(soon()) is None
    assert office.orders.next_at_s() == NOW_S + 60
    office.now_s += 60
    again = await office.orders.take(soon())
    assert again is not None
    assert (again.id, again.kind, again.tries) == (order.id, "ticket", 2)


async def test_an_answer_is_sealed_told_and_gone_when_its_time_is_over(
    office: Office, tmp_path: Path
) -> None:
    order = await office.tickets.open(DRAFT, soon())
    running = office.tickets.show(AGENCY, order.id)
    assert running is not None
    assert (running.ticket.state, running.answer) == ("running", None)
    await office.orders.note(order, Tried("done", "found", (7,), SECRET_WORDS), soon())
    kept = office.tickets.show(AGENCY, order.id)
    assert kept is not None
    assert (kept.answer, kept.index, kept.ticket.outcome) == (SECRET_WORDS, 7, "found")
    for file in (tmp_path / "office").iterdir():
        assert APPLICANT.number.encode() not in file.read_bytes()
    [event] = EventFeed(office.store).page(AGENCY, 0)
    assert event.what == TicketDone(order.id, CASE, "b.marriage", "found")
    office.now_s += 100
    with pytest.raises(RequestError, match="TICKET_EXPIRED"):
        office.tickets.show(AGENCY, order.id)
    assert office.tickets.next_end_s() == office.now_s
    await office.tickets.sweep(soon())
    assert office.tickets.next_end_s() == float("inf")
    assert office.store.select("SELECT sealed FROM tickets WHERE id = ?", order.id) == [(None,)]
    office.now_s += 8 * 86_400
    await office.tickets.sweep(soon())
    assert office.tickets.show(AGENCY, order.id) is None
    assert not office.store.select("SELECT 1 FROM orders")


async def test_what_could_not_be_recorded_is_done_again_and_told_later(office: Office) -> None:
    order = await office.tickets.open(DRAFT, soon())
    await office.orders.note(order, Tried("later", "AUDIT_UNAVAILABLE"), soon())
    running = office.tickets.show(AGENCY, order.id)
    assert running is not None
    assert running.ticket.state == "running"
    assert office.orders.next_at_s() > NOW_S


async def test_each_agency_has_its_own_and_so_many_at_once(office: Office) -> None:
    order = await office.tickets.open(DRAFT, soon())
    await office.tickets.open(DRAFT, soon())
    assert office.tickets.show("another", order.id) is None
    with pytest.raises(RequestError, match="TICKETS_TOO_MANY"):
        await office.tickets.open(DRAFT, soon())
    await office.orders.note(order, Tried("done", "found", (), b"{}"), soon())
    await office.tickets.open(DRAFT, soon())
