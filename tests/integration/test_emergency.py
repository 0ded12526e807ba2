# SPDX-License-Identifier: Apache-2.0
"""Emergencies over a running gateway: rungs by command, drills, alarms of departments that hang."""

import asyncio
import os
import signal
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgspec
import pytest

from fixtures.world import World
from gateway.audit.store.reader import LogReader
from gateway.cli.main import main
from gateway.client import Refused
from gateway.config import load_site
from gateway.emergency import Emergencies
from gateway.model.act import Event
from gateway.model.entry import Entry
from gateway.model.record import Record, parse_record
from gateway.office.outbox import EventFeed
from gateway.office.store import OfficeStore
from gateway.web.cases import format_target
from tests.integration.archive import CARD, ITEM, SHARED, VERIFIED, Archive
from tests.integration.test_search import run
from tests.integration.tsa import told
from tests.integration.wire import send, sign

pytestmark = pytest.mark.integration

LIMIT_S = 30.0
#: Each is a connection of its own: some come to each of the workers.
ASKED_COUNT = 12
SETTINGS = """
[emergency]
look_s = 0.2

[[emergency.alarms]]
name = "fund-hangs"
figure = "refusal_share"
threshold = 0.5
department = "housing_fund"
window_s = 1
hold_s = 0.4
min_count = 4
proposes = "verify_only"

[[emergency.alarms]]
name = "archive-hangs"
figure = "refusal_share"
threshold = 0.5
department = "archive"
window_s = 1
hold_s = 0.4
min_count = 4
proposes = "substitute"
automatic = true
"""
WHO = ("--by", "值班员", "--words", "查询积压")
VERIFY: dict[str, Any] = {"operation": "verify", "fields": (), "claims": {"shelf": "A-17"}}
OPERATOR = {"id": "yq-0417", "name": "测试经办"}


@pytest.fixture(scope="module")
def archive() -> Iterator[Archive]:
    with Archive().serving() as serving:
        yield serving


@pytest.fixture(scope="module")
def own(short_folder: Path, archive: Archive) -> Iterator[World]:
    folder = short_folder / "emergency"
    folder.mkdir()
    world = World(folder, workers=2, settings=SETTINGS)
    archive.join(world)
    with world:
        yield world


def command(world: World, *arguments: str, code: int = 0) -> Any:
    """Run a command line, here: an interpreter's start takes longer than what it does."""
    said, complained = StringIO(), StringIO()
    line = ["yizheng", *arguments, "--site", str(world.site), "--json"]
    with (
        patch.object(sys, "argv", line),
        redirect_stdout(said),
        redirect_stderr(complained),
    ):
        ended = main()
    assert ended == code, complained.getvalue()
    return msgspec.json.decode(said.getvalue() or complained.getvalue())


@pytest.fixture(autouse=True)
def calm(own: World) -> Iterator[None]:
    """No incident outlives its test."""
    yield
    for incident in command(own, "incident", "list", "--open"):
        command(own, "incident", "close", incident["id"], *WHO)


async def ask(world: World, case: str, **changes: Any) -> str:
    """Outcome and source of an answer, or the code of a refusal; over a new connection."""
    asked: dict[str, Any] = {
        "certificate": CARD,
        "fields": ("shelf",),
        "attribution__item": ITEM,
        "attribution__case": case,
    }
    request = world.request(world.citizens[0].id_number, **(asked | changes))
    async with world.client() as client:
        try:
            answer = (await client.lookup(request)).answer
        except Refused as refused:
            return refused.problem.code
    return f"{answer.outcome} {answer.served_from}"


def ask_all(world: World, case: str, **changes: Any) -> set[str]:
    """What comes of many requests at once, of all workers."""

    async def asking() -> set[str]:
        asked = [asyncio.create_task(ask(world, case, **changes)) for _ in range(ASKED_COUNT)]
        await asyncio.wait(asked)
        return {task.result() for task in asked}

    return asyncio.run(asking())


def until(holds: Callable[[], bool]) -> None:
    ends_s = time.monotonic() + LIMIT_S
    while not holds():
        assert time.monotonic() < ends_s
        time.sleep(0.1)


def records(world: World) -> list[Record]:
    with closing(LogReader.open(world.site / "var/audit")) as reader:
        return [parse_record(line) for _, line in reader.entries()]


def changes_of(world: World, incident_id: str) -> list[str]:
    """What the log says of an incident's steps."""
    return [
        record.detail.removeprefix(f"id={incident_id} ")
        for record in records(world)
        if isinstance(record, Event) and f"id={incident_id} " in record.detail
    ]


