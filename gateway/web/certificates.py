# SPDX-License-Identifier: Apache-2.0
"""`GET /v1/certificates` over HTTP: what can be asked here, and what the caller is granted.

It is no access: nobody is looked at. It is recorded all the same, as an act, because every request
of whom we know leaves a record, because its nonce is decided there, and because who sounds out
what a key may do is worth seeing.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from gateway.errors import RequestError
from gateway.exchange.reply import JSON, Reply
from gateway.model.offer import Offered
from gateway.ports import Caller
from gateway.web.request import Request
from gateway.web.respond import Answer
from gateway.web.signed_reads import SignedReads, answer

PATH: Final = "/v1/certificates"

#: What an agency, by its id, can ask and may.
OffersOf = Callable[[str], Offered]


class CertificatesDesk:
    """Handler of the front desk."""

    def __init__(self, reads: SignedReads, offers_of: OffersOf) -> None:
        self._reads: Final = reads
        self._offers_of: Final = offers_of

    async def __call__(self, request: Request, request_id: str) -> Answer:
        """Answer one agency; a refusal of who is not identified is raised."""
        if request.target != PATH:
            raise RequestError("PATH_UNKNOWN", "no query follows")

        def make(caller: Caller) -> tuple[Reply, int]:
            offered = self._offers_of(caller.agency.id)
            return answer(JSON, msgspec.json.encode(offered)), len(offered.certificates)

        return await self._reads.reply_to_agency(request, request_id, "certificates", "", make)
