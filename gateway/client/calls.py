# SPDX-License-Identifier: Apache-2.0
"""Everything below `/v1/` that is signed, one method each."""

from typing import Final
from urllib.parse import quote

import msgspec

from gateway.client.connection import Receipt, Signed
from gateway.client.emergencies import EmergencyCalls
from gateway.client.orders import OrderCalls
from gateway.client.supervision import SupervisionCalls
from gateway.model.case import CaseAnswer, CaseClosing, CaseRegistration
from gateway.model.commitment import CommitmentAnswer, CommitmentRequest
from gateway.model.invalidation import Invalidated, Invalidation
from gateway.model.lookup import LookupAnswer, LookupRequest
from gateway.model.offer import Offered
from gateway.model.office_event import EventPage
from gateway.model.plan import MaterialsAnswer, MaterialsRequest
from gateway.model.receipt import Receipt as RecordProof

SignedAnswer = Signed[LookupAnswer]
SignedMaterials = Signed[MaterialsAnswer]

_CASES: Final = "/v1/cases/"
_NO_CLOSING: Final = CaseClosing()

_parse_answer = msgspec.json.Decoder(LookupAnswer).decode
_parse_materials = msgspec.json.Decoder(MaterialsAnswer).decode
_parse_case = msgspec.json.Decoder(CaseAnswer).decode
_parse_commitment = msgspec.json.Decoder(CommitmentAnswer).decode
_parse_offered = msgspec.json.Decoder(Offered).decode
_parse_events = msgspec.json.Decoder(EventPage).decode
_parse_proof = msgspec.json.Decoder(RecordProof).decode
_parse_invalidated = msgspec.json.Decoder(Invalidated).decode


class GatewayClient(SupervisionCalls, EmergencyCalls, OrderCalls):
    """One agency's connection to one gateway; a department's or an auditor's for what is theirs.

    Every method raises as `SignedConnection.get`.
    """

    async def lookup(self, request: LookupRequest) -> SignedAnswer:
        """Ask for one certificate."""
        return await self.send("POST", "/v1/lookups", request, _parse_answer)

    async def materials(self, request: MaterialsRequest) -> SignedMaterials:
        """Ask for everything that an item requires of the holders of a registered case.

        One that holds `answer` members decodes them as `LookupAnswer` or `Problem`.
        """
        return await self.send("POST", "/v1/materials", request, _parse_materials)

    async def register_case(self, number: str, registration: CaseRegistration) -> Receipt:
        """Register a case, or what has changed of it.

        Args:
            number: the agency's own.
        """
        return (await self.send("PUT", _case(number), registration, _parse_case)).receipt

    async def case(self, number: str) -> Signed[CaseAnswer]:
        """A case of the agency's own, with its holders masked."""
        return await self.get(_case(number), _parse_case)

    async def close_case(
        self, number: str, closing: CaseClosing = _NO_CLOSING
    ) -> Signed[CaseAnswer]:
        """End a case: nothing is asked for it any more."""
        return await self.send("POST", f"{_case(number)}/close", closing, _parse_case)

    async def commit(
        self, number: str, material: str, request: CommitmentRequest
    ) -> Signed[CommitmentAnswer]:
        """Keep the applicant's commitment 告知承诺 in a material's place.

        Args:
            number: of the case.
            material: as the item names it.
        """
        return await self.send("PUT", _commitment(number, material), request, _parse_commitment)

    async def commitment(self, number: str, material: str) -> Signed[CommitmentAnswer]:
        """How a commitment of a case stands."""
        return await self.get(_commitment(number, material), _parse_commitment)

    async def certificates(self) -> Signed[Offered]:
        """What can be asked here, and what of it the agency is granted."""
        return await self.get("/v1/certificates", _parse_offered)

    async def events(self, after: int, *, wait_s: int = 0) -> Signed[EventPage]:
        """The agency's events behind a cursor.

        Args:
            after: `next` of the page before; at first 0.
            wait_s: for an event where there is none yet; short of the client's `timeout_s`.
        """
        wait = f"&wait={wait_s}" if wait_s else ""
        return await self.get(f"/v1/events?after={after}{wait}", _parse_events)

    async def record(self, index: int) -> Signed[RecordProof]:
        """The record of one of the agency's accesses, with its proof."""
        return await self.get(f"/v1/receipts/{index}", _parse_proof)

    async def invalidate(self, change: Invalidation) -> Signed[Invalidated]:
        """Say, as a department, that a holder's records have changed."""
        return await self.send("POST", "/v1/invalidations", change, _parse_invalidated)


def _case(number: str) -> str:
    return _CASES + quote(number, safe="")


def _commitment(number: str, material: str) -> str:
    return f"{_case(number)}/commitments/{quote(material, safe='')}"
