# SPDX-License-Identifier: Apache-2.0
"""An application's steps and deadlines (Order 809, articles 20 to 22), by the notice of 2026.

The National Day of 2026 is 1 to 7 October; Sunday 20 September and Saturday 10 October are worked.
"""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from gateway.calendars import load_working_days
from gateway.errors import RequestError, SetupError, Text
from gateway.granting import procedure
from gateway.granting.procedure import Hand, Overdue, Periods, list_overdue, share_of
from gateway.model.application import Application
from gateway.model.certificate import CertificateType, Field
from gateway.model.grants_section import GrantsSection
from gateway.model.share import Share, ShareType

TITLE = Text("Title", "标题")
PERIODS = Periods(GrantsSection(), load_working_days(None))
APPLICATION = Application(
    id="gjj-marriage",
    grant="gjj-marriage",
    agency="yq-gjj",
    certificate="civil_affairs.marriage",
    operations=("verify",),
    fields=("op_type",),
    items=("yq-gjj-001",),
    basis="住房公积金管理条例（演示）",
    scenario="提取审核",
    valid_from=date(2026, 1, 1),
    valid_until=date(2026, 12, 31),
)


def on(day: date, by: str = "测试乙") -> Hand:
    return Hand(by, datetime(day.year, day.month, day.day, 2, tzinfo=UTC), day)


def submitted(day: date, share: ShareType = "conditional") -> Application:
    drafted = procedure.draft(APPLICATION, on(day))
    return procedure.submit(drafted, on(day), share=share, periods=PERIODS)


def code_of(step: Any, *arguments: object, **named: object) -> str:
    with pytest.raises(RequestError) as caught:
        step(*arguments, **named)
    return caught.value.code


@pytest.mark.parametrize(
    ("day", "share", "due_on"),
    [
        (date(2026, 9, 18), "unconditional", date(2026, 9, 20)),  # Friday; the Sunday is worked
        (date(2026, 9, 30), "unconditional", date(2026, 10, 8)),  # the day before the holiday
        (date(2026, 9, 30), "conditional", date(2026, 10, 20)),  # 8 9 10 12-16 19 20 October
        (date(2026, 11, 25), "conditional", date(2026, 12, 9)),
    ],
)
def test_clause_4_1_a_reply_is_due_as_the_share_type_says(
    day: date, share: ShareType, due_on: date
) -> None:
    application = submitted(day, share)
    assert (application.state, application.due_on) == ("submitted", due_on)
    assert [change.step for change in application.changes] == ["drafted", "submitted"]


def test_figures_are_those_of_the_jurisdiction() -> None:
    local = Periods(GrantsSection(conditional_days=2, provide_days=5), load_working_days(None))
    drafted = procedure.draft(APPLICATION, on(date(2026, 11, 25)))
    asked = procedure.submit(drafted, on(date(2026, 11, 25)), share="conditional", periods=local)
    assert asked.due_on == date(2026, 11, 27)
    approved = procedure.approve(asked, on(date(2026, 11, 26)), note="", periods=local)
    assert approved.provide_by == date(2026, 12, 3)


def test_missing_papers_are_asked_for_once_and_the_period_begins_anew() -> None:
    asked = procedure.ask_supplement(
        submitted(date(2026, 11, 25)), on(date(2026, 11, 27)), missing="影响评估编号"
    )
    assert (asked.state, asked.due_on) == ("supplement", None)
    again = procedure.supplement(
        asked,
        on(date(2026, 12, 7), "测试甲"),
        given="影响评估编号",
        impact_assessment="PIA-2026-7",
        periods=PERIODS,
    )
    assert (again.state, again.due_on) == ("submitted", date(2026, 12, 21))
    assert again.impact_assessment == "PIA-2026-7"
    assert code_of(
        procedure.ask_supplement, again, on(date(2026, 12, 8)), missing="又缺材料"
    ) == "APPLICATION_STATE"  # fmt: skip


def test_a_refusal_has_reasons_and_missing_papers_are_none_before_they_were_asked_for() -> None:
    asked, hand = submitted(date(2026, 11, 25)), on(date(2026, 11, 26))
    for reasons in ("", "。", "-"):
        assert code_of(
            procedure.refuse, asked, hand, reasons=reasons, incomplete=False
        ) == "APPLICATION_MALFORMED"  # fmt: skip
    assert code_of(procedure.refuse, asked, hand, reasons="缺材料", incomplete=True) == (
        "APPLICATION_STATE"
    )
    refused = procedure.refuse(asked, hand, reasons="提取审核无须该字段", incomplete=False)
    assert (refused.state, refused.due_on) == ("refused", None)
    assert refused.changes[-1].note == "提取审核无须该字段"
    supplement = procedure.ask_supplement(asked, hand, missing="影响评估编号")
    assert procedure.refuse(supplement, hand, reasons="未补正", incomplete=True).state == "refused"


def extended(application: Application, day: date, days: int = 10) -> Application:
    return procedure.extend(
        application,
        on(day),
        days=days,
        consent="市数据局同意",
        notice="需会商，已告知",
        periods=PERIODS,
    )


