# SPDX-License-Identifier: Apache-2.0
"""`POST /v1/materials` over HTTP."""

from collections.abc import Awaitable, Callable
from typing import Final

from gateway.errors import AuditError, RequestError
from gateway.exchange.reply import Refused, Reply, problem_reply
from gateway.ports import Caller
from gateway.sdk import Deadline
from gateway.web.cases import Identify
from gateway.web.edge import check_json, signed_view, x509_of
from gateway.web.request import Request
from gateway.web.respond import Answer, Responder

PATH: Final = "/v1/materials"
#: An attribution, and claims of some materials.
MAX_BODY_BYTES: Final = 32_768

MaterialsCall = Callable[[Caller, str, bytes, Deadline], Awaitable[Reply]]


class MaterialsDesk:
    """Handler of the front desk.

    Args:
        identify: finds the agency that signed.
        materials: the exchange's part.
        deadline_s: from the whole request to the answer.
        default_port: `:80` behind plain HTTP, `:443` behind TLS.
    """

    def __init__(
        self,
        identify: Identify,
        materials: MaterialsCall,
        *,
        responder: Responder,
        deadline_s: float,
        default_port: str,
    ) -> None:
        self._identify: Final = identify
        self._materials: Final = materials
        self._responder: Final = responder
        self._deadline_s: Final = deadline_s
        self._default_port: Final = default_port

    async def __call__(self, request: Request, request_id: str) -> Answer:
        """Answer one request; a refusal of who is not identified is raised."""
        if request.target != PATH:
            raise RequestError("PATH_UNKNOWN", "no query follows")
        check_json(request)
        body, peer = request.body, request.peer
        if len(body) > MAX_BODY_BYTES:
            raise RequestError("BODY_TOO_LARGE", f"for materials: {MAX_BODY_BYTES:,} bytes")
        signed = signed_view(request, default_port=self._default_port)
        caller = self._identify(signed, body, peer.address, x509_of(peer))
        deadline = Deadline.after(self._deadline_s)
        try:
            reply = await self._materials(caller, request_id, body, deadline)
        except AuditError as error:  # no record, no answer
            reply = problem_reply(Refused.because(error), request_id)
        return self._responder.respond(reply, caller.signature)
