# SPDX-License-Identifier: Apache-2.0
"""Clause 7.4 between real processes: civil affairs is away, the case goes on all the same."""

import asyncio
import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fixtures.world import AGENCY, World
from gateway.audit.store.reader import LogReader
from gateway.audit.verify import verify_log
from gateway.audit.verify_acts import ActSignatures
from gateway.client import Refused
from gateway.config import load_site
from gateway.crypto.digest import sha256
from gateway.keyring import log_verifier
from gateway.model.act import Act, Event
from gateway.model.case import CaseHolder, CaseRegistration
from gateway.model.deferral import DeferralRecord, DeferralRequest
from gateway.model.entry import Entry
from gateway.model.lookup import Attribution, HolderReference, OperatorReference
from gateway.model.office_event import kind_of
from gateway.model.plan import MaterialAnswer, MaterialsRequest
from gateway.model.record import Record, parse_record
from gateway.office.outbox import EventFeed
from gateway.office.store import OfficeStore
from tests.command import yizheng

SETTINGS = """
[orders]
first_pause_s = 0.2
max_pause_s = 0.4
lease_s = 6

[orders.tickets]
wait_s = 0.5
deadline_s = 5.5
keep_s = 20
max_open = 4
"""
GRANT = """
[[grants]]
id = "yq-gjj-marriage"
version = 1
agency = "yq-gjj"
certificate = "civil_affairs.marriage"
operations = ["query"]
fields = ["op_type", "op_date", "name"]
items = ["yq-gjj-001"]
valid_from = 2026-01-01
valid_until = 2099-12-31
basis = "中华人民共和国民法典（演示）"
"""
ITEM, MARRIAGE = "yq-gjj-001", "结婚证"
OPERATOR = OperatorReference("yq-0417", "测试经办")
LIMIT_S = 60.0


@pytest.fixture(scope="module")
def own(short_folder: Path) -> Iterator[World]:
    folder = short_folder / "deferrals"
    folder.mkdir()
    three = ("public_security", "housing_fund", "civil_affairs")
    world = World(folder, workers=2, settings=SETTINGS, departments=three)
    (world.site / "grants/marriage.toml").write_text(GRANT)
    with world:
        yield world


async def register(world: World, case: str) -> None:
    couple = (HolderReference("cn-id", one.id_number) for one in world.citizens[:2])
    holders = (CaseHolder("applicant", next(couple)), CaseHolder("spouse", next(couple)))
    async with world.client() as window:
        await window.register_case(
            case, CaseRegistration(ITEM, holders, OPERATOR, datetime.now(UTC), situation="married")
        )


async def ask(world: World, case: str, **changes: Any) -> MaterialAnswer:
    """What is answered about the marriage certificate."""
    asked = MaterialsRequest(Attribution(ITEM, case, "住房公积金提取", OPERATOR), **changes)
    async with world.client() as window:
        answer = (await window.materials(asked)).answer
    return next(each for each in answer.materials if each.material == MARRIAGE)


async def defer(world: World, case: str, promise: str, **changes: Any) -> DeferralRecord:
    asked = DeferralRequest(
        Attribution(ITEM, case, "住房公积金提取", OPERATOR),
        sha256(promise.encode()).hex(),
        **changes,
    )
    async with world.client() as window:
        return (await window.defer(MARRIAGE, asked)).answer.deferral


async def wait_for(
    world: World, case: str, is_so: Callable[[DeferralRecord], bool]
) -> DeferralRecord:
    async with asyncio.timeout(LIMIT_S), world.client() as window:
        while not is_so(record := (await window.deferral(case, MARRIAGE)).answer.deferral):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    return record


def records(world: World) -> list[Record]:
    """All of the log, verified, acts included."""
    site, reader = load_site(world.site), LogReader.open(world.site / "var/audit")
    try:
        signatures = ActSignatures(site.auditors, site.agencies, site.departments)
        verify_log(reader, log_verifier(site), check_act=signatures.check)
        return [parse_record(line) for _, line in reader.entries()]
    finally:
        reader.close()


def told(world: World, case: str) -> list[str]:
    """Events about the deferrals of a case."""
    store = OfficeStore.open(world.site / "var/office")
    with closing(store):
        found = EventFeed(store).page(AGENCY, 0)
    of_case = [event.what for event in found if getattr(event.what, "case", None) == case]
    kinds = [kind_of(what) for what in of_case]
    return [kind for kind in kinds if kind.startswith("deferral.")]


def command(world: World, *arguments: str) -> tuple[int, Any]:
    done = yizheng(*arguments, "--site", world.site, "--json")
    return done.returncode, msgspec.json.decode(done.stdout or done.stderr)


