# SPDX-License-Identifier: Apache-2.0
"""A path that takes signed JSON by POST, and whose every answer is on record."""

from collections.abc import Awaitable, Callable
from typing import Final

from gateway.errors import AuditError, RequestError
from gateway.exchange.reply import Refused, Reply, problem_reply
from gateway.exchange.standing import TICKETS_PATH
from gateway.httpsig import SignedRequest
from gateway.ports import Caller
from gateway.sdk import Deadline
from gateway.web.edge import check_json, signed_view, x509_of
from gateway.web.request import Request
from gateway.web.respond import Answer, Responder

#: `POST /v1/invalidations`: a number, a time and the names of certificates.
INVALIDATIONS: Final = ("/v1/invalidations", 8192)
#: `POST /v1/materials`: an attribution, and claims of some materials.
MATERIALS: Final = ("/v1/materials", 32_768)
#: `POST /v1/tickets`: the body of a lookup.
TICKETS: Final = (TICKETS_PATH, 65_536)

Identify = Callable[[SignedRequest, bytes, str, str | None], Caller]
Answering = Callable[[Caller, str, bytes, Deadline], Awaitable[Reply]]


class SignedPost:
    """Handler of the front desk.

    Args:
        where: the path, and how many bytes a body may have.
        identify: finds who signed.
        answer: the exchange's part.
        deadline_s: from the whole request to the answer.
        default_port: `:80` behind plain HTTP, `:443` behind TLS.
    """

    def __init__(
        self,
        where: tuple[str, int],
        identify: Identify,
        answer: Answering,
        *,
        responder: Responder,
        deadline_s: float,
        default_port: str,
    ) -> None:
        self._path, self._max_body_bytes = where
        self._identify: Final = identify
        self._answer: Final = answer
        self._responder: Final = responder
        self._deadline_s: Final = deadline_s
        self._default_port: Final = default_port

    async def __call__(self, request: Request, request_id: str) -> Answer:
        """Answer one request; a refusal of who is not identified is raised."""
        if request.target != self._path:
            raise RequestError("PATH_UNKNOWN", "no query follows")
        check_json(request)
        body, peer = request.body, request.peer
        if len(body) > self._max_body_bytes:
            raise RequestError("BODY_TOO_LARGE", f"here: {self._max_body_bytes:,} bytes")
        signed = signed_view(request, default_port=self._default_port)
        caller = self._identify(signed, body, peer.address, x509_of(peer))
        deadline = Deadline.after(self._deadline_s)
        try:
            reply = await self._answer(caller, request_id, body, deadline)
        except AuditError as error:  # no record, no answer
            reply = problem_reply(Refused.because(error), request_id)
        return self._responder.respond(reply, caller.signature)
