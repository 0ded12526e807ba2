# SPDX-License-Identifier: Apache-2.0
"""`/v1/cases/…`: an agency registers, looks at and closes its cases.

Each is done on record (`gateway.exchange.on_record`). An agency sees its own cases only; those of
others are not there for it.
"""

from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from typing import Final

import msgspec

from gateway.crypto.digest import sha256
from gateway.errors import RequestError
from gateway.exchange.body import parse_closing, parse_registration
from gateway.exchange.case_draft import check_instant, clock_ahead, make_draft
from gateway.exchange.on_record import Handling, OnRecord
from gateway.exchange.reply import JSON, Reply
from gateway.model.case import CaseAnswer, CaseDraft, CaseRecord
from gateway.office_port import CaseBook, CaseGate, CaseLog
from gateway.ports import Caller, Catalog, RateLimits
from gateway.sdk import Deadline

_encode = msgspec.json.Encoder(order="deterministic").encode
_encode_answer = msgspec.json.Encoder().encode


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
        self._door: Final = OnRecord(log, book, limits, x509_required=x509_required)
        self._catalog: Final = catalog
        self._clock: Final = clock
        self._zone: Final = timezone(timedelta(hours=utc_offset_h))
        self._clock_window_s: Final = clock_window_s

    async def register(
        self, caller: Caller, request_id: str, number: str, body: bytes, deadline: Deadline
    ) -> Reply:
        """`PUT /v1/cases/{case}`: the same content again changes nothing."""
        handling = Handling(caller, request_id, "case_register", number)

        async def work() -> Reply:
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
            await self._door.begin(handling, deadline)
            return _found(request_id, await self._book.register(draft, deadline))

        return await self._door.answer(handling, work, deadline)

    async def show(self, caller: Caller, request_id: str, number: str, deadline: Deadline) -> Reply:
        """`GET /v1/cases/{case}`: its state, and its holders masked."""
        handling = Handling(caller, request_id, "case_show", number)

        async def work() -> Reply:
            await self._door.begin(handling, deadline)
            record = self._book.show(caller.agency.id, number)
            if record is None:
                raise RequestError("CASE_ABSENT")
            self._door.note_holder(handling)
            return _found(request_id, record)

        return await self._door.answer(handling, work, deadline)

    async def close(
        self, caller: Caller, request_id: str, number: str, body: bytes, deadline: Deadline
    ) -> Reply:
        """`POST /v1/cases/{case}/close`: nothing is asked for it any more."""
        handling = Handling(caller, request_id, "case_close", number)

        async def work() -> Reply:
            now = self._clock()
            latest = clock_ahead(now, self._clock_window_s)
            closed_at = check_instant(parse_closing(body).closed_at or now, "closed_at", latest)
            self._door.note_holder(handling)
            await self._door.begin(handling, deadline)
            record = await self._book.close_case(caller.agency.id, number, closed_at, deadline)
            return _found(request_id, record)

        return await self._door.answer(handling, work, deadline)

    def _today(self) -> date:
        return self._clock().astimezone(self._zone).date()


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
