# SPDX-License-Identifier: Apache-2.0
"""A case allows its own item and holders while it is open, and an agent what the mandate says."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.crypto.office import OfficeCipher
from gateway.model.agency import Agency, Operator
from gateway.model.case import CaseHolder, CaseRegistration, Party
from gateway.model.grant import Decision, Deny, Permit
from gateway.model.holder import Holder
from gateway.model.lookup import Attribution, HolderReference, OperatorReference
from gateway.office.cases import SqliteCaseBook
from gateway.office.store import OfficeStore
from gateway.policy.cases import CasePolicy, Registration
from gateway.policy.rules import deny
from gateway.sdk import Deadline
from tests.unit.office.drafts import (
    AGENCY,
    APPLICANT,
    CASE,
    COMPANY,
    ITEM,
    MANDATE,
    SPOUSE,
    draft,
)
from tests.unit.policy.scene import PERMITTED, replace

TODAY = date(2026, 11, 22)
OFFICERS = Agency(AGENCY, "公积金中心", operators=(Operator("yq-0417", "测试经办"),))
YES = Permit(PERMITTED.grants[0], "grant.covers")
WINDOW = OperatorReference("yq-0500", "测试窗口")


class Office:
    """The rules over a store of their own."""

    def __init__(self, folder: Path) -> None:
        self.store = OfficeStore.open(folder)
        self.now_s = 1_795_376_508.0
        clock = lambda: self.now_s  # noqa: E731
        self.book = SqliteCaseBook(self.store, OfficeCipher(b"o" * 32), clock_s=clock)
        self.registration: Registration = "required"

    @property
    def rules(self) -> CasePolicy:
        return CasePolicy(
            self.book,
            registration=self.registration,
            within_minutes=30,
            clock_s=lambda: self.now_s,
        )

    def register(self, **changes: Any) -> None:
        asyncio.run(self.book.register(draft(**changes), Deadline.after(5)))

    def close(self) -> None:
        asyncio.run(self.book.close_case(AGENCY, CASE, "2026-11-22T09:00:00Z", Deadline.after(5)))

    def decide(
        self,
        holder: Holder = APPLICANT,
        *,
        decision: Decision = YES,
        today: date = TODAY,
        **changes: Any,
    ) -> Decision:
        return self.rules.narrow(decision, OFFICERS, attribution(**changes), holder, today=today)

    def refusal(self, holder: Holder = APPLICANT, **changes: Any) -> tuple[str, str]:
        """Rule and code of a refusal that repeats nothing of the holder."""
        decision = self.decide(holder, **changes)
        assert isinstance(decision, Deny), "permitted"
        assert decision.detail
        assert holder.number not in decision.detail
        return decision.rule, decision.refusal.code

    def admit(self, holder: Holder = APPLICANT, **changes: Any) -> Deny | None:
        return asyncio.run(
            self.rules.admit(
                OFFICERS,
                attribution(**changes),
                holder,
                today=TODAY,
                act="b" * 32,
                deadline=Deadline.after(5),
            )
        )


def attribution(**changes: Any) -> Attribution:
    plain = Attribution(ITEM, CASE, "公积金提取", OperatorReference("yq-0417", "测试经办"))
    return replace(plain, **changes)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    opened = Office(tmp_path / "office")
    yield opened
    opened.store.close()


def test_open_asks_nothing_and_reads_nothing(office: Office) -> None:
    office.registration = "open"
    office.store.close()
    assert office.decide() is YES
    assert office.admit() is None
    office.store = OfficeStore.open(office.store._path.parent)


def test_required_refuses_a_case_that_is_not_registered(office: Office) -> None:
    assert office.refusal() == ("case.known", "CASE_UNKNOWN")
    office.register()
    assert office.decide() is YES


def test_a_holder_belongs_to_the_case_or_is_refused(office: Office) -> None:
    office.register(parties=(Party("applicant", APPLICANT), Party("spouse", SPOUSE)))
    assert office.decide(SPOUSE) is YES
    assert office.refusal(COMPANY) == ("case.holder", "CASE_HOLDER_MISMATCH")


def test_a_case_is_of_one_item(office: Office) -> None:
    office.register()
    assert office.refusal(item="yq-gjj-002") == ("case.item", "CASE_ITEM_MISMATCH")


def test_nothing_is_asked_for_a_closed_case(office: Office) -> None:
    office.register()
    office.close()
    assert office.refusal() == ("case.open", "CASE_CLOSED")


def test_what_failed_before_the_case_stays_and_what_failed_after_it_gives_way(
    office: Office,
) -> None:
    purpose = deny("attribution.purpose", "`attribution.purpose` says nothing")
    assert office.decide(decision=purpose) is purpose
    grant = deny("grant.exists", "no grant")
    assert office.refusal(decision=grant) == ("case.known", "CASE_UNKNOWN")
    office.register()
    assert office.decide(decision=grant) is grant


def test_within_opens_a_case_by_its_first_permitted_lookup_for_its_holder(office: Office) -> None:
    office.registration = "within"
    assert office.rules.opens(OFFICERS, attribution())
    assert office.decide() is YES
    assert office.admit() is None
    assert not office.rules.opens(OFFICERS, attribution())
    assert office.decide() is YES
    assert office.refusal(SPOUSE) == ("case.holder", "CASE_HOLDER_MISMATCH")


def test_within_two_that_open_one_case_for_two_holders_are_told_apart(office: Office) -> None:
    office.registration = "within"
    assert office.admit() is None
    late = office.admit(SPOUSE)
    assert late is not None
    assert late.rule == "case.holder"


def test_within_the_minutes_a_case_is_registered_or_refused(office: Office) -> None:
    office.registration = "within"
    assert office.admit() is None
    office.now_s += 30 * 60 - 1
    assert office.decide() is YES
    office.now_s += 1
    assert office.refusal() == ("case.registered", "CASE_UNREGISTERED")
    office.register()
    assert office.decide() is YES


def test_a_case_that_a_lookup_opened_is_not_enough_where_registration_is_required(
    office: Office,
) -> None:
    office.registration = "within"
    office.admit()
    office.registration = "required"
    assert office.refusal() == ("case.registered", "CASE_UNREGISTERED")


def test_clause_4_9_an_operator_who_acts_as_agent_names_the_mandate(office: Office) -> None:
    office.register(mandate=MANDATE)
    assert office.refusal() == ("mandate.named", "MANDATE_MISSING")
    assert office.decide(mandate="WT-2026-07") is YES
    assert office.decide(operator=WINDOW) is YES  # acts in the agency's own name


def test_clause_4_9_a_mandate_is_the_cases_own_and_its_agents_own(office: Office) -> None:
    office.register(mandate=MANDATE)
    assert office.refusal(mandate="WT-2026-08") == ("mandate.known", "MANDATE_UNKNOWN")
    assert office.refusal(mandate="WT-2026-07", operator=WINDOW) == (
        "mandate.operator",
        "MANDATE_NOT_OF_OPERATOR",
    )


def test_clause_4_9_a_mandate_covers_its_items_and_its_principals(office: Office) -> None:
    couple = (Party("applicant", APPLICANT), Party("spouse", SPOUSE))
    office.register(parties=couple, mandate=MANDATE)
    assert office.refusal(SPOUSE, mandate="WT-2026-07") == (
        "mandate.principal",
        "MANDATE_OUT_OF_SCOPE",
    )
    office.register(parties=couple, mandate=replace(MANDATE, principals=("applicant", "spouse")))
    assert office.decide(SPOUSE, mandate="WT-2026-07") is YES
    office.register(mandate=replace(MANDATE, scope=("yq-gjj-002",)))
    assert office.refusal(mandate="WT-2026-07") == ("mandate.scope", "MANDATE_OUT_OF_SCOPE")


def test_clause_4_9_a_mandate_holds_until_its_last_day(office: Office) -> None:
    office.register(mandate=MANDATE)
    assert office.decide(mandate="WT-2026-07", today=date(2026, 12, 31)) is YES
    assert office.refusal(mandate="WT-2026-07", today=date(2027, 1, 1)) == (
        "mandate.validity",
        "MANDATE_EXPIRED",
    )


def test_clause_4_9_an_agent_at_the_window_makes_everybody_name_the_mandate(
    office: Office,
) -> None:
    parties = (Party("applicant", APPLICANT), Party("agent", SPOUSE))
    office.register(parties=parties, mandate=replace(MANDATE, agent=None))
    assert office.refusal() == ("mandate.named", "MANDATE_MISSING")
    assert office.decide(mandate="WT-2026-07", operator=WINDOW) is YES
    assert office.decide(SPOUSE) is YES  # who the agent is may be asked without it


@pytest.mark.parametrize("registration", ["open", "within", "required"])
def test_clause_4_9_a_named_mandate_is_checked_in_every_mode(
    office: Office, registration: Registration
) -> None:
    office.registration = registration
    assert office.refusal(mandate="WT-2026-07") == ("case.known", "CASE_UNKNOWN")
    office.register()
    assert office.refusal(mandate="WT-2026-07") == ("mandate.known", "MANDATE_UNKNOWN")
    office.register(mandate=MANDATE)
    assert office.decide(mandate="WT-2026-07") is YES
    office.close()
    assert office.refusal(mandate="WT-2026-07") == ("case.open", "CASE_CLOSED")


def registration(**changes: Any) -> CaseRegistration:
    plain = CaseRegistration(
        item=ITEM,
        holders=(CaseHolder("applicant", HolderReference("cn-id", APPLICANT.number)),),
        operator=OperatorReference("yq-0417", "测试经办"),
        opened_at=datetime(2026, 11, 22, tzinfo=UTC),
        mandate=MANDATE,
    )
    return replace(plain, **changes)


@pytest.mark.parametrize(
    ("changes", "number", "code"),
    [
        ({}, CASE, None),
        ({"operator": OperatorReference("yq-0417", "测试乙")}, CASE, "OPERATOR_UNKNOWN"),
        ({"operator": OperatorReference("admin", "测试经办")}, CASE, "OPERATOR_PLACEHOLDER"),
        ({}, "YQ", "CASE_MALFORMED"),
        ({}, "123456", "CASE_MALFORMED"),
        ({}, "Test", "CASE_MALFORMED"),
        ({"mandate": replace(MANDATE, agent="yq-9")}, CASE, "OPERATOR_UNKNOWN"),
        ({"mandate": replace(MANDATE, scope=("yq-gjj-002",))}, CASE, "MANDATE_OUT_OF_SCOPE"),
        ({"mandate": replace(MANDATE, expires_on=date(2026, 11, 21))}, CASE, "MANDATE_EXPIRED"),
    ],
)
def test_a_registration_names_a_registered_operator_and_a_mandate_that_holds(
    office: Office, changes: dict[str, Any], number: str, code: str | None
) -> None:
    denied = office.rules.refuse_registration(
        OFFICERS, number, registration(**changes), today=TODAY
    )
    assert (denied and denied.refusal.code) == code
