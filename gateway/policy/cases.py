# SPDX-License-Identifier: Apache-2.0
"""Whether the case that a request names allows it: rules `case.*` and `mandate.*`.

1. With `[cases] registration = "open"` any well-formed case number will do, and nothing is read.
   With `within` the first permitted lookup opens an unknown case, for its own holder and item,
   until it is registered or its minutes are over. With `required` a case is registered first.
2. A known case allows its own item, its own holders, and only while it is not closed.
3. Who acts for somebody else 代办、帮办 names the mandate (clause 4.9): the operator who is its
   agent, or, where the agent is a holder of the case, everybody who handles it. Under a mandate
   only its principals are asked about, for its items, until it expires; about the agent in person
   one may ask without it.
4. A request that names a mandate is checked against its case in every mode.
5. No detail repeats a number, a name or the caller's own words.
"""

from collections.abc import Callable
from datetime import date
from typing import Final, Literal, final

from gateway.errors import CHECKS
from gateway.model.agency import Agency
from gateway.model.case import CaseDraft, CaseFacts, CaseRegistration, Mandate, Party, Role
from gateway.model.grant import Decision, Deny
from gateway.model.holder import Holder
from gateway.model.lookup import Attribution
from gateway.office_port import CaseBook, CaseGate
from gateway.policy.attribution import is_placeholder, refuse_case, refuse_operator
from gateway.policy.rules import deny
from gateway.sdk import Deadline

Registration = Literal["open", "within", "required"]

_MINUTE_S: Final = 60
#: Checks that come before what the case has to say.
_BEFORE: Final = frozenset(CHECKS[: CHECKS.index("case") + 1])


@final
class CasePolicy(CaseGate):
    """The rules of one site.

    Args:
        registration: rule 1.
        within_minutes: with `within`, from the first lookup.
        clock_s: UNIX seconds.
    """

    def __init__(
        self,
        book: CaseBook,
        *,
        registration: Registration,
        within_minutes: int,
        clock_s: Callable[[], float],
    ) -> None:
        self._book: Final = book
        self._registration: Final = registration
        self._within_minutes: Final = within_minutes
        self._clock_s: Final = clock_s

    def watches(self, attribution: Attribution) -> bool:
        """Whether this request is checked against its case at all."""
        return self._registration != "open" or attribution.mandate is not None

    def opens(self, agency: Agency, attribution: Attribution) -> bool:
        """Whether this lookup, if it is permitted, opens its case."""
        return (
            self._registration == "within"
            and attribution.mandate is None
            and self._book.facts(agency.id, attribution.case) is None
        )

    def narrow(
        self,
        decision: Decision,
        agency: Agency,
        attribution: Attribution,
        holder: Holder,
        *,
        today: date,
    ) -> Decision:
        """What is decided once the case has its say too; what failed before the case stays.

        Raises:
            StoreError: nothing is known about the case.
        """
        if isinstance(decision, Deny) and decision.refusal.check in _BEFORE:
            return decision
        if not self.watches(attribution) or self.opens(agency, attribution):
            return decision
        facts = self._book.facts(agency.id, attribution.case)
        return self._refuse(facts, attribution, holder, today) or decision

    async def admit(
        self,
        agency: Agency,
        attribution: Attribution,
        holder: Holder,
        *,
        today: date,
        act: str,
        deadline: Deadline,
    ) -> Deny | None:
        """Open a case that nobody has heard of yet, durably; refuse what it does not allow now.

        Raises:
            StoreError: nothing is known about the case.
        """
        if not self.watches(attribution):
            return None
        if self.opens(agency, attribution):
            facts: CaseFacts | None = await self._book.open_provisionally(
                CaseDraft(
                    agency=agency.id,
                    number=attribution.case,
                    item=attribution.item,
                    parties=(Party("applicant", holder),),
                    operator=attribution.operator.id,
                    act=act,
                ),
                deadline,
            )
        else:
            facts = self._book.facts(agency.id, attribution.case)
        return self._refuse(facts, attribution, holder, today)

    def refuse_registration(
        self, agency: Agency, number: str, registration: CaseRegistration, *, today: date
    ) -> Deny | None:
        """Refuse a registration whose number, operator or mandate says nothing."""
        return refuse_registration(agency, number, registration, today=today)

    def _refuse(
        self, facts: CaseFacts | None, attribution: Attribution, holder: Holder, today: date
    ) -> Deny | None:
        if facts is None:
            return deny("case.known", "no such case of this agency is registered")
        if facts.state == "closed":
            return deny("case.open", "the case is closed")
        if facts.item != attribution.item:
            return deny("case.item", f"the case is of item {facts.item}")
        if facts.state == "provisional" and self._is_overdue(facts):
            return deny("case.registered", "the case was opened by a lookup and not registered")
        roles = self._book.roles_of(facts, holder)
        if not roles:
            return deny("case.holder", f"the case has {len(facts.roles)} holder(s), and not this")
        return _refuse_mandate(facts.mandate, attribution, roles, today)

    def _is_overdue(self, facts: CaseFacts) -> bool:
        """Where nothing is opened by a lookup, what was is overdue at once."""
        minutes = {"open": None, "within": self._within_minutes, "required": 0}[self._registration]
        if minutes is None:
            return False
        return self._clock_s() >= facts.first_seen_s + minutes * _MINUTE_S


def refuse_registration(
    agency: Agency, number: str, registration: CaseRegistration, *, today: date
) -> Deny | None:
    """Refuse a registration whose number, operator or mandate says nothing."""
    operators = frozenset((operator.id, operator.name) for operator in agency.operators)
    refused = refuse_operator(registration.operator, operators, agency.id)
    refused = refused or refuse_case(number)
    if refused is None and is_placeholder(number):
        refused = deny("attribution.case", "the case number is a placeholder")
    mandate = registration.mandate
    if refused is not None or mandate is None:
        return refused
    if mandate.agent is not None and mandate.agent not in {one.id for one in agency.operators}:
        return deny("attribution.operator", "`mandate.agent` is no operator of the agency")
    if registration.item not in mandate.scope:
        return deny("mandate.scope", "`mandate.scope` does not name the item of the case")
    return _refuse_expired(mandate, today)


def _refuse_mandate(
    mandate: Mandate | None, attribution: Attribution, roles: tuple[Role, ...], today: date
) -> Deny | None:
    if attribution.mandate is None:
        acts = mandate is not None and mandate.agent in {None, attribution.operator.id}
        if not acts or "agent" in roles:
            return None
        return deny("mandate.named", "the case is handled by an agent, and no mandate is named")
    if mandate is None or mandate.id != attribution.mandate:
        return deny("mandate.known", "`attribution.mandate` is not the mandate of the case")
    return _refuse_by_terms(mandate, attribution, roles, today)


def _refuse_by_terms(
    mandate: Mandate, attribution: Attribution, roles: tuple[Role, ...], today: date
) -> Deny | None:
    if mandate.agent not in {None, attribution.operator.id}:
        return deny("mandate.operator", "the operator is not the agent of the mandate")
    if attribution.item not in mandate.scope:
        return deny("mandate.scope", "the mandate does not name this item")
    if not set(roles) & set(mandate.principals):
        return deny("mandate.principal", "the holder did not give the mandate")
    return _refuse_expired(mandate, today)


def _refuse_expired(mandate: Mandate, today: date) -> Deny | None:
    if today > mandate.expires_on:
        return deny("mandate.validity", f"the mandate held until {mandate.expires_on}")
    return None
