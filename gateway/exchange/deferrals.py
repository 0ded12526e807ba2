# SPDX-License-Identifier: Apache-2.0
"""`/v1/cases/…/deferrals/…`: an agency lets a material come later 容缺受理, looks at it, ends it.

1. Only what the catalogue says may come later may; never for longer than its rule says.
2. What was promised is the catalogue's text, by digest: nobody promises something else.
3. The request that opens a deferral is the standing order to ask the department again; it is kept
   whole and sealed, for whoever does that verifies it anew (`gateway.exchange.standing`).
4. Each request is done on record (`gateway.exchange.case_requests`). An agency sees its own only.
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from typing import Any, Final, NamedTuple, final

import msgspec

from gateway.crypto.digest import sha256
from gateway.errors import RequestError, SetupError
from gateway.exchange.body import parse_deferral, parse_deferral_closing
from gateway.exchange.case_requests import CaseRequests, Handling
from gateway.exchange.outcome import due_day
from gateway.exchange.plan import Line, Plan, Planner, lines_of
from gateway.exchange.reply import Reply
from gateway.httpsig import keep_request
from gateway.model.deferral import (
    DeferralAnswer,
    DeferralRequest,
    DeferralsAnswer,
)
from gateway.model.material import Deferral
from gateway.model.order import DeferralDraft, Mandated, OrderDraft
from gateway.model.plan import MaterialsRequest
from gateway.model.working_day import WorkingDays
from gateway.office_port import CaseBook, DeferralBook
from gateway.ports import AdapterDirectory, Caller
from gateway.sdk import Deadline

_encode = msgspec.json.Encoder(order="deterministic").encode


def asked_again(asked: DeferralRequest, material: str) -> MaterialsRequest:
    """What a deferral asks for, as a request for the materials of its case."""
    claims = {material: asked.claims} if asked.claims else {}
    return MaterialsRequest(asked.attribution, asked.situation, claims)


class Owed(NamedTuple):
    """Which deferral a request is about: a material of a case."""

    case: str
    material: str


@final
class Deferrals:
    """Requests about deferrals, from an identified agency to a recorded reply.

    Every method raises AuditError when nothing could be recorded: the agency gets 503.

    Args:
        days: the site's calendar.
        clock: aware UTC now.
        utc_offset_h: hours east of UTC of the site's days.
        first_pause_s: from the opening to the first try.
        remind_working_days: before the due day; 0 is never.
    """

    def __init__(
        self,
        *,
        book: DeferralBook,
        cases: CaseBook,
        requests: CaseRequests,
        planner: Planner,
        departments: AdapterDirectory,
        days: WorkingDays,
        clock: Callable[[], datetime],
        utc_offset_h: float,
        first_pause_s: float,
        remind_working_days: int,
    ) -> None:
        self._book: Final = book
        self._cases: Final = cases
        self._requests: Final = requests
        self._planner: Final = planner
        self._departments: Final = departments
        self._days: Final = days
        self._clock: Final = clock
        self._zone: Final = timezone(timedelta(hours=utc_offset_h))
        self._first_pause_s: Final = first_pause_s
        self._remind_working_days: Final = remind_working_days

    async def open(
        self, caller: Caller, request_id: str, owed: Owed, body: bytes, deadline: Deadline
    ) -> Reply:
        """`PUT /v1/cases/{case}/deferrals/{material}`: the same content again changes nothing."""
        handling = Handling(caller, request_id, "deferral_open", owed.case)

        async def work() -> DeferralAnswer:
            asked = parse_deferral(body)
            if asked.attribution.case != owed.case:
                raise RequestError("BODY_MALFORMED", "`attribution.case` is not that of the path")
            plan = self._plan(caller, asked, owed.material)
            handling.holder = plan.applicant.holder
            draft = self._draft(handling, plan, asked, owed.material, body)
            handling.said = _said(draft, asked)
            await self._requests.begin(handling, deadline)
            return DeferralAnswer(request_id, await self._book.open(draft, deadline))

        return await self._requests.answer(handling, work, deadline)

    async def show(
        self, caller: Caller, request_id: str, case: str, material: str | None, deadline: Deadline
    ) -> Reply:
        """`GET` of one deferral, or of all of a case."""
        handling = Handling(caller, request_id, "deferral_show", case)

        async def work() -> DeferralAnswer | DeferralsAnswer:
            await self._requests.begin(handling, deadline)
            agency = caller.agency.id
            if self._cases.facts(agency, case) is None:
                raise RequestError("CASE_ABSENT")
            self._note_holder(handling)
            if material is None:
                found = tuple(self._book.list_of_case(agency, case))
                return DeferralsAnswer(request_id, found)
            record = self._book.show(agency, case, material)
            if record is None:
                raise RequestError("DEFERRAL_ABSENT")
            return DeferralAnswer(request_id, record)

        return await self._requests.answer(handling, work, deadline)

    async def close(
        self, caller: Caller, request_id: str, owed: Owed, body: bytes, deadline: Deadline
    ) -> Reply:
        """`POST …/close`: the applicant brought it, or nobody waits for it any more."""
        handling = Handling(caller, request_id, "deferral_close", owed.case)

        async def work() -> DeferralAnswer:
            reason = parse_deferral_closing(body).reason
            handling.said = _encode({"material": owed.material, "reason": reason}).decode()
            self._note_holder(handling)
            await self._requests.begin(handling, deadline)
            record = await self._book.close(caller.agency.id, *owed, reason, deadline)
            return DeferralAnswer(request_id, record)

        return await self._requests.answer(handling, work, deadline)

    def _note_holder(self, handling: Handling) -> None:
        """Whom the case is about, for the record."""
        parties = self._cases.parties(handling.caller.agency.id, handling.number)
        handling.holder = next((p.holder for p in parties if p.role == "applicant"), None)

    def _plan(self, caller: Caller, asked: DeferralRequest, material: str) -> Plan:
        plan = self._planner.make(caller.agency.id, asked_again(asked, material), self._today())
        record = self._cases.show(caller.agency.id, asked.attribution.case)
        if record is None or all(party.role != asked.promised_by for party in record.holders):
            raise RequestError("BODY_MALFORMED", "`promised_by` is no holder of the case")
        return plan

    def _draft(
        self, handling: Handling, plan: Plan, asked: DeferralRequest, material: str, body: bytes
    ) -> DeferralDraft:
        caller = handling.caller
        lines = lines_of(plan, material)
        if not lines:
            raise RequestError("MATERIAL_UNKNOWN", f"item {plan.item.code}")
        rule = lines[0].material.deferral
        if rule is None:
            raise RequestError("DEFERRAL_REFUSED", "the catalogue does not allow it")
        if asked.promise != sha256(rule.promise.encode()).hex():
            raise RequestError("PROMISE_OUTDATED")
        accepted_on, due_on = self._due(plan, rule, asked.accepted_on)
        return DeferralDraft(
            agency=caller.agency.id,
            case=asked.attribution.case,
            item=plan.item.code,
            material=material,
            act=handling.request_id,
            promise=asked.promise,
            promised_by=asked.promised_by,
            accepted_on=accepted_on,
            due_on=due_on,
            content=_encode(asked),
            remind_on=self._remind_on(due_on),
            order=self._order(caller, lines, body),
        )

    def _due(self, plan: Plan, rule: Deferral, said: date | None) -> tuple[date, date]:
        """The day of acceptance, and the last day."""
        today, accepted_on = self._today(), said or plan.accepted_on
        if not plan.accepted_on <= accepted_on <= today:
            raise RequestError(
                "BODY_MALFORMED", "`accepted_on` lies before the case was opened, or in the future"
            )
        try:
            due_on = due_day(rule, accepted_on, plan.item.limit, self._days)
        except SetupError:
            raise RequestError("CALENDAR_MISSING") from None
        if due_on < today:
            raise RequestError("DEFERRAL_REFUSED", f"its last day was {due_on}")
        return accepted_on, due_on

    def _remind_on(self, due_on: date) -> date | None:
        """None also where that day has come: the opening is told anyway."""
        if not self._remind_working_days:
            return None
        try:
            day = self._days.add_working_days(due_on, -self._remind_working_days)
        except SetupError:  # no table of last year: the due day itself is known
            return None
        return day if day > self._today() else None

    def _order(self, caller: Caller, lines: tuple[Line, ...], body: bytes) -> OrderDraft | None:
        """None where a department cannot be asked about all of it."""
        requests = [line.request for line in lines if line.request is not None]
        if len(requests) < len(lines):
            return None
        request = requests[0]
        adapter = None
        if request.certificate in self._departments.certificates:
            division = request.attribution.division
            adapter = self._departments.adapter_of(request.certificate, division)
        if adapter is None:  # nobody answers for it here
            return None
        kept = keep_request(caller.signature, body)
        mandated = Mandated(kept, caller.address, caller.x509_sha256)
        first_try_s = self._clock().timestamp() + self._first_pause_s
        return OrderDraft(adapter, mandated, first_try_s)

    def _today(self) -> date:
        return self._clock().astimezone(self._zone).date()


def _said(draft: DeferralDraft, asked: DeferralRequest) -> str:
    """What the record says of a deferral that is opened."""
    said: dict[str, Any] = {
        "accepted_on": draft.accepted_on,
        "due_on": draft.due_on,
        "item": draft.item,
        "material": draft.material,
        "operator": asked.attribution.operator.id,
        "order": draft.order is not None,
        "promise": draft.promise,
        "promised_by": draft.promised_by,
    }
    if asked.attribution.mandate is not None:
        said["mandate"] = asked.attribution.mandate
    return _encode(said).decode()
