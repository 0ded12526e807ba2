# SPDX-License-Identifier: Apache-2.0
"""`GET /v1/tickets/{id}` over HTTP."""

import re
from typing import Final

from gateway.errors import AuditError, RequestError
from gateway.exchange.reply import Refused, problem_reply
from gateway.exchange.tickets import Tickets
from gateway.sdk import Deadline
from gateway.web.cases import check_content
from gateway.web.edge import signed_view, x509_of
from gateway.web.front import Folder
from gateway.web.request import Request
from gateway.web.respond import Answer, Responder
from gateway.web.signed_posts import Identify

FOLDER: Final = "/v1/tickets/"
_ID: Final = re.compile(r"[0-9a-f]{32}")


class TicketDesk(Folder):
    """Handler of the front desk.

    Args:
        identify: finds the agency that signed.
        tickets: the exchange's part.
        deadline_s: from the whole request to the answer.
        default_port: `:80` behind plain HTTP, `:443` behind TLS.
    """

    def __init__(
        self,
        identify: Identify,
        tickets: Tickets,
        *,
        responder: Responder,
        deadline_s: float,
        default_port: str,
    ) -> None:
        self._identify: Final = identify
        self._tickets: Final = tickets
        self._responder: Final = responder
        self._deadline_s: Final = deadline_s
        self._default_port: Final = default_port

    def methods(self, path: str) -> tuple[str, ...]:  # noqa: ARG002 - the same everywhere
        """GET."""
        return ("GET",)

    async def __call__(self, request: Request, request_id: str, /) -> Answer:
        """Answer one request; a refusal of who is not identified is raised."""
        number = request.target.removeprefix(FOLDER)
        if _ID.fullmatch(number) is None:
            raise RequestError("PATH_UNKNOWN", "the id of a ticket has 32 hexadecimal digits")
        check_content(request)
        peer = request.peer
        signed = signed_view(request, default_port=self._default_port)
        caller = self._identify(signed, b"", peer.address, x509_of(peer))
        deadline = Deadline.after(self._deadline_s)
        try:
            reply = await self._tickets.show(caller, request_id, number, deadline)
        except AuditError as error:  # no record, no answer
            reply = problem_reply(Refused.because(error), request_id)
        return self._responder.respond(reply, caller.signature)
