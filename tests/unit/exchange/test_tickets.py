# SPDX-License-Identifier: Apache-2.0
"""Tickets: a lookup that goes on whatever becomes of its connection; each answer on record."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.crypto.digest import sha256
from gateway.errors import AdapterUnavailable
from gateway.exchange.tickets import Tickets
from gateway.model.order import Order, Tried
from gateway.sdk import Deadline
from tests.unit.exchange.deferring import Window, body_of, registered, soon
from tests.unit.exchange.rooms import NUMBER
from tests.unit.office.drafts import CASE

MARRIAGE = "b.marriage"


@pytest.fixture
def window(tmp_path: Path) -> Iterator[Window]:
    opened = Window(tmp_path / "office")
    yield opened
    opened.counter.store.close()


def lookup_of(**changes: Any) -> bytes:
    asked = {
        "holder": {"scheme": "cn-id", "number": NUMBER},
        "certificate": MARRIAGE,
        "fields": ["name"],
        "attribution": msgspec.json.decode(body_of())["attribution"],
    }
    return msgspec.json.encode(asked | changes)


async def opened(
    window: Window, tickets: Tickets, body: bytes | None = None
) -> tuple[int, dict[str, Any]]:
    body = lookup_of() if body is None else body
    caller = window.caller("POST", "/v1/tickets", body)
    reply = await tickets.open(caller, f"{len(window.counter.log.lines):032x}", body, soon())
    return reply.status, msgspec.json.decode(reply.body)


async def fetched(
    window: Window, tickets: Tickets, number: str, request_id: str = "f" * 32
) -> tuple[int, dict[str, Any]]:
    caller = window.caller("GET", f"/v1/tickets/{number}", b"")
    reply = await tickets.show(caller, request_id, number, soon())
    return reply.status, msgspec.json.decode(reply.body)


async def test_what_is_there_in_time_is_answered_with_its_ticket(window: Window) -> None:
    await window.counter.register_family()
    status, said = await opened(window, window.tickets())
    assert (status, said["ticket"]["state"], said["ticket"]["outcome"]) == (200, "done", "found")
    assert said["answer"]["fields"] == {"name": "测试甲"}
    [entry], [act] = window.counter.log.entries, window.counter.log.acts
    assert (entry.plan, act.action, act.subject) == (act.id, "ticket_open", CASE)
    assert said["index"] == 0  # the entry comes first
    assert NUMBER.encode() not in b"".join(window.counter.log.lines)


async def test_what_takes_longer_is_202_and_fetched_later_on_record(window: Window) -> None:
    counter = window.counter
    await counter.register_family()
    tickets = window.tickets(never)
    status, said = await opened(window, tickets)
    assert (status, said["ticket"]["state"]) == (202, "running")
    assert "answer" not in said
    number = said["ticket"]["id"]
    assert (await fetched(window, tickets, number))[0] == 202
    await died(window, tickets)
    tried = await window.do_next()  # another worker
    assert tried is not None
    assert (tried.ending, tried.said) == ("done", "found")
    caller = window.caller("GET", f"/v1/tickets/{number}", b"")
    reply = await tickets.show(caller, "a" * 32, number, soon())
    said = msgspec.json.decode(reply.body)
    assert (reply.status, said["answer"]["outcome"]) == (200, "found")
    entry, act = counter.log.entries[-1], counter.log.acts[-1]
    assert entry.plan == counter.log.acts[0].id
    assert (act.action, act.subject) == ("ticket_show", CASE)
    assert msgspec.json.decode(act.query or "") == {
        "entry": said["index"],
        "response": sha256(reply.body).hex(),
        "ticket": number,
    }
    assert counter.log.lines[said["index"]].find(entry.id.encode()) > 0
    assert reply.index == len(counter.log.lines) - 1


async def never(_order: Order, _deadline: Deadline) -> Tried:
    """A department that hangs."""
    await asyncio.Event().wait()
    raise AssertionError


async def died(window: Window, tickets: Tickets) -> None:
    """The worker that had the order in hand is no more, and its lease is over."""
    for task in tuple(tickets._running):
        task.cancel()
    await window.counter.store.write(
        lambda connection: connection.execute("UPDATE orders SET lease_until_s = 0"), soon()
    )


async def test_a_refusal_is_the_answer_and_nobody_tries_again(window: Window) -> None:
    await window.counter.register_family()
    window.counter.departments.answers = {MARRIAGE: AdapterUnavailable()}
    status, said = await opened(window, window.tickets())
    assert (status, said["ticket"]["outcome"]) == (200, "PROVIDER_UNAVAILABLE")
    assert said["answer"]["code"] == "PROVIDER_UNAVAILABLE"
    assert await window.do_next() is None


async def test_a_key_that_was_revoked_meanwhile_gets_a_refusal_as_its_answer(
    window: Window,
) -> None:
    await window.counter.register_family()
    tickets = window.tickets(never)
    _, said = await opened(window, tickets)
    await died(window, tickets)
    window.agency = registered(revoked=True)
    tried = await window.do_next()
    assert tried is not None
    assert (tried.ending, tried.said) == ("over", "KEY_INACTIVE")
    window.agency = registered()
    status, told = await fetched(window, tickets, said["ticket"]["id"])
    assert (status, told["answer"]["code"]) == (200, "KEY_INACTIVE")
    assert "index" not in told  # no lookup was made


async def test_an_agency_has_so_many_running_and_no_more(window: Window) -> None:
    await window.counter.register_family()
    tickets = window.tickets(never, max_open=1)
    assert (await opened(window, tickets))[0] == 202
    status, said = await opened(window, tickets)
    assert (status, said["code"]) == (429, "TICKETS_TOO_MANY")
    assert window.counter.log.acts[-1].code == "TICKETS_TOO_MANY"
    await died(window, tickets)


async def test_what_was_signed_for_a_lookup_is_no_ticket(window: Window) -> None:
    await window.counter.register_family()
    body, tickets = lookup_of(), window.tickets()
    caller = window.caller("POST", "/v1/lookups", body)
    reply = await tickets.open(caller, "b" * 32, body, soon())
    assert msgspec.json.decode(reply.body)["answer"]["code"] == "PROOF_INVALID"
    assert not window.counter.departments.queries


@pytest.mark.parametrize("body", [b"{}", lookup_of(certificate="140302190001010017")])
async def test_what_is_no_lookup_is_no_ticket(window: Window, body: bytes) -> None:
    await window.counter.register_family()
    status, said = await opened(window, window.tickets(), body)
    assert status in {400, 422}
    assert said["code"] in {"BODY_MALFORMED", "ATTRIBUTION_PERSONAL"}


async def test_nobody_else_sees_a_ticket(window: Window) -> None:
    await window.counter.register_family()
    tickets = window.tickets()
    _, said = await opened(window, tickets)
    window.agency = msgspec.structs.replace(registered(), id="another")
    status, told = await fetched(window, tickets, said["ticket"]["id"])
    assert (status, told["code"]) == (404, "TICKET_ABSENT")
