# SPDX-License-Identifier: Apache-2.0
"""Each rule of monitoring: what it finds, since when, how badly, and what it leaves alone."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta, timezone
from typing import Any

import msgspec
import pytest

from gateway.calendars import load_working_days
from gateway.errors import SetupError
from gateway.model.case import CaseRecord, CaseResult
from gateway.model.commitment import Committed
from gateway.model.deferral import ClosedReason, DeferralRecord
from gateway.model.finding import (
    DEFAULT_LEVELS,
    RULE_TITLES,
    Level,
    MonitorSection,
    RuleLevels,
    Suspicion,
)
from gateway.model.item import ServiceItem, Situation
from gateway.model.material import Material
from gateway.model.seen import SeenAccess
from gateway.supervision.monitor import CaseFile, Watch
from tests.unit.office.drafts import commitment
from tests.unit.supervision.seeing import CERTIFICATE, closed, matter, record, seen, unanswered

#: A Thursday. Its week begins on Monday, the 23rd.
TODAY = date(2026, 11, 26)
ITEM = ServiceItem(
    code="yq-gjj-001",
    name="提取",
    certificate_name="居民身份证",
    item_type="公共服务",
    department="公积金中心",
    time_limit="2个工作日",
    materials=(
        Material("身份证", CERTIFICATE, fields=("name",)),
        Material("学历", "education.degree", fields=("name",), necessity="optional"),
        Material("配偶身份证", "b.identity", fields=("name",), holder="spouse"),
        Material("结婚证", "b.marriage", fields=("name",)),
        Material("照片"),
    ),
    situations=(Situation("married", "已婚", ("结婚证",)),),
)
DAYS = load_working_days(None)


def watch(today: date = TODAY, **changes: Any) -> Watch:
    section = msgspec.structs.replace(MonitorSection(), **changes)
    return Watch(section, days=DAYS, zone=timezone(timedelta(hours=8)), today=today)


def of_case(
    case: CaseRecord,
    accesses: Sequence[SeenAccess] = (),
    commitments: Sequence[Committed] = (),
    *,
    item: ServiceItem | None = ITEM,
    today: date = TODAY,
) -> list[Suspicion]:
    return list(watch(today).watch_case(CaseFile(case, item, accesses, commitments)))


def told(suspicions: Iterable[Suspicion]) -> list[tuple[str, str, date, Level]]:
    return [(each.rule, each.subject, each.since, each.level) for each in suspicions]


def test_clause_8_1_1_a_case_that_a_lookup_opened_has_to_be_registered() -> None:
    case = record(state="provisional", version=0, opened_at=None)
    due_on = date(2026, 11, 24)
    assert of_case(case, today=due_on) == []
    assert told(of_case(case)) == [("opened_unregistered", "", due_on, "notice")]


def test_clause_8_1_1_an_open_case_for_which_nothing_is_asked_has_a_step_overdue() -> None:
    assert told(of_case(record())) == [
        ("step_overdue", "", date(2026, 11, 25), "notice"),
        ("limit_overdue", "", date(2026, 11, 25), "notice"),
    ]
    assert [each.rule for each in of_case(record(), [seen()])] == ["limit_overdue"]
    nothing_to_ask = msgspec.structs.replace(ITEM, materials=(Material("照片"),), situations=())
    assert [each.rule for each in of_case(record(), item=nothing_to_ask)] == ["limit_overdue"]


def test_clause_8_1_1_a_case_is_open_beyond_its_limit_from_the_day_behind_it() -> None:
    assert of_case(record(), [seen()], today=date(2026, 11, 25)) == []
    by_schedule = msgspec.structs.replace(ITEM, time_limit="按招生日程")
    assert of_case(record(), [seen()], item=by_schedule) == []


@pytest.mark.parametrize(
    ("late", "level"),
    [(1, "notice"), (2, "notice"), (3, "yellow"), (9, "yellow"), (10, "red"), (18, "red")],
)
def test_clause_8_1_1_the_longer_it_lasts_the_higher_the_level(late: int, level: Level) -> None:
    today = DAYS.add_working_days(date(2026, 11, 25), late)
    found = {each.rule: each.level for each in of_case(record(), today=today)}
    assert found["step_overdue"] == level


def test_clause_8_1_1_a_case_that_was_closed_with_a_material_missing_was_accepted_incomplete() -> (
    None
):
    assert told(of_case(closed(), [unanswered()])) == [
        ("accepted_incomplete", "身份证", date(2026, 11, 24), "notice")
    ]
    assert of_case(closed(), [unanswered(), seen()]) == []
    assert of_case(closed()) == []  # nobody asked: it may have been handed in on paper
    promised = Committed(draft=commitment(material="身份证"), kept_at="")
    assert of_case(closed(), [unanswered()], [promised]) == []
    false = msgspec.structs.replace(promised, result="false")
    assert len(of_case(closed(), [unanswered()], [false])) == 1


def test_only_materials_of_the_cases_own_situation_and_people_count() -> None:
    asked = [
        unanswered(certificate=name) for name in ("education.degree", "b.identity", "b.marriage")
    ]
    assert of_case(closed(), asked) == []
    assert [each.subject for each in of_case(closed(situation="married"), asked)] == ["结婚证"]


@pytest.mark.parametrize(
    ("result", "reason", "rules"),
    [
        ("refused", " ", ["refusal_unreasoned"]),
        ("refused", "不符合条件", []),
        ("withdrawn", "", []),
        ("done", "", []),
        (None, "", []),
    ],
)
def test_clause_8_1_1_a_refusal_needs_a_reason(
    result: CaseResult | None, reason: str, rules: list[str]
) -> None:
    assert [each.rule for each in of_case(closed(result=result, reason=reason))] == rules


def test_clause_8_1_1_a_commitment_that_is_not_checked_in_time_is_found() -> None:
    known = Committed(draft=commitment(), kept_at="", check_due_on=date(2026, 11, 25))
    [found] = watch().watch_commitment(known)
    assert (found.rule, found.case, found.subject) == (
        "check_overdue",
        "YQ20261122-0001",
        "产权证",
    )
    checked = msgspec.structs.replace(known, result="true")
    assert list(watch().watch_commitment(checked)) == []


def deferral(**changes: Any) -> DeferralRecord:
    opened = DeferralRecord(
        id="0" * 32,
        agency="yq-gjj",
        case="YQ20261122-0001",
        item=ITEM.code,
        material="结婚证",
        state="overdue",
        act="1" * 32,
        promise="2" * 64,
        promised_by="applicant",
        accepted_on=date(2026, 11, 20),
        due_on=date(2026, 11, 25),
        opened_at="2026-11-20T01:00:00Z",
    )
    return msgspec.structs.replace(opened, **changes)


def test_clause_8_1_1_a_material_that_was_to_come_later_and_did_not_is_found() -> None:
    found = list(watch().watch_deferral(deferral()))
    assert told(found) == [("deferral_overdue", "结婚证", date(2026, 11, 25), "notice")]
    assert list(watch().watch_deferral(deferral(due_on=TODAY, state="open"))) == []
    assert list(watch().watch_deferral(deferral(state="closed", reason="obtained"))) == []


@pytest.mark.parametrize(("reason", "found"), [(None, 0), ("supplied", 0), ("withdrawn", 1)])
def test_clause_8_1_1_what_comes_later_is_not_missing(
    reason: ClosedReason | None, found: int
) -> None:
    file = CaseFile(
        closed(result="done", situation="married"),
        ITEM,
        [unanswered(certificate="b.marriage")],
        (),
        [deferral(reason=reason, state="open" if reason is None else "closed")],
    )
    assert len(list(watch().watch_case(file))) == found


def test_clause_8_1_1_a_demand_that_no_list_names_is_found() -> None:
    about = {"case": "YQ20261122-0001", "item": ITEM.code, "demanded_at": "2026-11-25T20:00:00Z"}
    [found] = watch().watch_matter(matter(material="户口簿原件", **about), ITEM)
    assert told([found]) == [("demand_outside_list", "户口簿原件", date(2026, 11, 26), "yellow")]
    assert list(watch().watch_matter(matter(material="照片", **about), ITEM)) == []


def test_clause_8_1_1_a_matter_that_is_not_answered_in_time_is_found() -> None:
    [found] = watch(date(2026, 12, 4)).watch_matter(matter(), None)
    assert told([found]) == [("matter_overdue", "C-2026-000001", date(2026, 12, 3), "notice")]


def test_levels_of_a_rule_are_configuration() -> None:
    rules = {"step_overdue": RuleLevels(watched=False), "limit_overdue": RuleLevels(first="red")}
    found = watch(rules=rules).watch_case(CaseFile(record(), ITEM, (), ()))
    assert [(each.rule, each.level) for each in found] == [("limit_overdue", "red")]


def test_what_the_calendar_cannot_count_is_not_guessed() -> None:
    with pytest.raises(SetupError):
        of_case(record(opened_at="2019-11-23T01:00:00Z"))


def test_every_rule_has_a_title_and_levels() -> None:
    assert RULE_TITLES.keys() == DEFAULT_LEVELS.keys()
