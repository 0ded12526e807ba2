# SPDX-License-Identifier: Apache-2.0
"""Clause 4.8 between real processes: the feed, the clerk that is killed, the command line."""

import asyncio
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fixtures.ports import take_port
from fixtures.world import World
from gateway.audit.store.reader import LogReader
from gateway.audit.verify import verify_log
from gateway.audit.verify_acts import ActSignatures
from gateway.config import load_site
from gateway.crypto.keys import thumbprint
from gateway.keyring import log_verifier
from gateway.model.act import Act
from gateway.model.office_event import CaseRegistered, DepartmentDown, DepartmentUp, EventPage
from gateway.model.record import parse_record
from gateway.office.outbox import EVERYBODY, put_event
from gateway.office.store import OfficeStore
from gateway.sdk import Deadline
from gateway.web.cases import format_target
from tests.command import yizheng
from tests.integration.receivers import Receiver, receiving, verify_by_peer
from tests.integration.wire import COVERED, Answer, Draft, lookup_body, send, sign, verify_signed

ROOT = Path(__file__).parents[2]
AGENCY = "yq-gjj"
SETTINGS = """
[events]
deliver = true
networks = ["127.0.0.0/8"]
timeout_s = 2
first_pause_s = 0.05
max_pause_s = 0.3
"""
LIMIT_S = 60.0


@pytest.fixture(scope="module")
def port() -> int:
    return take_port()


@pytest.fixture(scope="module")
def own(short_folder: Path, port: int) -> Iterator[World]:
    folder = short_folder / "events"
    folder.mkdir()
    world = World(folder, workers=2, settings=SETTINGS)
    with (world.site / f"agencies/{AGENCY}.toml").open("a") as file:
        file.write(f'\n[events]\nurl = "http://127.0.0.1:{port}/oa"\n')
    with world:
        yield world


def put(world: World, case: str) -> int:
    """Register a case; returns the status, 0 for none."""
    holder = {"scheme": "cn-id", "number": world.citizens[0].id_number}
    body = {
        "item": "yq-gjj-001",
        "holders": [{"role": "applicant", "holder": holder}],
        "operator": {"id": "yq-0417", "name": "测试经办"},
        "opened_at": "2026-11-20T16:00:00+08:00",
    }
    draft = sign(world, msgspec.json.encode(body), target=format_target(case), method="PUT")
    try:
        return send(world, draft).status
    except OSError:
        return 0


def ask(world: World, query: str) -> tuple[Draft, Answer]:
    draft = sign(world, b"", target=f"/v1/events{query}", method="GET", covered=COVERED[:4])
    draft = draft.without_fields("Content-Type", "Content-Digest")
    return draft, send(world, draft)


def page(world: World, after: int, wait_s: int = 0) -> EventPage:
    draft, answer = ask(world, f"?after={after}&wait={wait_s}")
    assert answer.status == 200, answer.body
    verify_signed(world, draft, answer)
    return msgspec.json.decode(answer.body, type=EventPage)


def newest(world: World) -> int:
    after = 0
    while (found := page(world, after)).events:
        after = found.next
    return after


def acts(world: World) -> list[tuple[int, Act]]:
    reader = LogReader.open(world.site / "var/audit")
    try:
        verify_log(reader, log_verifier(load_site(world.site)))
        found = [(index, parse_record(line)) for index, line in reader.entries()]
    finally:
        reader.close()
    return [(i, act) for i, act in found if isinstance(act, Act) and act.action == "events"]


async def tell(world: World, what: Any, agency: str) -> None:
    store = OfficeStore.open(world.site / "var/office")
    await store.write(
        lambda connection: put_event(connection, what, agency=agency, now_s=time.time()),
        Deadline.after(5),
    )
    store.close()


