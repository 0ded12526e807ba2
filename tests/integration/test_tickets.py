# SPDX-License-Identifier: Apache-2.0
"""Slow departments between real processes: a ticket, its answer, and a worker that is killed."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fixtures.citizens import Citizen
from fixtures.world import AGENCY, World
from gateway.audit.store.reader import LogReader
from gateway.audit.verify import verify_log
from gateway.audit.verify_acts import ActSignatures
from gateway.client import GatewayClient, Refused, SignedTicket
from gateway.config import load_site
from gateway.crypto.digest import sha256
from gateway.keyring import log_verifier
from gateway.model.act import Act
from gateway.model.entry import Entry
from gateway.model.lookup import LookupRequest
from gateway.model.office_event import TicketDone
from gateway.model.record import Record, parse_record
from gateway.office.outbox import EventFeed
from gateway.office.store import OfficeStore

SETTINGS = """
[orders]
lease_s = 6

[orders.tickets]
wait_s = 1
deadline_s = 5.5
keep_s = 10
max_open = 4
"""
LIMIT_S = 60.0


@pytest.fixture(scope="module")
def own(short_folder: Path) -> Iterator[World]:
    folder = short_folder / "tickets"
    folder.mkdir()
    world = World(folder, workers=2, settings=SETTINGS)
    adapter = world.site / "adapters/housing_fund.toml"  # tests stop it for a while
    adapter.write_text(adapter.read_text().replace("timeout_s = 2.0", "timeout_s = 5.0"))
    with world:
        yield world


@pytest.fixture(scope="module")
def unasked(own: World) -> Iterator[Citizen]:
    return iter([citizen for citizen in own.citizens if citizen.housing_fund is not None])


def account(world: World, citizen: Citizen) -> LookupRequest:
    return world.request(
        citizen.id_number, certificate="housing_fund.account", fields=("account_status",)
    )


async def fetch(world: World, number: str) -> SignedTicket:
    """Ask until it is done."""
    async with asyncio.timeout(LIMIT_S), world.client() as window:
        while True:
            found = await window.ticket(number)
            if found.answer.ticket.state == "done":
                return found
            await asyncio.sleep(0.1)


async def ask_on(window: GatewayClient, number: str) -> None:
    """Until it is refused."""
    while True:
        await window.ticket(number)
        await asyncio.sleep(0.2)


def records(world: World) -> list[Record]:
    """All of the log, verified, acts included."""
    site, reader = load_site(world.site), LogReader.open(world.site / "var/audit")
    try:
        signatures = ActSignatures(site.auditors, site.agencies, site.departments)
        verify_log(reader, log_verifier(site), check_act=signatures.check)
        return [parse_record(line) for _, line in reader.entries()]
    finally:
        reader.close()


def answer_of(found: SignedTicket) -> dict[str, Any]:
    assert isinstance(found.answer.answer, msgspec.Raw)
    said: dict[str, Any] = msgspec.json.decode(found.answer.answer)
    return said


async def test_what_a_department_answers_in_time_needs_no_second_call(
    own: World, unasked: Iterator[Citizen]
) -> None:
    async with asyncio.timeout(LIMIT_S), own.client() as window:
        found = await window.open_ticket(account(own, next(unasked)))
        while found.answer.ticket.state == "running":  # the machine, and not the product, was slow
            found = await window.open_ticket(account(own, next(unasked)))
    assert (found.answer.ticket.state, answer_of(found)["outcome"]) == ("done", "found")


async def test_a_slow_department_gets_a_ticket_whose_answer_is_fetched_on_record(
    own: World, unasked: Iterator[Citizen]
) -> None:
    os.kill(own.housing_fund.pid, signal.SIGSTOP)
    try:
        async with own.client() as window:
            opened = await window.open_ticket(account(own, next(unasked)))
        assert opened.answer.ticket.state == "running"
    finally:
        os.kill(own.housing_fund.pid, signal.SIGCONT)
    number = opened.answer.ticket.id
    found = await fetch(own, number)
    assert answer_of(found)["outcome"] == "found"
    assert found.answer.index is not None
    log = records(own)
    entry, act = log[found.answer.index], log[found.receipt.index]
    assert isinstance(entry, Entry)
    assert isinstance(act, Act)
    assert isinstance(found.answer.answer, msgspec.Raw)
    assert entry.response.digest == sha256(bytes(found.answer.answer)).hex()
    opening = log[opened.receipt.index]
    assert isinstance(opening, Act)
    assert (entry.plan, opening.action) == (opening.id, "ticket_open")
    assert (act.action, act.actor) == ("ticket_show", AGENCY)
    assert msgspec.json.decode(act.query or "")["response"] == sha256(found.body).hex()
    store = OfficeStore.open(own.site / "var/office")
    told = [event.what for event in EventFeed(store).page(AGENCY, 0)]
    store.close()
    assert TicketDone(number, entry.case or "", "housing_fund.account", "found") in told


async def test_a_worker_that_is_killed_leaves_its_tickets_to_another_and_they_expire(
    own: World, unasked: Iterator[Citizen]
) -> None:
    os.kill(own.housing_fund.pid, signal.SIGSTOP)
    try:
        async with own.client() as window:
            opened = await window.open_ticket(account(own, next(unasked)))
        assert opened.answer.ticket.state == "running"
        for name, pid in own.pids().items():
            if name.startswith("worker"):
                os.kill(pid, signal.SIGKILL)
    finally:
        os.kill(own.housing_fund.pid, signal.SIGCONT)
    number = opened.answer.ticket.id
    found = await fetch(own, number)
    assert answer_of(found)["outcome"] == "found"
    records(own)
    async with asyncio.timeout(LIMIT_S), own.client() as window:
        with pytest.raises(Refused, match="TICKET_EXPIRED"):
            await ask_on(window, number)
        with pytest.raises(Refused, match="TICKET_ABSENT"):
            await window.ticket("0" * 32)
