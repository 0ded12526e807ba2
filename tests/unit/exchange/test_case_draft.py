# SPDX-License-Identifier: Apache-2.0
"""What an agency writes about a case is checked whole before anything of it is kept."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from gateway.errors import RequestError
from gateway.exchange.case_draft import make_draft
from gateway.model.case import CaseDraft, CaseHolder, CaseRegistration, Role
from gateway.model.holder import Scheme
from gateway.model.lookup import HolderReference, OperatorReference
from tests.unit.office.drafts import APPLICANT, CASE, COMPANY, ITEM, MANDATE, SPOUSE
from tests.unit.policy.scene import replace

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)


def holder(number: str, role: Role = "applicant", name: str | None = None) -> CaseHolder:
    scheme: Scheme = "cn-uscc" if number.startswith("9") else "cn-id"
    return CaseHolder(role, HolderReference(scheme, number, name))


REGISTRATION = CaseRegistration(
    item=ITEM,
    holders=(holder(APPLICANT.number, name="测试甲"), holder(SPOUSE.number, "spouse", "测试乙")),
    operator=OperatorReference("yq-0417", "测试经办"),
    opened_at=NOW,
)


def drafted(number: str = CASE, **changes: Any) -> CaseDraft:
    return make_draft(
        replace(REGISTRATION, **changes),
        agency="yq-gjj",
        number=number,
        act="a" * 32,
        today=date(2026, 11, 22),
        latest=NOW + timedelta(seconds=60),
    )


def refused(number: str = CASE, **changes: Any) -> tuple[str, str]:
    with pytest.raises(RequestError) as caught:
        drafted(number, **changes)
    for secret in (APPLICANT.number, SPOUSE.number, "测试甲", "测试乙"):
        assert secret not in str(caught.value)
    return caught.value.code, caught.value.detail


def test_a_case_of_a_couple_passes() -> None:
    draft = drafted()
    assert [(p.role, p.holder.number) for p in draft.parties] == [
        ("applicant", APPLICANT.number),
        ("spouse", SPOUSE.number),
    ]
    assert draft.opened_at == "2026-11-22T08:00:00Z"


def test_clause_7_3_a_holder_is_known_by_an_id_number_or_a_credit_code_and_nothing_else() -> None:
    assert drafted(holders=(holder(COMPANY.number),)).parties[0].holder.scheme == "cn-uscc"
    for number in ("140302190001010018", "140302900101001", "护照E12345678", ""):
        assert refused(holders=(holder(number),))[0] == "HOLDER_INVALID"


def test_clause_7_3_one_number_is_one_holder_however_it_is_typed() -> None:
    full_width = APPLICANT.number.translate({ord(d): ord(d) + 0xFEE0 for d in "0123456789"})
    [party] = drafted(holders=(holder(full_width),)).parties
    assert party.holder.number == APPLICANT.number
    twice = (holder(APPLICANT.number), holder(full_width))
    assert refused(holders=twice) == ("BODY_MALFORMED", "`holders`, entry 1: is there before")


def test_there_is_an_applicant() -> None:
    assert refused(holders=(holder(SPOUSE.number, "spouse"),))[0] == "BODY_MALFORMED"


@pytest.mark.parametrize("role", ["spouse", "child", "legal_representative"])
def test_an_organisation_is_nobodys_relative(role: Role) -> None:
    code, detail = refused(holders=(holder(APPLICANT.number), holder(COMPANY.number, role)))
    assert (code, detail) == ("BODY_MALFORMED", "`holders`, entry 1: is not a person")


@pytest.mark.parametrize(
    ("at", "is_accepted"),
    [
        (NOW + timedelta(seconds=60), True),
        (NOW + timedelta(seconds=61), False),
        (datetime(1969, 12, 31, tzinfo=UTC), False),
    ],
)
def test_a_case_was_opened_in_the_past(at: datetime, *, is_accepted: bool) -> None:
    if is_accepted:
        drafted(opened_at=at)
    else:
        assert refused(opened_at=at)[0] == "BODY_MALFORMED"


def test_clause_4_9_a_mandate_was_given_by_holders_of_the_case_to_somebody() -> None:
    drafted(mandate=MANDATE)
    assert refused(mandate=replace(MANDATE, principals=("child",)))[0] == "BODY_MALFORMED"
    assert refused(mandate=replace(MANDATE, agent=None))[0] == "BODY_MALFORMED"
    agent = (*REGISTRATION.holders, holder(SPOUSE.number, "agent"))
    drafted(holders=agent, mandate=replace(MANDATE, agent=None))


@pytest.mark.parametrize(
    "changes",
    [
        {"number": f"YQ-{APPLICANT.number}"},
        {"number": f"YQ-{COMPANY.number}", "holders": (holder(COMPANY.number),)},
        {"situation": f"已婚 {SPOUSE.number}"},
        {"situation": "测试乙 的配偶"},
        {"item": APPLICANT.number},
        {"operator": OperatorReference(APPLICANT.number, "测试经办")},
        {"mandate": replace(MANDATE, id=f"WT {SPOUSE.number}")},
        {"mandate": replace(MANDATE, scope=(ITEM, SPOUSE.number))},
    ],
)
def test_nothing_that_is_kept_in_clear_holds_a_number_or_a_name(changes: dict[str, Any]) -> None:
    assert refused(**changes)[0] == "ATTRIBUTION_PERSONAL"
