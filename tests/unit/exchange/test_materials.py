# SPDX-License-Identifier: Apache-2.0
"""All materials of a case in one call: planned, asked for at once, recorded, told as they are."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.crypto.digest import sha256
from gateway.errors import AdapterRefused, AdapterUnavailable, AuditError
from gateway.model.answer import NotFound
from gateway.sdk import Deadline
from tests.unit.exchange.planning import (
    CERTIFICATES,
    COMMITMENT,
    ITEM,
    MOST_AT_ONCE,
    PROMISE,
    Counter,
    body_of,
)
from tests.unit.exchange.rooms import AGENCY, NUMBER
from tests.unit.office.drafts import CASE, SPOUSE


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[Counter]:
    opened = Counter(tmp_path / "office")
    yield opened
    opened.store.close()


def named(said: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for each in said["materials"] if each["material"] == name)


async def test_clause_3_1_all_that_departments_hold_is_had_by_one_call(counter: Counter) -> None:
    await counter.register_family()
    reply, said = await counter.ask()
    assert reply.status == 200
    assert [(each["material"], each["role"], each["outcome"]) for each in said["materials"]] == [
        ("身份证", "applicant", "shared"),
        ("缴存证明", "applicant", "verified"),
        ("结婚证", "applicant", "shared"),
        ("产权证", "applicant", "shared"),
        ("学历", "applicant", "shared"),
        ("配偶身份证", "spouse", "shared"),
        ("出生证明", "child", "shared"),
        ("出生证明", "child", "shared"),
        ("发票", "applicant", "deferrable"),
        ("照片", "applicant", "applicant_must_supply"),
    ]
    first = said["materials"][0]
    assert first["answer"]["fields"] == {"name": "测试甲"}
    assert (first["holder"], first["source"]) == ("140*************17", "a")
    assert first["answer"]["grant"] == "g-a.identity@3"
    assert counter.departments.most_at_once == 8
    assert not counter.faults


async def test_clause_4_2_a_situation_decides_which_materials_are_needed(counter: Counter) -> None:
    await counter.register()
    names = set(await counter.outcomes(situation="single"))
    assert "未婚声明" in names
    assert not names & {"结婚证", "配偶身份证"}


@pytest.mark.parametrize("situation", [None, "widowed"])
async def test_an_item_with_situations_needs_one(counter: Counter, situation: str | None) -> None:
    await counter.register(situation=None)
    reply, said = await counter.ask(situation=situation)
    assert (reply.status, said["code"]) == (422, "SITUATION_UNKNOWN")
    assert said["detail"] == "item yq-gjj-001 has married, single"
    [act] = counter.log.acts
    assert (act.action, act.code) == ("case_materials", "SITUATION_UNKNOWN")
    assert not counter.departments.queries


async def test_each_material_has_an_entry_and_the_whole_has_an_act(counter: Counter) -> None:
    await counter.register_family()
    reply, said = await counter.ask()
    [act], entries = counter.log.acts, counter.log.entries
    assert len(counter.log.lines) == len(entries) + 1 == 9
    assert reply.index == len(entries)  # the act comes last
    asked = [each for each in said["materials"] if "index" in each]
    assert sorted(each["index"] for each in asked) == list(range(8))
    for each in asked:
        entry = entries[each["index"]]
        assert (entry.plan, entry.id) == (said["request_id"], each["answer"]["request_id"])
        assert entry.certificate == each["certificate"]
    assert (act.id, act.subject, act.outcome) == (said["request_id"], CASE, "done")
    told = msgspec.json.decode(act.query or "")
    assert told == {
        "item": "yq-gjj-001",
        "materials": [[each.get("index"), each["outcome"]] for each in said["materials"]],
        "operator": "yq-0417",
        "response": sha256(reply.body).hex(),
        "situation": "married",
    }
    for text in (NUMBER, SPOUSE.number, "测试甲"):
        assert text.encode() not in b"".join(counter.log.lines)


async def test_an_entry_holds_the_digest_of_its_own_part_of_the_answer(counter: Counter) -> None:
    await counter.register_family()
    reply, _ = await counter.ask()

    class Part(msgspec.Struct):
        index: int | None = None
        answer: msgspec.Raw = msgspec.Raw()

    class Whole(msgspec.Struct):
        materials: list[Part]

    parts = [
        p for p in msgspec.json.decode(reply.body, type=Whole).materials if p.index is not None
    ]
    assert len(parts) == 8
    for part in parts:
        assert part.index is not None
        entry = counter.log.entries[part.index]
        assert entry.response.digest == sha256(bytes(part.answer)).hex()


async def test_the_nonce_is_decided_once_and_only_caps_are_claimed_besides(
    counter: Counter,
) -> None:
    await counter.register_family()
    await counter.ask()
    nonce = f"{1:024}"
    assert counter.log.claims[0].nonce == nonce
    assert counter.log.claims[0].quota is None
    rest = counter.log.claims[1:]
    assert sorted(claim.nonce for claim in rest) == [f"{nonce}.0", f"{nonce}.5"]
    assert {claim.quota.grant for claim in rest if claim.quota} == {"g-a.identity"}


async def test_a_request_that_comes_again_asks_nobody(counter: Counter) -> None:
    await counter.register_family()
    body = body_of()
    caller = counter.caller(body)
    assert (await counter.send(caller, body)).status == 200
    asked = len(counter.departments.queries)
    again = await counter.send(caller, body)
    assert (again.status, again.outcome) == (401, "NONCE_REPLAYED")
    assert len(counter.departments.queries) == asked
    assert counter.log.acts[-1].code == "NONCE_REPLAYED"


async def test_a_cap_that_is_used_up_is_one_materials_outcome(counter: Counter) -> None:
    await counter.register_family()
    counter.log.refused["g-a.identity"] = "over_quota"
    _, said = await counter.ask()
    assert named(said, "身份证")["outcome"] == "unavailable"
    assert named(said, "身份证")["code"] == "QUOTA_EXCEEDED"
    assert named(said, "结婚证")["outcome"] == "shared"


async def test_clause_7_4_not_found_and_unavailable_are_never_each_other(
    counter: Counter,
) -> None:
    await counter.register_family()
    counter.departments.answers = {
        "a.identity": NotFound(),
        "c.degree": AdapterUnavailable(),
        "c.birth": AdapterRefused(),
    }
    _, said = await counter.ask()
    assert named(said, "身份证")["outcome"] == "not_found"
    assert "code" not in named(said, "身份证")
    assert named(said, "身份证")["answer"]["outcome"] == "not_found"
    assert named(said, "学历")["outcome"] == named(said, "出生证明")["outcome"] == "unavailable"
    assert named(said, "学历")["code"] == "PROVIDER_UNAVAILABLE"
    assert named(said, "学历")["answer"]["code"] == "PROVIDER_UNAVAILABLE"
    assert "不代表无此记录" in named(said, "学历")["todo"]["zh"]


async def test_clause_7_4_what_is_away_is_deferred_with_a_due_date_where_that_is_allowed(
    counter: Counter,
) -> None:
    await counter.register_family()
    counter.departments.answers = {"b.marriage": AdapterUnavailable()}
    marriage = named((await counter.ask())[1], "结婚证")
    assert (marriage["outcome"], marriage["code"]) == ("deferrable", "PROVIDER_UNAVAILABLE")
    # Opened on Sunday 2026-11-22: day 2 is Tuesday.
    assert marriage["deferral"] == {
        "due_on": "2026-11-24",
        "due_working_days": 2,
        "promise": PROMISE,
    }
    assert marriage["commitment"]["text"] == COMMITMENT.text  # and the applicant may choose
    assert "2026-11-24" in marriage["todo"]["zh"]


async def test_clause_7_4_what_may_not_be_deferred_may_be_promised(counter: Counter) -> None:
    await counter.register_family()
    counter.departments.answers = {"b.title": AdapterUnavailable()}
    title = named((await counter.ask())[1], "产权证")
    assert title["outcome"] == "promisable"
    assert title["commitment"]["exclusions"] == ["有不良信用记录的申请人"]
    assert "deferral" not in title


async def test_clause_7_4_a_mismatch_refuses_nobody_and_offers_a_correction(
    counter: Counter,
) -> None:
    await counter.register_family()
    _, said = await counter.ask(claims={"缴存证明": {"name": "测试乙"}})
    account = named(said, "缴存证明")
    assert (account["outcome"], account["correction"]) == ("mismatch", True)
    assert account["answer"]["results"] == {"name": "mismatch"}
    assert "不得据此不予受理" in account["todo"]["zh"]


async def test_clause_4_11_one_off_notice_tells_everything_that_is_missing_at_once(
    counter: Counter,
) -> None:
    await counter.register_family()
    counter.departments.answers = {
        "a.identity": NotFound(),
        "c.degree": NotFound(),
        "b.marriage": AdapterUnavailable(),
    }
    notice = (await counter.ask())[1]["notice"]
    assert [line["material"] for line in notice["missing"]] == [
        *("身份证", "结婚证", "配偶身份证", "发票", "照片"),
        "学历",  # not required, so it comes last
    ]
    assert (notice["complete"], notice["issued_on"]) == (False, "2026-11-22")
    assert notice["missing"][1]["due_on"] == "2026-11-24"
    lines = notice["text"]["zh"].splitlines()
    assert lines[:4] == [
        "一次性告知单",
        "事项：提取（yq-gjj-001）",
        f"办件：{CASE}",
        "日期：2026-11-22",
    ]
    assert lines[4] == "1. 身份证（申请人，必要）：部门答复无此记录，请提供《身份证》。"
    assert len(lines) == 10
    assert len(notice["text"]["en"].splitlines()) == 10


async def test_a_notice_is_complete_when_only_optional_materials_are_missing(
    tmp_path: Path,
) -> None:
    two = tuple(each for each in ITEM.materials if each.name in {"身份证", "学历"})
    item = msgspec.structs.replace(ITEM, situations=(), materials=two)
    counter = Counter(tmp_path / "office", item=item)
    await counter.register(situation=None)
    counter.departments.answers = {"c.degree": NotFound()}
    notice = (await counter.ask())[1]["notice"]
    assert notice["complete"]
    assert "必要材料已齐全" in notice["text"]["zh"]
    assert len(notice["missing"]) == 1
    counter.store.close()


async def test_what_the_case_does_not_say_cannot_be_asked(counter: Counter) -> None:
    await counter.register()
    _, said = await counter.ask(claims={})
    spouse, account = named(said, "配偶身份证"), named(said, "缴存证明")
    assert (spouse["outcome"], spouse["code"]) == ("applicant_must_supply", "HOLDER_NOT_IN_CASE")
    assert "补充登记" in spouse["todo"]["zh"]
    assert (account["outcome"], account["code"]) == ("applicant_must_supply", "CLAIMS_MISSING")
    assert "index" not in spouse


async def test_what_is_not_granted_is_the_applicants_and_on_record(tmp_path: Path) -> None:
    counter = Counter(tmp_path / "office", granted=CERTIFICATES[:-2])
    await counter.register_family()
    _, said = await counter.ask()
    degree = named(said, "学历")
    assert (degree["outcome"], degree["code"]) == ("applicant_must_supply", "NOT_GRANTED")
    assert counter.log.entries[degree["index"]].decision.result == "deny"
    counter.store.close()


async def test_what_nobody_answers_for_here_is_its_own_materials_outcome(tmp_path: Path) -> None:
    strange = msgspec.structs.replace(ITEM.materials[0], name="另一证", certificate="z.strange")
    item = msgspec.structs.replace(ITEM, materials=(*ITEM.materials, strange))
    counter = Counter(tmp_path / "office", item=item)
    await counter.register_family()
    said = named((await counter.ask())[1], "另一证")
    assert (said["outcome"], said["code"]) == ("applicant_must_supply", "CERTIFICATE_UNKNOWN")
    assert "source" not in said
    counter.store.close()


async def test_what_was_had_in_this_case_is_not_asked_again_and_recorded_anew(
    counter: Counter,
) -> None:
    await counter.register_family()
    await counter.ask()
    asked, written = len(counter.departments.queries), len(counter.log.lines)
    _, said = await counter.ask()
    assert len(counter.departments.queries) == asked
    assert len(counter.log.lines) == 2 * written
    assert {each["answer"]["served_from"] for each in said["materials"] if "answer" in each} == {
        "cache"
    }


async def test_no_words_of_a_plan_answer_for_a_lookup(counter: Counter) -> None:
    """All materials of a call share one body; what one came to is nobody else's."""
    await counter.register_family()
    await counter.ask()
    assert len(counter.lookup.known) == 0