async def test_clause_4_8_an_agency_fetches_its_own_events_and_each_answer_is_on_record(
    own: World,
) -> None:
    after = newest(own)
    assert put(own, "YQ-FEED-0001") == 200
    await tell(own, CaseRegistered("YQ-FEED-0001", "yq-gjj-001", 1), "another")
    await tell(own, DepartmentDown("civil_affairs"), EVERYBODY)
    found = page(own, after)
    assert [event.what for event in found.events] == [
        CaseRegistered("YQ-FEED-0001", "yq-gjj-001", 1),
        DepartmentDown("civil_affairs"),
    ]
    assert [event.agency for event in found.events] == [AGENCY, EVERYBODY]
    assert found.next == found.events[-1].seq
    assert found.kept_from == 1
    index, act = acts(own)[-1]
    assert (act.actor, act.subject, act.count) == (AGENCY, f"?after={after}&wait=0", 2)
    site = load_site(own.site)
    ActSignatures(site.auditors, site.agencies).check(index, act)


async def test_clause_4_8_who_waits_hears_at_once_whichever_worker_was_told(own: World) -> None:
    after = newest(own)
    began_s = time.monotonic()
    waiting = asyncio.create_task(asyncio.to_thread(page, own, after, 10))
    await asyncio.sleep(0.5)
    assert not waiting.done()
    assert await asyncio.to_thread(put, own, "YQ-FEED-0002") == 200
    assert [event.agency for event in (await waiting).events] == [AGENCY]
    assert time.monotonic() - began_s < LIMIT_S
    assert page(own, newest(own), 1).events == ()


def test_a_cursor_of_another_store_begins_anew(own: World) -> None:
    found = page(own, 999_999_999, 15)
    assert (found.events, found.next) == ((), 0)


def test_a_request_that_comes_again_gets_nothing(own: World) -> None:
    draft, first = ask(own, "?after=0")
    again = send(own, draft)
    assert first.status == 200
    assert (again.status, again.document["code"]) == (401, "NONCE_REPLAYED")
    assert acts(own)[-1][1].code == "NONCE_REPLAYED"


@pytest.mark.parametrize(
    "query",
    ["", "?", "?after=", "?after=01", "?after=-1", "?wait=1", "?after=1&wait=100", "?after=1&x=2",
     "?after=140302190001010017"],
)  # fmt: skip
def test_what_is_no_cursor_is_refused_at_the_door(own: World, query: str) -> None:
    before = len(acts(own))
    _, answer = ask(own, query)
    assert (answer.status, answer.document["code"]) == (404, "PATH_UNKNOWN")
    assert len(acts(own)) == before


async def test_clause_4_8_nothing_is_lost_when_the_clerk_is_killed_again_and_again(
    own: World, port: int
) -> None:
    acknowledged, killed = [], 0
    async with receiving(Receiver(), port) as oa:
        oa.answer_of = lambda event: 500 if len(oa.requests) % 4 == 0 else None
        for number in range(24):
            case = f"YQ-CLERK-{number:04}"
            if await asyncio.to_thread(put, own, case) == 200:
                acknowledged.append(case)
            if number % 4 == 3:
                killed = await kill_clerk(own, but=killed)
                await asyncio.sleep(0.3)
        async with asyncio.timeout(LIMIT_S):
            while not set(acknowledged) <= cases_of(oa):  # noqa: ASYNC110 - another process sends
                await asyncio.sleep(0.05)
    assert len(acknowledged) == 24
    pem = (own.site / "keys/gateway.pub.pem").read_text()
    verify_by_peer(oa.requests[-1], f"gateway-{thumbprint(pem)[:16]}", pem)
    by_id = {event.id: event for event in oa.taken}
    assert all(by_id[event.id] == event for event in oa.taken)  # what came twice was the same
    shown = send(own, Draft("/metrics", {"Host": "a"}, method="GET")).body
    assert b'yizheng_event_attempts_total{result="taken"}' in shown
    assert b"\nyizheng_events_oldest_seconds " in shown
    assert len({event.seq for event in by_id.values()}) == len(by_id)


async def kill_clerk(world: World, but: int) -> int:
    """Kill the clerk that runs after that one; returns its process id."""
    async with asyncio.timeout(LIMIT_S):
        while (pid := world.pids().get("clerk", but)) == but:  # noqa: ASYNC110 - another process does
            await asyncio.sleep(0.02)
    os.kill(pid, signal.SIGKILL)
    return pid


def cases_of(receiver: Receiver) -> set[str]:
    return {e.what.case for e in receiver.taken if isinstance(e.what, CaseRegistered)}