def test_a_reply_is_put_off_once_before_it_is_due_and_by_ten_days_at_most() -> None:
    asked = submitted(date(2026, 9, 30))  # due on 20 October
    later = extended(asked, date(2026, 10, 20))
    assert later.due_on == date(2026, 11, 3)
    assert later.changes[-1].note == "consent 同意: 市数据局同意; notice 告知: 需会商，已告知"
    assert code_of(extended, later, date(2026, 10, 21)) == "APPLICATION_STATE"
    assert code_of(extended, asked, date(2026, 10, 21)) == "APPLICATION_STATE"
    for days in (0, 11):
        assert code_of(extended, asked, date(2026, 10, 8), days) == "APPLICATION_MALFORMED"


def test_consent_and_notice_are_written_down() -> None:
    asked = submitted(date(2026, 11, 25))
    for consent, notice in (("", "已告知对方"), ("市数据局", "")):
        with pytest.raises(RequestError, match="APPLICATION_MALFORMED"):
            procedure.extend(
                asked,
                on(date(2026, 11, 26)),
                days=5,
                consent=consent,
                notice=notice,
                periods=PERIODS,
            )


def test_after_consent_the_data_are_due_within_twenty_days_and_the_version_ends_it() -> None:
    approved = procedure.approve(
        submitted(date(2026, 11, 25)), on(date(2026, 11, 26)), note="", periods=PERIODS
    )
    assert (approved.state, approved.provide_by) == ("approved", date(2026, 12, 24))
    provided = procedure.provide(approved, on(date(2026, 12, 1)), version=3)
    assert provided.version == 3
    assert code_of(procedure.provide, provided, on(date(2026, 12, 2)), version=4) == (
        "APPLICATION_STATE"
    )


def test_a_term_that_has_ended_is_not_consented_to() -> None:
    ended = procedure.replace(submitted(date(2026, 11, 25)), valid_until=date(2026, 11, 25))
    assert code_of(
        procedure.approve, ended, on(date(2026, 11, 26)), note="", periods=PERIODS
    ) == "APPLICATION_MALFORMED"  # fmt: skip


@pytest.mark.parametrize("state", ["draft", "supplement", "approved", "refused"])
def test_only_what_is_submitted_is_approved(state: Any) -> None:
    application = procedure.replace(submitted(date(2026, 11, 25)), state=state)
    assert code_of(
        procedure.approve, application, on(date(2026, 11, 26)), note="", periods=PERIODS
    ) == "APPLICATION_STATE"  # fmt: skip


def test_overdue_are_replies_and_data_past_their_last_day_in_working_days() -> None:
    asked = submitted(date(2026, 9, 30))  # due on 20 October
    waiting = procedure.ask_supplement(asked, on(date(2026, 10, 8)), missing="影响评估编号")
    approved = procedure.approve(asked, on(date(2026, 10, 8)), note="", periods=PERIODS)
    provided = procedure.provide(approved, on(date(2026, 10, 8)), version=1)
    everything = [asked, waiting, approved, provided]

    def late(day: date) -> list[Overdue]:
        return list(list_overdue(everything, day, PERIODS))

    assert late(date(2026, 10, 20)) == []
    named = ("gjj-marriage", "yq-gjj", "civil_affairs.marriage")
    assert late(date(2026, 10, 21)) == [Overdue(*named, "reply", date(2026, 10, 20), 1)]
    assert late(date(2026, 11, 9)) == [
        Overdue(*named, "reply", date(2026, 10, 20), 14),
        Overdue(*named, "data", date(2026, 11, 4), 3),
    ]


def test_a_year_without_a_table_is_an_error_that_names_the_file() -> None:
    with pytest.raises(SetupError, match=r"calendar/2099\.toml"):
        submitted(date(2099, 1, 5))


def test_clause_4_1_what_is_not_shared_cannot_be_applied_for_and_the_law_is_named() -> None:
    shares = [Share("a.b", "none", "某法第一条（演示）"), Share("c.d", "unconditional")]
    with pytest.raises(RequestError, match=r"NOT_SHARED: a\.b: 某法第一条"):
        share_of("a.b", shares)
    assert (share_of("c.d", shares), share_of("e.f", shares)) == ("unconditional", "conditional")


@pytest.mark.parametrize("text", ["140302190001010017", "证件 140302 19000101 0017", "。"])
def test_a_text_says_something_and_nothing_about_a_citizen(text: str) -> None:
    with pytest.raises(RequestError, match="APPLICATION_MALFORMED") as caught:
        procedure.draft(procedure.replace(APPLICATION, scenario=text), on(date(2026, 11, 25)))
    assert "1403" not in str(caught.value)


def test_sensitive_fields_take_the_reference_of_an_impact_assessment() -> None:
    marriage = CertificateType(
        name="civil_affairs.marriage",
        title=TITLE,
        schemes=("cn-id",),
        fields=(Field("op_type", TITLE, sensitivity="sensitive"), Field("dept_name", TITLE)),
    )
    section, assessed = GrantsSection(), procedure.replace(APPLICATION, impact_assessment="PIA-7")
    plain = procedure.replace(APPLICATION, fields=("dept_name",))
    with pytest.raises(RequestError, match="ASSESSMENT_MISSING: sensitive: op_type"):
        procedure.check_assessed(APPLICATION, marriage, section)
    for application, known in ((assessed, marriage), (plain, marriage), (APPLICATION, None)):
        procedure.check_assessed(application, known, section)
    procedure.check_assessed(APPLICATION, marriage, GrantsSection(needs_assessment=False))
