# SPDX-License-Identifier: Apache-2.0
"""容缺受理: what may come later, by when, on whose word; each request on record."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.crypto.digest import sha256
from gateway.errors import AdapterUnavailable
from tests.unit.exchange.deferring import MATERIAL, Window, soon
from tests.unit.exchange.planning import PROMISE
from tests.unit.exchange.rooms import AGENCY, NUMBER
from tests.unit.office.drafts import CASE, SPOUSE


@pytest.fixture
def window(tmp_path: Path) -> Iterator[Window]:
    opened = Window(tmp_path / "office")
    yield opened
    opened.counter.store.close()


async def test_clause_7_4_a_deferral_is_opened_on_record_and_due_by_the_catalogues_rule(
    window: Window,
) -> None:
    await window.counter.register_family()
    reply, said = await window.open()
    assert reply.status == 200
    deferral = said["deferral"]
    # Opened on Sunday 2026-11-22 with two working days: Tuesday.
    assert (deferral["state"], deferral["accepted_on"], deferral["due_on"]) == (
        "open", "2026-11-22", "2026-11-24",
    )  # fmt: skip
    assert (deferral["case"], deferral["material"]) == (CASE, MATERIAL)
    assert deferral["retry"] == {"state": "waiting", "next_at": "2026-11-22T08:00:00Z"}
    assert [step["what"] for step in deferral["steps"]] == ["opened"]
    [act] = window.counter.log.acts
    assert (act.action, act.subject, act.outcome) == ("deferral_open", CASE, "done")
    assert act.id == deferral["act"]
    assert msgspec.json.decode(act.query or "") == {
        "accepted_on": "2026-11-22",
        "due_on": "2026-11-24",
        "item": "yq-gjj-001",
        "material": MATERIAL,
        "operator": "yq-0417",
        "order": True,
        "promise": sha256(PROMISE.encode()).hex(),
        "promised_by": "applicant",
    }
    for text in (NUMBER, SPOUSE.number, "测试甲"):
        assert text.encode() not in b"".join(window.counter.log.lines)
        assert text not in str(window.counter.store.select("SELECT * FROM deferrals"))


@pytest.mark.parametrize(
    ("material", "changes", "status", "code"),
    [
        ("产权证", {}, 409, "DEFERRAL_REFUSED"),  # the catalogue has no rule for it
        ("没有的材料", {}, 422, "MATERIAL_UNKNOWN"),
        (MATERIAL, {"situation": "single"}, 422, "MATERIAL_UNKNOWN"),
        (MATERIAL, {"promise": "0" * 64}, 409, "PROMISE_OUTDATED"),
        (MATERIAL, {"promise": "0"}, 400, "BODY_MALFORMED"),
        (MATERIAL, {"promised_by": "agent"}, 400, "BODY_MALFORMED"),
        (MATERIAL, {"accepted_on": "2026-11-23"}, 400, "BODY_MALFORMED"),
        (MATERIAL, {"accepted_on": "2026-11-21"}, 400, "BODY_MALFORMED"),
        (MATERIAL, {"attribution__case": "YQ-another"}, 400, "BODY_MALFORMED"),
        (MATERIAL, {"attribution__item": "yq-gjj-002"}, 403, "CASE_ITEM_MISMATCH"),
    ],
)
async def test_clause_7_4_what_the_catalogue_does_not_allow_is_not_deferred(
    window: Window, material: str, changes: dict[str, Any], status: int, code: str
) -> None:
    await window.counter.register_family()
    reply, said = await window.open(material, **changes)
    assert (reply.status, said["code"]) == (status, code)
    assert window.counter.log.acts[-1].code == code
    assert not window.counter.deferrals.list_all()


async def test_the_same_content_again_changes_nothing_and_another_one_is_refused(
    window: Window,
) -> None:
    await window.counter.register_family()
    first, again = (await window.open())[1]["deferral"], (await window.open())[1]["deferral"]
    assert again == first
    other, said = await window.open(promised_by="spouse")
    assert (other.status, said["code"]) == (409, "DEFERRAL_WAITING")
    assert len(window.counter.deferrals.list_all()) == 1


async def test_a_claims_name_is_recorded_with_each_try_so_it_is_nobodys_number(
    window: Window,
) -> None:
    await window.counter.register_family()
    reply, said = await window.open(claims={NUMBER: "x"})
    assert (reply.status, said["code"]) == (422, "ATTRIBUTION_PERSONAL")
    assert NUMBER.encode() not in b"".join(window.counter.log.lines)
    assert await window.do_next() is None


async def test_what_no_department_holds_is_deferred_and_nobody_asks(window: Window) -> None:
    await window.counter.register_family()
    _, said = await window.open("发票")
    assert "retry" not in said["deferral"]
    assert await window.do_next() is None


async def test_one_is_closed_by_hand_once_and_only_where_there_is_one(window: Window) -> None:
    await window.counter.register_family()
    await window.open()
    _, said = await window.close(MATERIAL, b'{"reason":"supplied"}')
    assert (said["deferral"]["state"], said["deferral"]["reason"]) == ("closed", "supplied")
    assert said["deferral"]["retry"] == {"state": "over"}
    _, again = await window.close(MATERIAL, b'{"reason":"withdrawn"}')
    assert again["deferral"] == said["deferral"]
    none, refused = await window.close("发票", b'{"reason":"supplied"}')
    assert (none.status, refused["code"]) == (404, "DEFERRAL_ABSENT")
    obtained, _ = await window.close(MATERIAL, b'{"reason":"obtained"}')
    assert obtained.status == 400  # nobody but the gateway says that


async def test_an_agency_sees_its_own_and_each_look_is_on_record(window: Window) -> None:
    await window.counter.register_family()
    await window.open()
    caller = window.caller("GET", "/", b"{}")
    reply = await window.deferrals.show(caller, "d" * 32, CASE, None, soon())
    [shown] = msgspec.json.decode(reply.body)["deferrals"]
    assert shown["material"] == MATERIAL
    assert window.counter.log.acts[-1].action == "deferral_show"
    caller = window.caller("GET", "/", b"{}")
    reply = await window.deferrals.show(caller, "e" * 32, "YQ-nobodys", None, soon())
    assert (reply.status, reply.outcome) == (404, "CASE_ABSENT")


async def test_clause_7_4_the_answer_about_materials_says_what_is_deferred_until_when(
    window: Window,
) -> None:
    counter = window.counter
    await counter.register_family()
    counter.departments.answers = {"b.marriage": AdapterUnavailable()}
    await window.open()
    _, said = await counter.ask()
    marriage = next(each for each in said["materials"] if each["material"] == MATERIAL)
    assert (marriage["outcome"], marriage["deferred"]["due_on"]) == ("deferrable", "2026-11-24")
    assert "deferral" not in marriage  # there is nothing more to agree on
    assert marriage["todo"]["zh"] == f"已容缺受理：请按承诺于2026-11-24前补交《{MATERIAL}》。"
    [line] = [each for each in said["notice"]["missing"] if each["material"] == MATERIAL]
    assert line["due_on"] == "2026-11-24"


async def test_clause_7_4_what_the_agency_gets_by_itself_is_owed_no_longer(window: Window) -> None:
    await window.counter.register_family()
    await window.open()
    _, said = await window.counter.ask()
    marriage = next(each for each in said["materials"] if each["material"] == MATERIAL)
    assert marriage["outcome"] == "shared"
    assert "deferred" not in marriage
    record = window.counter.deferrals.show(AGENCY.id, CASE, MATERIAL)
    assert record is not None
    assert (record.state, record.reason) == ("closed", "obtained")
    assert record.steps[-1].indexes == (marriage["index"],)


async def test_a_closed_case_owes_nothing(window: Window) -> None:
    await window.counter.register_family()
    await window.open()
    await window.counter.book.close_case(AGENCY.id, CASE, "2026-11-22T08:00:00Z", soon())
    record = window.counter.deferrals.show(AGENCY.id, CASE, MATERIAL)
    assert record is not None
    assert (record.state, record.reason) == ("closed", "withdrawn")


async def test_a_past_due_day_is_no_deferral(window: Window) -> None:
    await window.counter.register(("spouse", SPOUSE))
    draft_day = date(2026, 11, 2)
    window.counter.store.select("SELECT 1")
    await window.counter.store.write(
        lambda connection: connection.execute(
            "UPDATE case_versions SET opened_at = ?", (f"{draft_day}T08:00:00Z",)
        ),
        soon(),
    )
    reply, said = await window.open()
    assert (reply.status, said["code"]) == (409, "DEFERRAL_REFUSED")
    assert said["detail"] == "its last day was 2026-11-04"