async def test_clause_4_8_a_department_that_is_down_is_told_once_and_told_again_when_it_is_back(
    own: World,
) -> None:
    after = newest(own)
    number = own.citizen_with_account().id_number
    asked = lookup_body(own, number, certificate="housing_fund.account", fields=("account_status",))
    asked["max_age_s"] = 0
    own.housing_fund.stop()
    found: list[Any] = []
    async with asyncio.timeout(LIMIT_S):
        while DepartmentDown("housing_fund") not in found:
            await asyncio.to_thread(send, own, sign(own, msgspec.json.encode(asked)))
            found = [event.what for event in (await asyncio.to_thread(page, own, after)).events]
    own.housing_fund.start()
    async with asyncio.timeout(LIMIT_S):
        while not any(isinstance(what, DepartmentUp) for what in found):
            await asyncio.to_thread(send, own, sign(own, msgspec.json.encode(asked)))
            found = [event.what for event in (await asyncio.to_thread(page, own, after)).events]
    assert [type(what) for what in found] == [DepartmentDown, DepartmentUp]


def command(world: World, *arguments: str) -> tuple[int, Any]:
    done = yizheng("event", *arguments, "--site", world.site, "--json")
    return done.returncode, msgspec.json.decode(done.stdout or done.stderr)


async def test_an_operator_tries_lists_and_repeats_deliveries(own: World, port: int) -> None:
    assert await asyncio.to_thread(put, own, "YQ-CLI-0001") == 200
    code, said = await asyncio.to_thread(command, own, "test", AGENCY)
    assert (code, said["taken"]) == (3, False)
    async with receiving(Receiver(), port) as oa:
        code, said = await asyncio.to_thread(command, own, "test", AGENCY)
        assert (code, said) == (0, {"agency": AGENCY, "taken": True, "said": "204"})
        async with asyncio.timeout(LIMIT_S):
            while "YQ-CLI-0001" not in cases_of(oa):  # noqa: ASYNC110 - another process sends
                await asyncio.sleep(0.05)
        event = next(e for e in oa.taken if e.what.subject == "case:YQ-CLI-0001")
        code, said = await asyncio.to_thread(command, own, "redeliver", AGENCY, str(event.seq))
        assert (code, said["count"]) == (0, 1)
        async with asyncio.timeout(LIMIT_S):
            while oa.taken.count(event) < 2:  # noqa: ASYNC110 - another process sends
                await asyncio.sleep(0.05)
    code, listed = await asyncio.to_thread(command, own, "list", "--after", str(event.seq - 1))
    assert code == 0
    assert (listed[0]["id"], listed[0]["kind"]) == (event.id, "case.registered")
    assert (await asyncio.to_thread(command, own, "redeliver", AGENCY, "999999"))[0] == 1
    code, said = await asyncio.to_thread(command, own, "test", "nobody")
    assert (code, said["error"]["code"]) == (1, "AGENCY_UNKNOWN")


async def test_the_receiver_of_the_how_to_takes_each_event_once_and_no_forgery(
    own: World, port: int, tmp_path: Path
) -> None:
    text = (ROOT / "docs/how-to/receive-events.md").read_text()
    (code,) = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(code.splitlines()) <= 40
    script, file = tmp_path / "receiver.py", tmp_path / "events.sqlite"
    script.write_text(code)
    key = own.site / "keys/gateway.pub.pem"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(script), str(key), str(port), str(file)), stderr=subprocess.DEVNULL
    )
    try:
        assert await asyncio.to_thread(put, own, "YQ-HOWTO-0001") == 200
        async with asyncio.timeout(LIMIT_S):
            while "YQ-HOWTO-0001" not in kept(file):  # noqa: ASYNC110 - another process sends
                await asyncio.sleep(0.1)
        draft = Draft("/oa", {"Host": f"127.0.0.1:{port}"}, b"{}")
        with socket.create_connection(("127.0.0.1", port)) as sock:
            sock.sendall(draft.encode())
            assert sock.recv(64).startswith(b"HTTP/1.1 401 ")
    finally:
        process.kill()
        await process.wait()


def kept(file: Path) -> str:
    if not file.exists():
        return ""
    connection = sqlite3.connect(file)
    try:
        return "".join(row[0] for row in connection.execute("SELECT body FROM events"))
    except sqlite3.OperationalError:
        return ""  # not made yet
    finally:
        connection.close()
