# SPDX-License-Identifier: Apache-2.0
"""What the gateway does later on a signature: deferrals 容缺受理 and tickets 异步查询."""

from urllib.parse import quote

import msgspec

from gateway.client.connection import Signed, SignedConnection
from gateway.model.deferral import (
    DeferralAnswer,
    DeferralClosing,
    DeferralRequest,
    DeferralsAnswer,
    OwnReason,
)
from gateway.model.lookup import LookupRequest
from gateway.model.ticket import TicketAnswer

SignedDeferral = Signed[DeferralAnswer]
SignedTicket = Signed[TicketAnswer]

_parse_deferral = msgspec.json.Decoder(DeferralAnswer).decode
_parse_deferrals = msgspec.json.Decoder(DeferralsAnswer).decode
_parse_ticket = msgspec.json.Decoder(TicketAnswer).decode


class OrderCalls(SignedConnection):
    """Every method raises as `SignedConnection.get`."""

    async def defer(self, material: str, request: DeferralRequest) -> SignedDeferral:
        """Let a material come later; until its day the gateway asks for it on this signature."""
        target = f"{_deferrals(request.attribution.case)}/{quote(material, safe='')}"
        return await self.send("PUT", target, request, _parse_deferral)

    async def deferral(self, case: str, material: str) -> SignedDeferral:
        """How the last deferral of a material stands."""
        target = f"{_deferrals(case)}/{quote(material, safe='')}"
        return await self.get(target, _parse_deferral)

    async def deferrals(self, case: str) -> Signed[DeferralsAnswer]:
        """All deferrals of a case, oldest first."""
        return await self.get(_deferrals(case), _parse_deferrals)

    async def close_deferral(self, case: str, material: str, reason: OwnReason) -> SignedDeferral:
        """End a deferral: the applicant brought it, or nobody waits for it any more."""
        target = f"{_deferrals(case)}/{quote(material, safe='')}/close"
        return await self.send("POST", target, DeferralClosing(reason), _parse_deferral)

    async def open_ticket(self, request: LookupRequest) -> SignedTicket:
        """Ask a slow department without holding the connection for it.

        Once it is done its `answer.answer` decodes as `LookupAnswer` or `Problem`.
        """
        return await self.send("POST", "/v1/tickets", request, _parse_ticket)

    async def ticket(self, number: str) -> SignedTicket:
        """How a ticket stands; TICKET_EXPIRED once its answer is not kept any more."""
        return await self.get(f"/v1/tickets/{quote(number, safe='')}", _parse_ticket)


def _deferrals(case: str) -> str:
    return f"/v1/cases/{quote(case, safe='')}/deferrals"
