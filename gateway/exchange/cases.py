# SPDX-License-Identifier: Apache-2.0
"""`/v1/cases/…`: an agency registers, looks at and closes its cases.

1. The nonce is decided before anything is done, so a request that is sent again does nothing twice.
2. What was done is recorded, then answered: no record, no answer. An agency that got none sends the
   request again, which changes nothing more and is recorded.
3. One record for each identified request, done or refused.
4. An agency sees its own cases only; those of others are not there for it.
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta, timezone
from typing import Final, Literal

import msgspec

from gateway.crypto.digest import sha256
from gateway.errors import RequestError, StoreError, TrustError
from gateway.exchange.access import check_limit, check_x509
from gateway.exchange.body import parse_closing, parse_registration
from gateway.exchange.case_draft import check_instant, clock_ahead, make_draft
from gateway.exchange.reply import JSON, Refused, Reply, problem_reply
from gateway.model.case import CaseAnswer, CaseDraft, CaseRecord
from gateway.model.holder import Holder
from gateway.model.limits import Allowance
from gateway.office_port import CaseAct, CaseBook, CaseGate, CaseLog
from gateway.ports import Caller, Catalog, Held, RateLimits
from gateway.sdk import Deadline

Action = Literal["case_register", "case_show", "case_close"]

_encode = msgspec.json.Encoder(order="deterministic").encode
_encode_answer = msgspec.json.Encoder().encode


class _Handling:
    """One request: what is known of it so far. Owned by one task."""

    def __init__(self, caller: Caller, request_id: str, action: Action, number: str) -> None:
        self.caller: Final = caller
        self.request_id: Final = request_id
        self.action: Final = action
        self.number: Final = number
        self.held: Held | None = None
        self.holder: Holder | None = None
        self.said: str | None = None
        self.limits: tuple[Allowance, ...] = ()

    def act(self, code: str | None) -> CaseAct:
        """What is recorded of it."""
        return CaseAct(
            id=self.request_id,
            action=self.action,
            number=self.number,
            holder=self.holder,
            said=self.said,
            code=code,
        )


class Cases:
    """Requests about cases, from an identified agency to a recorded reply.

    Every method raises AuditError when nothing could be recorded: the agency gets 503.

    Args:
        clock: aware UTC now.
        utc_offset_h: hours east of UTC of the site's days.
        clock_window_s: seconds that an agency's clock may be ahead.
        x509_required: agencies that registered no X.509 certificate are refused as well.
    """

    def __init__(
        self,
        *,
        book: CaseBook,
        gate: CaseGate,
        log: CaseLog,
        catalog: Catalog,
        limits: RateLimits,
        clock: Callable[[], datetime],
        utc_offset_h: float,
        clock_window_s: int,
        x509_required: bool = False,
    ) -> None:
        self._book: Final = book
        self._gate: Final = gate
        self._log: Final = log
        self._catalog: Final = catalog
        self._limits: Final = limits
        self._clock: Final = clock
        self._zone: Final = timezone(timedelta(hours=utc_offset_h))
        self._clock_window_s: Final = clock_window_s
        self._x509_required: Final = x509_required

    async def register(
        self, caller: Caller, request_id: str, number: str, body: bytes, deadline: Deadline
    ) -> Reply:
        """`PUT /v1/cases/{case}`: the same content again changes nothing."""
        handling = _Handling(caller, request_id, "case_register", number)

        async def work() -> CaseRecord:
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
            await self._begin(handling, deadline)
            return await self._book.register(draft, deadline)

        return await self._answer(handling, work, deadline)

    async def show(self, caller: Caller, request_id: str, number: str, deadline: Deadline) -> Reply:
        """`GET /v1/cases/{case}`: its state, and its holders masked."""
        handling = _Handling(caller, request_id, "case_show", number)

        async def work() -> CaseRecord:
            await self._begin(handling, deadline)
            record = self._book.show(caller.agency.id, number)
            if record is None:
                raise RequestError("CASE_ABSENT")
            self._note_holder(handling)
            return record

        return await self._answer(handling, work, deadline)

    async def close(
        self, caller: Caller, request_id: str, number: str, body: bytes, deadline: Deadline
    ) -> Reply:
        """`POST /v1/cases/{case}/close`: nothing is asked for it any more."""
        handling = _Handling(caller, request_id, "case_close", number)

        async def work() -> CaseRecord:
            now = self._clock()
            latest = clock_ahead(now, self._clock_window_s)
            closed_at = check_instant(parse_closing(body).closed_at or now, "closed_at", latest)
            self._note_holder(handling)
            await self._begin(handling, deadline)
            return await self._book.close_case(caller.agency.id, number, closed_at, deadline)

        return await self._answer(handling, work, deadline)

    def _today(self) -> date:
        return self._clock().astimezone(self._zone).date()

    def _note_holder(self, handling: _Handling) -> None:
        """Whom the case is about, for the record."""
        parties = self._book.parties(handling.caller.agency.id, handling.number)
        handling.holder = next((p.holder for p in parties if p.role == "applicant"), None)

    async def _begin(self, handling: _Handling, deadline: Deadline) -> None:
        handling.held = await self._log.begin(handling.caller, deadline)
        if handling.held is None:
            raise RequestError("NONCE_REPLAYED")

    async def _answer(
        self, handling: _Handling, work: Callable[[], Awaitable[CaseRecord]], deadline: Deadline
    ) -> Reply:
        caller, code = handling.caller, None
        try:
            check_x509(caller, required=self._x509_required)
            limit = self._limits.take_agency(caller.agency)
            if limit is not None:
                handling.limits = (limit,)
                check_limit(limit)
            reply = _found(handling.request_id, await work())
        except (RequestError, StoreError, TrustError) as error:
            reply, code = problem_reply(Refused.because(error), handling.request_id), error.code
        index = None
        if code != "NONCE_REPLAYED":
            act = handling.act(code)
            index = await self._log.record(caller, act, deadline, held=handling.held)
        if index is None:
            replayed = RequestError("NONCE_REPLAYED")
            reply = problem_reply(Refused.because(replayed), handling.request_id)
            act = handling.act(replayed.code)
            index = await self._log.record_replay(caller, act, deadline)
        return msgspec.structs.replace(reply, index=index, limits=handling.limits)


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


def _found(request_id: str, record: CaseRecord) -> Reply:
    body = _encode_answer(CaseAnswer(request_id, record))
    return Reply(200, JSON, body, sha256(body), "case")