async def test_clause_7_4_what_is_deferred_while_civil_affairs_is_away_closes_by_itself(
    own: World,
) -> None:
    case = "YQ-2026-8001"
    await register(own, case)
    own.departments["civil_affairs"].stop()
    try:
        away = await ask(own, case)
        assert (away.outcome, away.code) == ("deferrable", "PROVIDER_UNAVAILABLE")
        assert away.deferral is not None
        opened = await defer(own, case, away.deferral.promise)
        assert (opened.state, opened.due_on) == ("open", away.deferral.due_on)
        waits = await ask(own, case)
        assert waits.deferred is not None
        assert (waits.deferred.id, waits.deferred.due_on) == (opened.id, opened.due_on)
        tried = await wait_for(own, case, lambda d: d.retry is not None and d.retry.tries > 0)
        assert tried.state == "open"
    finally:
        own.departments["civil_affairs"].start()
    closed = await wait_for(own, case, lambda d: d.state == "closed")
    assert closed.reason == "obtained"
    assert closed.steps[-1].what == "closed"
    [index] = closed.steps[-1].indexes
    found = records(own)
    entry, act = found[index], next(r for r in found if isinstance(r, Act) and r.id == opened.act)
    assert isinstance(entry, Entry)
    assert (entry.plan, entry.case, entry.outcome) == (opened.act, case, "found")
    assert act.action == "deferral_open"
    assert act.request is not None
    assert entry.request.signature_input == act.request.signature_input
    again = await ask(own, case)  # nobody asks the applicant
    assert again.outcome == "shared"
    assert again.deferred is None
    assert told(own, case) == ["deferral.opened", "deferral.closed"]


async def test_clause_7_4_a_worker_that_is_killed_with_the_order_in_hand_is_followed_by_another(
    own: World,
) -> None:
    case = "YQ-2026-8002"
    await register(own, case)
    civil_affairs = own.departments["civil_affairs"]
    promise = "本人承诺"
    first = await ask(own, case, max_age_s=0)
    assert first.outcome == "shared"
    os.kill(civil_affairs.pid, signal.SIGSTOP)  # it takes requests, and answers none
    try:
        stuck = await ask(own, "YQ-2026-8002", max_age_s=0)
        assert stuck.deferral is not None
        promise = stuck.deferral.promise
        await register(own, other := "YQ-2026-8003")  # of it nothing is in any cache
        await defer(own, other, promise)
        database = own.site / "var/office/office.sqlite"
        async with asyncio.timeout(LIMIT_S):
            while not is_in_hand(database):  # noqa: ASYNC110 - another process writes
                await asyncio.sleep(0.01)
        for name, pid in own.pids().items():
            if name.startswith("worker"):
                os.kill(pid, signal.SIGKILL)
    finally:
        os.kill(civil_affairs.pid, signal.SIGCONT)
    closed = await wait_for(own, other, lambda d: d.state == "closed")
    assert closed.reason == "obtained"
    assert closed.retry is not None
    assert closed.retry.tries >= 2
    records(own)
    code, said = command(own, "audit", "verify", "--deep")
    assert code == 0, said


def is_in_hand(database: Path) -> bool:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        found = connection.execute(
            "SELECT 1 FROM orders WHERE next_try_s IS NOT NULL AND lease_until_s > ?",
            (time.time(),),
        ).fetchone()
    return found is not None


async def test_an_operator_lists_shows_and_closes_and_that_is_on_record(own: World) -> None:
    case = "YQ-2026-8005"
    await register(own, case)
    items = {item.code: item for item in load_site(own.site).items}
    invoice = next(each for each in items[ITEM].materials if each.name == "购房款发票")
    assert invoice.deferral is not None
    asked = DeferralRequest(
        Attribution(ITEM, case, "住房公积金提取", OPERATOR),
        sha256(invoice.deferral.promise.encode()).hex(),
    )
    async with own.client() as window:
        opened = (await window.defer(invoice.name, asked)).answer.deferral
    named = (AGENCY, case, invoice.name)
    code, listed = await asyncio.to_thread(command, own, "deferral", "list", "--state", "open")
    assert code == 0
    assert opened.id in {each["id"] for each in listed}
    code, closed = await asyncio.to_thread(command, own, "deferral", "close", *named)
    assert (code, closed["state"], closed["reason"]) == (0, "closed", "supplied")
    code, shown = await asyncio.to_thread(command, own, "deferral", "show", *named)
    assert (code, [step["what"] for step in shown["steps"]]) == (0, ["opened", "closed"])
    code, said = await asyncio.to_thread(command, own, "deferral", "show", AGENCY, case, "结婚证")
    assert (code, said["error"]["code"]) == (1, "DEFERRAL_ABSENT")
    event = records(own)[-1]
    assert isinstance(event, Event)
    assert event.event == "deferral_closed"
    assert f"deferral={opened.id}" in event.detail
    async with own.client() as window:
        await window.close_deferral(case, invoice.name, "withdrawn")  # and changes nothing
        again = await window.deferral(case, invoice.name)
    assert again.answer.deferral.reason == "supplied"


async def test_a_core_document_is_never_deferred_and_the_client_is_told_why(own: World) -> None:
    case = "YQ-2026-8004"
    await register(own, case)
    asked = DeferralRequest(Attribution(ITEM, case, "住房公积金提取", OPERATOR), "0" * 64)
    async with own.client() as window:
        with pytest.raises(Refused, match="DEFERRAL_REFUSED"):
            await window.defer("居民身份证复印件", asked)
        with pytest.raises(Refused, match="DEFERRAL_ABSENT"):
            await window.deferral(case, MARRIAGE)
