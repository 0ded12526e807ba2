# SPDX-License-Identifier: Apache-2.0
"""`/v1/cases/…`: an agency registers, looks at and closes its cases.

1. An agency that got no answer sends the request again, which changes nothing more and is recorded
   (`gateway.exchange.case_requests`).
2. An agency sees its own cases only; those of others are not there for it.
"""

from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from typing import Final

import msgspec

from gateway.errors import RequestError
from gateway.exchange.body import parse_closing, parse_registration
from gateway.exchange.case_draft import check_instant, clock_ahead, make_draft
from gateway.exchange.case_requests import CaseRequests, Handling
from gateway.exchange.reply import Reply
from gateway.model.case import CaseAnswer, CaseDraft, Party
from gateway.model.screening import screen_reason
from gateway.office_port import CaseBook, CaseGate
from gateway.ports import Caller, Catalog
from gateway.sdk import Deadline

_encode = msgspec.json.Encoder(order="deterministic").encode


class Cases:
    """Requests about cases, from an identified agency to a recorded reply.

    Every method raises AuditError when nothing could be recorded: the agency gets 503.

    Args:
        clock: aware UTC now.
        utc_offset_h: hours east of UTC of the site's days.
        clock_window_s: seconds that an agency's clock may be ahead.
    """

    def __init__(
        self,
        *,
        book: CaseBook,
        gate: CaseGate,
        requests: CaseRequests,
        catalog: Catalog,
        clock: Callable[[], datetime],
        utc_offset_h: float,
        clock_window_s: int,
    ) -> None:
        self._book: Final = book
        self._gate: Final = gate
        self._requests: Final = requests
        self._catalog: Final = catalog
        self._clock: Final = clock
        self._zone: Final = timezone(timedelta(hours=utc_offset_h))
        self._clock_window_s: Final = clock_window_s

    async def register(
        self, caller: Caller, request_id: str, number: str, body: bytes, deadline: Deadline
    ) -> Reply:
        """`PUT /v1/cases/{case}`: the same content again changes nothing."""
        handling = Handling(caller, request_id, "case_register", number)

        async def work() -> CaseAnswer:
            registration, today = parse_registration(body), self._today()
            draft = make_draft(
                registration,
                agency=caller.agency.id,
                number=number,
                act=request_id,
                today=today,
                latest=clock_ahead(self._clock(), self._clock_window_s),
            )
            handling.holder = next(p.holder for p in draft.parties if p.role == "applicant")
            handling.said = _said(draft)
            if self._catalog.find(draft.item) is None:
                raise RequestError("ITEM_UNKNOWN", "`item` is not the code of a published item")
            denied = self._gate.refuse_registration(
                caller.agency, number, registration, today=today
            )
            if denied is not None:
                raise RequestError(denied.refusal.code, denied.detail)
            await self._requests.begin(handling, deadline)
            record = await self._book.register(draft, deadline)
            return CaseAnswer(request_id, record)

        return await self._requests.answer(handling, work, deadline)

    async def show(self, caller: Caller, request_id: str, number: str, deadline: Deadline) -> Reply:
        """`GET /v1/cases/{case}`: its state, and its holders masked."""
        handling = Handling(caller, request_id, "case_show", number)

        async def work() -> CaseAnswer:
            await self._requests.begin(handling, deadline)
            record = self._book.show(caller.agency.id, number)
            if record is None:
                raise RequestError("CASE_ABSENT")
            self._note_holder(handling)
            return CaseAnswer(request_id, record)

        return await self._requests.answer(handling, work, deadline)

    async def close(
        self, caller: Caller, request_id: str, number: str, body: bytes, deadline: Deadline
    ) -> Reply:
        """`POST /v1/cases/{case}/close`: nothing is asked for it any more."""
        handling = Handling(caller, request_id, "case_close", number)

        async def work() -> CaseAnswer:
            now = self._clock()
            latest = clock_ahead(now, self._clock_window_s)
            closing = parse_closing(body)
            closed_at = check_instant(closing.closed_at or now, "closed_at", latest)
            screen_reason(closing.reason, self._note_holder(handling))
            if closing.result is not None:
                handling.said = _encode({"result": closing.result}).decode()
            await self._requests.begin(handling, deadline)
            record = await self._book.close_case(
                caller.agency.id,
                number,
                closed_at,
                deadline,
                result=closing.result,
                reason=closing.reason,
            )
            return CaseAnswer(request_id, record)

        return await self._requests.answer(handling, work, deadline)

    def _today(self) -> date:
        return self._clock().astimezone(self._zone).date()

    def _note_holder(self, handling: Handling) -> tuple[Party, ...]:
        """Whom the case is about; the applicant for the record."""
        parties = self._book.parties(handling.caller.agency.id, handling.number)
        handling.holder = next((p.holder for p in parties if p.role == "applicant"), None)
        return parties


def _said(draft: CaseDraft) -> str:
    """What the record repeats of a registration."""
    said: dict[str, object] = {
        "item": draft.item,
        "operator": draft.operator,
        "roles": Counter(party.role for party in draft.parties),
    }
    if draft.mandate is not None:
        said["mandate"] = draft.mandate.id
    return _encode(said).decode()