async def test_one_department_that_hangs_costs_its_own_material_only(counter: Counter) -> None:
    await counter.register_family()
    counter.departments.hanging = {"b.title"}
    counter.deadline_s = 2.0
    outcomes = await counter.outcomes()
    assert outcomes.pop("产权证") == "promisable"
    assert outcomes["结婚证"] == outcomes["身份证"] == "shared"


@pytest.mark.parametrize("fails_at", range(9))
async def test_nothing_leaves_before_every_record_is_durable(
    counter: Counter, fails_at: int
) -> None:
    await counter.register_family()
    counter.log.fails_at = fails_at
    with pytest.raises(AuditError):
        await counter.ask()


async def test_a_log_that_began_anew_between_entries_and_act_gets_no_answer_out(
    counter: Counter,
) -> None:
    await counter.register_family()

    def begin_anew() -> None:
        if len(counter.log.lines) == 8:
            counter.log.generation = 2

    counter.log.on_append = begin_anew
    with pytest.raises(AuditError):
        await counter.ask()
    assert not counter.log.acts


async def test_what_a_cancelled_call_asked_is_on_record_all_the_same(counter: Counter) -> None:
    await counter.register_family()
    counter.departments.hanging, counter.deadline_s = set(CERTIFICATES), 2.0
    recorded = asyncio.Event()

    def look() -> None:
        if len(counter.log.lines) == MOST_AT_ONCE - 1:  # this is the last
            recorded.set()

    counter.log.on_append = look
    call = asyncio.create_task(counter.ask())
    async with asyncio.timeout(60):
        await counter.departments.all_asked.wait()
        call.cancel()
        await asyncio.wait({call})
        await recorded.wait()
    assert call.cancelled()
    assert not counter.log.acts


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"attribution__case": "YQ-nobody-knows"}, "CASE_UNKNOWN"),
        ({"attribution__item": "yq-gjj-002"}, "CASE_ITEM_MISMATCH"),
        ({"attribution__purpose": f"为{SPOUSE.number}提取"}, "ATTRIBUTION_PERSONAL"),
        ({"holders": []}, "BODY_MALFORMED"),
    ],
)
async def test_what_is_no_plan_is_refused_on_record_and_nobody_is_asked(
    counter: Counter, changes: dict[str, Any], code: str
) -> None:
    await counter.register_family()
    reply, said = await counter.ask(**changes)
    assert said["code"] == code
    assert reply.index == 0
    [act] = counter.log.acts
    assert (act.actor, act.code, act.query) == (AGENCY.id, code, None)
    assert not counter.departments.queries


async def test_a_closed_case_has_no_materials(counter: Counter) -> None:
    await counter.register_family()
    await counter.book.close_case(AGENCY.id, CASE, "2026-11-22T09:00:00Z", Deadline.after(5))
    assert (await counter.ask())[1]["code"] == "CASE_CLOSED"


async def test_an_operator_of_nobody_is_refused_for_each_material(counter: Counter) -> None:
    await counter.register_family()
    operator = {"id": "yq-9999", "name": "无此经办人"}
    _, said = await counter.ask(attribution__operator=operator)
    assert {each["code"] for each in said["materials"] if "index" in each} == {"OPERATOR_UNKNOWN"}
    assert not counter.departments.queries
