# SPDX-License-Identifier: Apache-2.0
"""`/v1/cases/{case}/commitments/{material}`: what an applicant promises in a material's place.

1. Promised is what the catalogue lets be promised, in the words that it publishes: the agency says
   which version and digest it showed.
2. Whoever gave the promise belongs to the case; a number is nowhere in it.
3. Who made a false promise before cannot promise (`gateway.office.commitments`).
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from typing import Final, final

import msgspec

from gateway.crypto.digest import sha256
from gateway.errors import RequestError
from gateway.exchange.body import parse_commitment
from gateway.exchange.case_requests import CaseRequests, Handling
from gateway.exchange.reply import Reply
from gateway.model.case import CaseRecord
from gateway.model.commitment import (
    CommitmentAnswer,
    CommitmentDraft,
    CommitmentRequest,
    shown,
)
from gateway.model.item import ServiceItem
from gateway.model.material import Commitment
from gateway.office_port import CaseBook, Commitments
from gateway.ports import Caller, Catalog
from gateway.sdk import Deadline

#: Number of a case, and name of a material.
Place = tuple[str, str]

_encode = msgspec.json.Encoder(order="deterministic").encode


@final
class CaseCommitments:
    """Requests about commitments, from an identified agency to a recorded reply.

    Every method raises AuditError when nothing could be recorded: the agency gets 503.

    Args:
        clock: aware UTC now.
        utc_offset_h: hours east of UTC of the site's days.
    """

    def __init__(
        self,
        *,
        book: CaseBook,
        commitments: Commitments,
        requests: CaseRequests,
        catalog: Catalog,
        clock: Callable[[], datetime],
        utc_offset_h: float,
    ) -> None:
        self._book: Final = book
        self._commitments: Final = commitments
        self._requests: Final = requests
        self._catalog: Final = catalog
        self._clock: Final = clock
        self._zone: Final = timezone(timedelta(hours=utc_offset_h))

    async def commit(
        self, caller: Caller, request_id: str, place: Place, body: bytes, deadline: Deadline
    ) -> Reply:
        """`PUT`: the same content again changes nothing."""
        case, material = place
        handling = Handling(caller, request_id, "case_commit", case)

        async def work() -> CommitmentAnswer:
            asked = parse_commitment(body)
            handling.said = _said(asked, material)
            record = self._find(handling)
            item = self._catalog.find(record.item)
            if item is None:
                raise RequestError("ITEM_UNKNOWN", f"item {record.item} is not published")
            allowed = _allowed(item, record, material)
            _check_text(asked, item, allowed)
            self._check_who_and_when(asked, record)
            await self._requests.begin(handling, deadline)
            kept = await self._commitments.keep(
                CommitmentDraft(
                    agency=caller.agency.id,
                    number=case,
                    material=material,
                    item=record.item,
                    text_version=asked.text_version,
                    text_digest=asked.text_digest,
                    form=asked.form,
                    by=asked.by,
                    committed_on=asked.committed_on,
                    check_within_working_days=allowed.check_within_working_days,
                    act=request_id,
                ),
                deadline,
            )
            return CommitmentAnswer(request_id, shown(kept))

        return await self._requests.answer(handling, work, deadline)

    async def show(
        self, caller: Caller, request_id: str, place: Place, deadline: Deadline
    ) -> Reply:
        """`GET`: how it stands, and what came of its check."""
        case, material = place
        handling = Handling(caller, request_id, "case_commitment", case)

        async def work() -> CommitmentAnswer:
            handling.said = _encode({"material": material}).decode()
            await self._requests.begin(handling, deadline)
            self._find(handling)
            known = self._commitments.show(caller.agency.id, case, material)
            if known is None:
                raise RequestError("COMMITMENT_ABSENT")
            return CommitmentAnswer(request_id, shown(known))

        return await self._requests.answer(handling, work, deadline)

    def _find(self, handling: Handling) -> CaseRecord:
        agency = handling.caller.agency.id
        record = self._book.show(agency, handling.number)
        if record is None:
            raise RequestError("CASE_ABSENT")
        parties = self._book.parties(agency, handling.number)
        handling.holder = next((p.holder for p in parties if p.role == "applicant"), None)
        return record

    def _check_who_and_when(self, asked: CommitmentRequest, record: CaseRecord) -> None:
        if asked.by not in {holder.role for holder in record.holders}:
            raise RequestError("CASE_HOLDER_MISMATCH", f"the case has nobody as {asked.by}")
        if asked.committed_on > self._today():
            raise RequestError("BODY_MALFORMED", "`committed_on` lies in the future")
        opened_on = self._day_of(record.opened_at)
        if opened_on is not None and asked.committed_on < opened_on:
            raise RequestError("BODY_MALFORMED", "`committed_on` lies before the case was opened")

    def _day_of(self, at: str | None) -> date | None:
        return None if at is None else datetime.fromisoformat(at).astimezone(self._zone).date()

    def _today(self) -> date:
        return self._clock().astimezone(self._zone).date()


def _allowed(item: ServiceItem, record: CaseRecord, material: str) -> Commitment:
    """The catalogue's rule for the material in the case's situation."""
    known = {situation.code for situation in item.situations}
    # A case need not say its situation; then it is told with the materials, and any will do here.
    told = record.situation in known
    materials = item.materials_in(record.situation) if told else item.materials
    found = next((each.commitment for each in materials if each.name == material), None)
    if found is None:
        raise RequestError("COMMITMENT_NOT_ALLOWED", f"item {item.code} lets it not be promised")
    return found


def _check_text(asked: CommitmentRequest, item: ServiceItem, allowed: Commitment) -> None:
    if asked.text_version != item.version or asked.text_digest != digest_of(allowed.text):
        raise RequestError("COMMITMENT_TEXT_CHANGED", f"version {item.version} is published")


def digest_of(text: str) -> str:
    """By what a commitment's text is named: SHA-256 of its UTF-8, hexadecimal."""
    return sha256(text.encode()).hex()


def _said(asked: CommitmentRequest, material: str) -> str:
    """What the record repeats."""
    return _encode(
        {
            "by": asked.by,
            "committed_on": asked.committed_on,
            "form": asked.form,
            "material": material,
            "text": [asked.text_version, asked.text_digest],
        }
    ).decode()