def metric(world: World, name: str) -> float:
    with urllib.request.urlopen(f"{world.url}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    [line] = [line for line in lines if line.startswith(f"{name} ")]
    return float(line.rpartition(" ")[2])


def raised(world: World) -> list[str]:
    return [each["draft"]["rule"] for each in command(world, "alarm", "list", "--raised")]


def final_report(world: World, incident_id: str) -> Any:
    """The report, once the index has come so far."""
    until(lambda: told(world.url)["index"] == "ok")
    made = command(world, "incident", "report", incident_id, *world.auditing())
    assert made["is_final"]
    return made


def test_clause_8_1_2_every_worker_obeys_a_rung_and_the_log_tells_of_each_step(
    own: World, archive: Archive
) -> None:
    assert ask_all(own, "ARC-1", max_age_s=0) == {"found source"}
    opened = command(own, "incident", "open", "archive", "--rung", "verify_only", *WHO)
    until(lambda: ask_all(own, "ARC-1", max_age_s=0) == {"DEPARTMENT_VERIFY_ONLY"})
    assert ask_all(own, "ARC-1", max_age_s=0, **VERIFY) == {"match source"}
    assert told(own.url)["ladder"] == "archive=verify_only"
    assert metric(own, 'yizheng_ladder_rung{adapter="archive"}') == 2
    assert metric(own, 'yizheng_ladder_rung{adapter="housing_fund"}') == 0
    command(own, "incident", "rung", opened["id"], "ticket", *WHO)
    until(lambda: ask_all(own, "ARC-1", max_age_s=0, **VERIFY) == {"DEPARTMENT_TICKET_ONLY"})
    command(own, "incident", "note", opened["id"], *WHO)
    command(own, "incident", "close", opened["id"], *WHO)
    until(lambda: ask_all(own, "ARC-1", max_age_s=0) == {"found source"})
    assert told(own.url)["ladder"] == "normal"
    assert changes_of(own, opened["id"]) == [
        "step=open scope=archive rung=verify_only drill=no",
        "step=rung scope=archive rung=ticket drill=no",
        "step=note scope=archive rung=ticket drill=no",
        "step=close scope=archive rung=normal drill=no",
    ]
    entries = [each for each in records(own) if isinstance(each, Entry)]
    spared = [each for each in entries if each.code == "DEPARTMENT_VERIFY_ONLY"]
    assert {(each.outcome, each.adapter) for each in spared} == {("unavailable", None)}


def test_clause_8_1_2_what_has_ended_is_served_marked_while_the_rung_is_cache(
    own: World, archive: Archive
) -> None:
    assert "found source" in ask_all(own, "ARC-2")
    opened = command(own, "incident", "open", "archive", "--rung", "cache", *WHO)
    until(lambda: "found stale" in ask_all(own, "ARC-2"))  # its time is one second
    until(lambda: ask_all(own, "ARC-2") == {"found stale"})
    asked_count = archive.asked_count
    assert ask_all(own, "ARC-2") == {"found stale"}
    assert archive.asked_count == asked_count
    command(own, "incident", "close", opened["id"], *WHO)
    until(lambda: "found stale" not in ask_all(own, "ARC-2"))


def test_clause_8_1_2_on_the_highest_rung_materials_offer_deferral_and_commitment(
    own: World,
) -> None:
    case, number = "ARC-3", own.citizens[0].id_number
    body = {
        "item": ITEM,
        "operator": OPERATOR,
        "opened_at": "2026-11-20T16:00:00+08:00",
        "holders": [{"role": "applicant", "holder": {"scheme": "cn-id", "number": number}}],
    }
    draft = sign(own, msgspec.json.encode(body), target=format_target(case), method="PUT")
    assert send(own, draft).status == 200

    def materials() -> dict[str, tuple[str, str | None]]:
        attribution = {"item": ITEM, "case": case, "operator": OPERATOR, "purpose": "档案查阅"}
        claims = {VERIFIED: {"shelf": "A-17"}}
        asked = {"attribution": attribution, "claims": claims, "max_age_s": 0}
        answer = send(own, sign(own, msgspec.json.encode(asked), target="/v1/materials"))
        assert answer.status == 200, answer.document
        return {
            each["material"]: (each["outcome"], each.get("code"))
            for each in answer.document["materials"]
        }

    assert materials() == {SHARED: ("shared", None), VERIFIED: ("verified", None)}
    opened = command(own, "incident", "open", "--rung", "substitute", *WHO)
    until(
        lambda: (
            materials()
            == {
                SHARED: ("deferrable", "DEPARTMENT_SUBSTITUTED"),
                VERIFIED: ("promisable", "DEPARTMENT_SUBSTITUTED"),
            }
        )
    )
    until(lambda: told(own.url)["ladder"] == "*=substitute")  # whichever worker tells it
    command(own, "incident", "close", opened["id"], *WHO)
    until(lambda: materials()[SHARED] == ("shared", None))


def test_clause_8_1_2_a_drill_records_everything_and_changes_nothing(own: World) -> None:
    drill = command(own, "incident", "open", "archive", "--rung", "substitute", "--drill", *WHO)
    command(own, "incident", "rung", drill["id"], "ticket", *WHO)
    # Something else is written after it, which workers are seen to obey: they looked.
    real = command(own, "incident", "open", "housing_fund", "--rung", "cache", *WHO)
    until(lambda: told(own.url)["ladder"] == "housing_fund=cache")
    assert ask_all(own, "ARC-4", max_age_s=0) == {"found source"}
    closed = command(own, "incident", "close", drill["id"], *WHO)
    assert [step["draft"]["step"] for step in closed["steps"]] == ["open", "rung", "close"]
    assert [line.rpartition(" ")[2] for line in changes_of(own, drill["id"])] == ["drill=yes"] * 3
    command(own, "incident", "close", real["id"], *WHO)


def test_clause_8_1_2_a_department_that_hangs_raises_an_alarm_that_proposes_a_rung(
    own: World,
) -> None:
    account = {
        "certificate": "housing_fund.account",
        "fields": ("account_status",),
        "attribution__item": "yq-gjj-001",
        "max_age_s": 0,
    }
    os.kill(own.housing_fund.pid, signal.SIGSTOP)
    try:

        def hangs() -> bool:
            assert "found source" not in ask_all(own, "ARC-5", **account)
            return raised(own) == ["fund-hangs"]

        until(hangs)
        [alarm] = command(own, "alarm", "list", "--raised", "--check", code=1)
        assert (alarm["draft"]["scope"], alarm["draft"]["proposes"]) == (
            "housing_fund",
            "verify_only",
        )
        assert alarm["draft"]["value"] > alarm["draft"]["threshold"]
        assert metric(own, "yizheng_alarms_raised") == 1
        assert told(own.url)["ladder"] == "normal"  # it only proposes
    finally:
        os.kill(own.housing_fund.pid, signal.SIGCONT)

    def recovers() -> bool:
        ask_all(own, "ARC-5", **account)
        return raised(own) == []

    until(recovers)
    [alarm] = command(own, "alarm", "list", "--check")
    assert alarm["cleared_at"] is not None


def test_clause_8_1_2_where_the_rule_says_so_the_alarm_takes_the_rung_and_agencies_hear(
    own: World, archive: Archive
) -> None:
    archive.is_well.clear()
    try:
        until(lambda: "DEPARTMENT_SUBSTITUTED" in ask_all(own, "ARC-6", max_age_s=0))
        until(lambda: len(command(own, "incident", "list", "--open")) == 1)
    finally:
        archive.is_well.set()
    [incident] = command(own, "incident", "list", "--open")
    assert (incident["alarm"], incident["scope"]) == ("archive-hangs", "archive")
    until(lambda: len(changes_of(own, incident["id"])) == 1)
    assert changes_of(own, incident["id"]) == ["step=alarm scope=archive rung=substitute drill=no"]
    command(own, "incident", "close", incident["id"], *WHO)
    with closing(OfficeStore.open(own.site / "var/office")) as store:
        told = [event.what for event in EventFeed(store).page("yq-gjj", 0)]
    mine = [each for each in told if each.subject == f"incident:{incident['id']}"]
    assert [type(each).__name__ for each in mine] == ["IncidentOpened", "IncidentClosed"]
    until(lambda: "found source" in ask_all(own, "ARC-6", max_age_s=0))


def test_clause_8_1_2_the_closing_report_counts_the_cases_that_were_hit(own: World) -> None:
    opened = command(own, "incident", "open", "archive", "--rung", "substitute", *WHO)
    until(lambda: ask_all(own, "ARC-7", max_age_s=0) == {"DEPARTMENT_SUBSTITUTED"})
    ask_all(own, "ARC-8", max_age_s=0)
    command(own, "incident", "close", opened["id"], *WHO)
    made = final_report(own, opened["id"])
    assert made["highest"] == "substitute"
    impact = made["impact"]
    assert impact["unavailable_count"] >= 2 * ASKED_COUNT
    assert (impact["case_count"], impact["agency_count"], impact["stale_count"]) == (2, 1, 0)
    # Who asked before the workers had heard of it met the department itself.
    assert {"DEPARTMENT_SUBSTITUTED"} <= set(impact["codes"])
    assert set(impact["codes"]) <= {"DEPARTMENT_SUBSTITUTED", "PROVIDER_UNAVAILABLE"}
    again = final_report(own, opened["id"])["impact"]
    assert {**again, "indexed": 0, "behind": 0} == {**impact, "indexed": 0, "behind": 0}
    assert own.citizens[0].id_number not in msgspec.json.encode(made).decode()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("open", "nowhere", *WHO), "SCOPE_UNKNOWN"),
        (("open", "archive", "--by", "值班员", "--words", " "), "INCIDENT_STEP_REFUSED"),
        (("open", "archive", "--by", "值班员", "--words", "140302190001010017"),
         "MATTER_PERSONAL"),
        (("close", "E-2026-999999", *WHO), "INCIDENT_ABSENT"),
    ],
)  # fmt: skip
def test_what_is_no_step_is_refused_and_nothing_is_kept(
    own: World, arguments: tuple[str, ...], code: str
) -> None:
    before = command(own, "incident", "list")
    refused = command(own, "incident", *arguments, code=1)
    assert refused["error"]["code"] == code
    assert command(own, "incident", "list") == before


def test_without_a_gateway_that_records_it_no_rung_is_taken(
    make_site: Callable[[], Path],
) -> None:
    site = make_site()
    done = run("incident", "open", "--rung", "cache", *WHO, "--site", str(site), "--json")
    assert done.returncode == 3, done.stderr
    with closing(Emergencies.open(load_site(site))) as opened:
        assert opened.incidents.list_incidents() == []
