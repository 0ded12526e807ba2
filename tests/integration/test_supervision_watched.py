# SPDX-License-Identifier: Apache-2.0
"""What was found and what happened, over HTTP between real processes: findings and incidents."""

import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from fixtures.world import AGENCY, World
from gateway.client import Refused
from gateway.model.supervised_incident import IncidentOpening, IncidentStepBody
from tests.integration.log_reading import agency, another, auditor, get, recorded_in
from tests.integration.overseeing import (
    OTHER,
    SETTLE,
    department,
    overseen_world,
    post,
    read,
    suspect,
)
from tests.integration.tsa import told
from tests.integration.wire import send


@pytest.fixture(scope="module")
def own(short_folder: Path) -> Iterator[World]:
    with overseen_world(short_folder / "watched") as world:
        yield world


def test_clause_8_1_1_a_finding_is_read_by_its_agency_and_settled_by_who_supervises(
    own: World,
) -> None:
    case, supervisor = "YQ-2026-9111", auditor(own, "supervisor")
    finding_id = suspect(own, case)
    where, nowhere = f"/findings/{finding_id}", "/findings/F-2026-999999"
    seen = read(own, where, agency(own))
    finding = seen.document["finding"]
    assert (finding["state"], finding["about"]["case"]) == ("open", case)
    act = recorded_in(own, seen)
    assert (act.action, act.actor, act.subject) == ("supervision_read", AGENCY, where[1:])
    listed = read(own, "/findings?state=open", auditor(own)).document
    assert finding in listed["findings"]
    problems = [read(own, each, another(own, OTHER)).document for each in (where, nowhere)]
    assert problems[0] | {"request_id": ""} == problems[1] | {"request_id": ""}

    steps = f"{where}/steps"
    named = SETTLE | {"words": f"当事人 {own.citizens[0].id_number}"}
    assert post(own, steps, supervisor, named).document["code"] == "MATTER_PERSONAL"
    settled = post(own, steps, supervisor, SETTLE)
    last = settled.document["finding"]["steps"][-1]
    assert (settled.status, last["step"], last["words"]) == (200, "settled", SETTLE["words"])
    act = recorded_in(own, settled)
    assert (act.action, act.subject) == ("matter_step", finding_id)
    assert msgspec.json.decode(act.query or "") == {"step": "settle", "state": "settled"}
    again = post(own, steps, supervisor, SETTLE)
    assert (again.status, again.document["code"]) == (409, "FINDING_SETTLED")
    assert recorded_in(own, again).code == "FINDING_SETTLED"


def test_clause_8_1_2_an_incident_is_opened_and_ended_over_http_and_agencies_are_told(
    own: World,
) -> None:
    supervisor = auditor(own, "supervisor")
    body = {"scope": "housing_fund", "rung": "verify_only", "words": "查询积压"}
    nowhere = post(own, "/incidents", supervisor, body | {"scope": "nobody"})
    assert (nowhere.status, nowhere.document["code"]) == (404, "SCOPE_UNKNOWN")
    opened = post(own, "/incidents", supervisor, body)
    incident = opened.document["incident"]
    act = recorded_in(own, opened)
    assert (act.action, act.actor, act.subject) == ("matter_open", "supervisor", incident["id"])
    assert msgspec.json.decode(act.query or "") == {
        "kind": "incident",
        "scope": "housing_fund",
        "rung": "verify_only",
        "drill": False,
    }
    until = time.monotonic() + 30
    while (ladder := told(own.url)["ladder"]) == "normal" and time.monotonic() < until:
        time.sleep(0.05)
    assert ladder == "housing_fund=verify_only"
    assert post(own, "/incidents", supervisor, body).document["code"] == "INCIDENT_OPEN"

    where = f"/incidents/{incident['id']}"
    seen = read(own, where, department(own, "yq-zfgjj")).document["incident"]
    assert seen["steps"][0]["words"] == "查询积压"
    [step] = read(own, where, agency(own)).document["incident"]["steps"]
    assert (step["step"], step["rung"], step.keys() & {"by", "words"}) == (
        *("open", "verify_only"),
        set(),
    )
    closed = post(own, f"{where}/steps", supervisor, {"step": "close", "words": "恢复正常"})
    assert closed.document["incident"]["rung"] == "normal"
    act = recorded_in(own, closed)
    assert (act.action, act.subject) == ("matter_step", incident["id"])
    assert msgspec.json.decode(act.query or "") == {"step": "close", "rung": "normal"}
    events = send(own, get(own, "/v1/events?after=0", agency(own))).document["events"]
    happened = [each["what"] for each in events if each["what"].get("incident") == incident["id"]]
    assert [each["kind"] for each in happened] == ["incident.opened", "incident.closed"]
    assert read(own, "/alarms", auditor(own)).document["alarms"] == []


async def test_the_client_reads_what_was_found_and_what_happened(own: World) -> None:
    finding_id = suspect(own, "YQ-2026-9602")
    async with own.client() as client:
        finding = (await client.finding(finding_id)).answer.finding
        assert finding in (await client.findings(state="open")).answer.findings
        with pytest.raises(Refused) as unsettled:
            await client.settle_finding(finding_id, "已办结")
        assert unsettled.value.code == "SUPERVISION_REFUSED"
        assert (await client.incidents(state="open")).answer.incidents == ()
        with pytest.raises(Refused) as calm:
            await client.incident("E-2026-999999")
        assert calm.value.code == "INCIDENT_ABSENT"
        with pytest.raises(Refused) as unopened:
            await client.open_incident(IncidentOpening("*", "查询积压"))
        with pytest.raises(Refused) as untaken:
            await client.take_incident_step("E-2026-999999", IncidentStepBody("close", "恢复"))
        with pytest.raises(Refused) as silent:
            await client.alarms()
        codes = [each.value.code for each in (unopened, untaken, silent)]
        assert codes == ["SUPERVISION_REFUSED", "INCIDENT_ABSENT", "SUPERVISION_REFUSED"]
