# SPDX-License-Identifier: Apache-2.0
"""Supervision between real processes: who signs sees and does what is theirs, on record."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from jwcrypto.jwk import JWKSet
from jwcrypto.jws import JWS

from fixtures.world import AGENCY, World
from gateway.audit.store.reader import LogReader
from gateway.audit.verify import verify_log
from gateway.audit.verify_acts import ActSignatures
from gateway.client import Refused
from gateway.config import load_site
from gateway.crypto.digest import sha256
from gateway.keyring import epoch_cipher, log_verifier
from gateway.model.supervised import ComplaintDraft, GivenEvaluation, StepBody
from gateway.web.supervision import XLSX
from tests.integration.log_reading import (
    agency,
    another,
    auditor,
    get,
    plain,
    recorded_in,
    records,
)
from tests.integration.overseeing import (
    ASSIGN,
    OTHER,
    REPLY,
    ROOM,
    SATISFIED,
    ask,
    complain,
    complaint,
    correct,
    department,
    overseen_world,
    post,
    read,
    register,
)
from tests.integration.test_supervision import MATERIAL, command, look_up
from tests.integration.wire import send, sign


@pytest.fixture(scope="module")
def own(short_folder: Path) -> Iterator[World]:
    with overseen_world(short_folder / "overseen") as world:
        yield world


def test_clause_8_1_3_a_complaint_goes_from_the_agency_over_the_auditor_to_the_call_back(
    own: World,
) -> None:
    case, supervisor = "YQ-2026-9101", auditor(own, "supervisor")
    register(own, case)
    look_up(own, case)
    body = complaint(case)
    opened = post(own, "/complaints", agency(own), body)
    matter = opened.document["matter"]
    assert (matter["state"], matter["draft"]["by"]) == ("open", AGENCY)
    act = recorded_in(own, opened)
    assert (act.action, act.actor, act.subject) == ("matter_open", AGENCY, matter["id"])
    assert act.holder is not None
    cipher = epoch_cipher(load_site(own.site), act.holder.epoch)
    assert cipher.reveal_holder(act.holder, act.id) == own.citizens[0].id_number

    again = post(own, "/complaints", agency(own), body)
    assert again.document["matter"] == matter

    where = f"/complaints/{matter['id']}"
    seen = read(own, where, auditor(own))
    replay = seen.document["matter"]["draft"]["replay"]
    assert (replay["available"], replay["cause"]) == (True, "window_did_not_use_data")
    assert [each["served_from"] for each in replay["accesses"]] == ["source"]
    act = recorded_in(own, seen)
    assert (act.action, act.actor, act.subject) == ("supervision_read", "auditor-a", where[1:])

    for signer, step, state in (
        (supervisor, ASSIGN, "assigned"),
        (agency(own), REPLY, "answered"),
        (agency(own), SATISFIED, "closed"),
    ):
        taken = post(own, f"{where}/steps", signer, step)
        assert (taken.status, taken.document["matter"]["state"]) == (200, state)
        act = recorded_in(own, taken)
        said = {"step": step["step"], "state": state}
        assert (act.action, act.subject) == ("matter_step", matter["id"])
        assert msgspec.json.decode(act.query or "") == said
    late = post(own, f"{where}/steps", agency(own), SATISFIED)
    assert (late.status, late.document["code"]) == (409, "MATTER_STEP_REFUSED")
    assert recorded_in(own, late).code == "MATTER_STEP_REFUSED"


def test_clause_8_2_a_case_is_evaluated_once_and_no_answer_tells_by_whom(own: World) -> None:
    case, me = "YQ-2026-9201", own.citizens[0].id_number
    register(own, case)
    body = {"case": case, "level": 1, "words": "跑了两次", "evaluator": {"scheme": "cn-id"}}
    stranger = body | {"evaluator": {"scheme": "cn-id", "number": own.citizens[1].id_number}}
    refused = post(own, "/evaluations", agency(own), stranger)
    assert refused.document["code"] == "CASE_HOLDER_MISMATCH"
    given = body | {"evaluator": {"scheme": "cn-id", "number": me}}
    kept = post(own, "/evaluations", agency(own), given)
    assert (kept.status, kept.document["evaluation"]["level"]) == (200, 1)
    act = recorded_in(own, kept)
    assert (act.action, act.subject, act.holder) == ("evaluation_give", None, None)
    twice = post(own, "/evaluations", agency(own), given)
    assert (twice.status, twice.document["code"]) == (409, "EVALUATION_TWICE")

    mine = read(own, "/evaluations", agency(own))
    [total] = mine.document["totals"]
    assert (total["agency"], total["counts"]) == (AGENCY, [1, 0, 0, 0, 0])
    all_of_them = read(own, "/evaluations", auditor(own))
    assert all_of_them.document["totals"] == [total]
    assert read(own, "/evaluations", another(own, OTHER)).document["totals"] == []
    tickets = read(own, "/tickets", agency(own))
    [ticket] = tickets.document["matters"]
    assert ticket["draft"]["words"] == "跑了两次"
    one = read(own, f"/tickets/{ticket['id']}", agency(own))
    for answer in (kept, mine, all_of_them, tickets, one):
        text = answer.body.decode()
        assert not any(secret in text for secret in (me, case, own.citizens[0].name, "evaluator"))


def test_an_evaluation_and_a_complaint_belong_to_a_case_of_ones_own(own: World) -> None:
    register(own, "YQ-2026-9202")
    other = another(own, OTHER)
    for target, body in (
        ("/complaints", complaint("YQ-2026-9202")),
        ("/evaluations", {"case": "YQ-2026-9202", "level": 5}),
    ):
        assert post(own, target, other, body).document["code"] == "CASE_ABSENT"


def test_a_text_with_an_identity_number_is_not_kept(own: World) -> None:
    register(own, "YQ-2026-9203")
    words = f"当事人 {own.citizens[0].id_number}"
    for target, body in (
        ("/complaints", complaint("YQ-2026-9203", words=words)),
        ("/evaluations", {"case": "YQ-2026-9203", "level": 2, "words": words}),
    ):
        answer = post(own, target, agency(own), body)
        assert (answer.status, answer.document["code"]) == (422, "MATTER_PERSONAL")
        assert own.citizens[0].id_number not in answer.raw.decode()


def test_clause_8_3_3_a_department_answers_the_correction_of_its_data_and_the_agency_is_told(
    own: World,
) -> None:
    mine = correct(own, "YQ-2026-9302")
    others = correct(own, "YQ-2026-9303", "housing_fund.account")
    seen = read(own, "/corrections", department(own)).document["matters"]
    assert [matter["id"] for matter in seen] == [mine]
    reply = {"step": "reply", "words": "已更正", "answer": "corrected"}
    refused = post(own, f"/corrections/{others}/steps", department(own), reply)
    assert refused.document["code"] == "MATTER_ABSENT"
    answered = post(own, f"/corrections/{mine}/steps", department(own), reply)
    assert answered.document["matter"]["state"] == "answered"
    events = send(own, get(own, "/v1/events?after=0", agency(own))).document["events"]
    what = [each["what"] for each in events if each["what"]["kind"] == "correction.answered"]
    assert what == [
        {
            "kind": "correction.answered",
            "correction": mine,
            "certificate": "public_security.identity",
            "answer": "corrected",
            "case": "YQ-2026-9302",
        }
    ]
    improved = {"step": "verify", "result": "improved"}
    closed = post(own, f"/corrections/{mine}/steps", agency(own), improved)
    assert closed.document["matter"]["state"] == "closed"


def test_a_list_is_read_in_pages_by_number(own: World) -> None:
    ids = [complain(own, f"YQ-2026-930{n}")["id"] for n in (4, 5)]
    listed = read(own, f"/complaints?after={ids[0]}", agency(own)).document
    assert ids[1] in [matter["id"] for matter in listed["matters"]]
    assert ids[0] not in [matter["id"] for matter in listed["matters"]]
    assert all("replay" not in matter["draft"] for matter in listed["matters"])
    closed = read(own, f"/complaints?after={ids[0]}&state=closed", agency(own)).document
    assert closed["matters"] == []


def test_clause_8_3_1_a_measure_is_judged_by_the_log_and_not_by_what_anybody_says(
    own: World,
) -> None:
    look_up(own, "YQ-2026-9311")
    supervisor = auditor(own, "supervisor")
    body = {
        "agency": AGENCY,
        "department": "public_security",
        "metric": "availability",
        "source": "audit",
        "words": "增加连接数",
    }
    assert post(own, "/measures", auditor(own), body).document["code"] == "SUPERVISION_REFUSED"
    opened = post(own, "/measures", supervisor, body).document["matter"]
    assert opened["draft"]["before"] == 1.0
    steps = f"/measures/{opened['id']}/steps"
    post(own, steps, supervisor, ASSIGN)
    post(own, steps, agency(own), {"step": "reply", "words": "已增加"})
    stated = post(own, steps, supervisor, {"step": "verify", "result": "improved"})
    assert stated.document["code"] == "MATTER_STEP_REFUSED"
    verified = post(own, steps, supervisor, {"step": "verify", "days": 14}).document["matter"]
    assert (verified["state"], verified["steps"][-1]["draft"]["after"]) == ("assigned", 1.0)


def test_clause_8_3_2_the_frozen_report_is_read_by_auditors_and_its_signature_holds(
    own: World,
) -> None:
    last_month = datetime.now(UTC).replace(day=1) - timedelta(days=2)
    target = f"/kpi/{last_month:%Y-%m}"
    reports = own.site / "var" / "reports"
    reports.mkdir()
    (reports / f"kpi-{last_month:%Y-%m}.xlsx").write_bytes(b"of a making that was killed")
    for form in ("application/jose+json", XLSX):
        absent = read(own, target, auditor(own), Accept=form)
        assert absent.document["code"] == "REPORT_ABSENT"
    asked = ("kpi", "report", "--month", f"{last_month:%Y-%m}", *own.auditing())
    command(own, *asked)
    assert command(own, *asked, code=1)["error"]["code"] == "REPORT_EXISTS"
    answer = read(own, target, auditor(own))
    assert answer.fields["content-type"] == "application/jose+json"
    keys = JWKSet.from_json(plain(own, "/.well-known/jwks.json").body.decode())
    envelope = JWS()
    envelope.deserialize(answer.body.decode())
    envelope.verify(keys.get_key(envelope.jose_header["kid"]), alg="ES256")
    report = msgspec.json.decode(envelope.payload)
    workbook = read(own, target, auditor(own), Accept=XLSX)
    assert workbook.fields["content-type"] == XLSX
    assert sha256(workbook.body).hex() == report["xlsx_sha256"]
    for signer in (agency(own), department(own), auditor(own, "keeper")):
        assert read(own, target, signer).document["code"] == "SUPERVISION_REFUSED"


async def test_the_client_reads_and_changes_what_is_its_own(own: World) -> None:
    case = "YQ-2026-9601"
    register(own, case)
    async with own.client() as client:
        shown = await client.case(case)
        assert shown.answer.case.state == "open"
        assert (await client.certificates()).answer.agency == AGENCY
        request = own.request(own.citizens[0].id_number, attribution__case=case)
        receipt = (await client.lookup(request)).receipt
        assert (await client.record(receipt.index)).answer.index == receipt.index
        draft = ComplaintDraft(case, MATERIAL, "窗口要求提交复印件", datetime.now(UTC))
        opened = (await client.open_matter(draft)).answer.matter
        assert (await client.open_matter(draft)).answer.matter == opened
        assert (await client.matter("complaint", opened.id)).answer.matter == opened
        page = (await client.matters("complaint", state="open")).answer
        assert opened.id in [matter.id for matter in page.matters]
        with pytest.raises(Refused) as refused:
            await client.step("complaint", opened.id, StepBody("assign", owner="3号窗口"))
        assert refused.value.code == "SUPERVISION_REFUSED"
        kept = (await client.evaluate(GivenEvaluation(case, 5))).answer.evaluation
        assert kept.level == 5
        assert (await client.evaluations()).answer.totals[0].agency == AGENCY
        events = (await client.events(0)).answer.events
        assert events
        assert (await client.close_case(case)).answer.case.state == "closed"
        with pytest.raises(Refused) as absent:
            await client.monthly_report("2026-01")
        assert absent.value.is_signed


def test_every_request_is_recorded_once_and_the_log_verifies(own: World) -> None:
    register(own, "YQ-2026-9401")
    before = len(records(own))
    draft = sign(own, msgspec.json.encode(complaint("YQ-2026-9401")), target=f"{ROOM}/complaints")
    answers = [ask(own, draft), ask(own, draft), read(own, "/measures", department(own))]
    assert [answer.status for answer in answers] == [200, 401, 403]
    assert [answer.document.get("code") for answer in answers[1:]] == [
        "NONCE_REPLAYED",
        "SUPERVISION_REFUSED",
    ]
    assert len(records(own)) == before + len(answers)
    site = load_site(own.site)
    signatures = ActSignatures(site.auditors, site.agencies, site.departments)
    with closing(LogReader.open(own.site / "var/audit")) as reader:
        verify_log(reader, log_verifier(site), check_act=signatures.check)
    assert signatures.count


def test_nobody_can_be_read_from_state_or_logs(own: World) -> None:
    complain(own, "YQ-2026-9402")
    people = own.citizens[:2]
    for folder in (own.site / "var", own.logs):
        for file in (each for each in folder.rglob("*") if each.is_file()):
            content = file.read_bytes()
            assert not any(p.id_number.encode() in content for p in people), file.name
            assert not any(p.name.encode() in content for p in people), file.name


def test_without_the_index_a_complaint_is_refused_and_nothing_is_said_to_be_missing(
    own: World,
) -> None:
    register(own, "YQ-2026-9501")
    folder = own.site / "var/index"
    os.kill(own.pids()["indexer"], signal.SIGSTOP)
    aside = folder.rename(folder.with_name("aside"))
    try:
        answer = post(own, "/complaints", agency(own), complaint("YQ-2026-9501"))
        assert (answer.status, answer.document["code"]) == (503, "INDEX_UNAVAILABLE")
    finally:
        aside.rename(folder)
        os.kill(own.pids()["indexer"], signal.SIGCONT)
    until = time.monotonic() + 30
    while True:
        answer = post(own, "/complaints", agency(own), complaint("YQ-2026-9501"))
        if answer.status == 200 or time.monotonic() > until:
            break
    assert answer.status == 200, answer.body
