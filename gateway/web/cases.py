# SPDX-License-Identifier: Apache-2.0
"""`/v1/cases/{case}` and `/v1/cases/{case}/close` over HTTP.

A path is recorded as it was signed, so a case number that holds a citizen number or a credit code
is refused at the door, before anybody is identified, and a number has one spelling only.
"""

import re
from http import HTTPMethod
from typing import Final
from urllib.parse import quote, unquote

from gateway.errors import AuditError, RequestError
from gateway.exchange.cases import Cases
from gateway.exchange.reply import Refused, problem_reply
from gateway.model.screening import holds_identifier
from gateway.sdk import Deadline
from gateway.web.edge import check_json, signed_view, x509_of
from gateway.web.request import Request
from gateway.web.respond import Answer, Responder
from gateway.web.signed_posts import Identify

FOLDER: Final = "/v1/cases/"
#: Sixteen holders with long names, and a mandate.
MAX_BODY_BYTES: Final = 16_384
_CLOSE_TAIL: Final = "/close"
_NUMBER: Final = re.compile(r"[A-Za-z0-9._/-]{4,64}")


class CaseDesk:
    """Handler of the front desk.

    Args:
        identify: finds the agency that signed.
        cases: the exchange's part.
        deadline_s: from the whole request to the answer.
        default_port: `:80` behind plain HTTP, `:443` behind TLS.
    """

    def __init__(
        self,
        identify: Identify,
        cases: Cases,
        *,
        responder: Responder,
        deadline_s: float,
        default_port: str,
    ) -> None:
        self._identify: Final = identify
        self._cases: Final = cases
        self._responder: Final = responder
        self._deadline_s: Final = deadline_s
        self._default_port: Final = default_port

    def methods(self, path: str) -> tuple[str, ...]:
        """What may be done there."""
        return ("POST",) if path.endswith(_CLOSE_TAIL) else ("GET", "PUT")

    async def __call__(self, request: Request, request_id: str) -> Answer:
        """Answer one request; a refusal of who is not identified is raised."""
        number, is_closing = parse_target(request.target)
        check_content(request)
        body, peer = request.body, request.peer
        signed = signed_view(request, default_port=self._default_port)
        caller = self._identify(signed, body, peer.address, x509_of(peer))
        deadline = Deadline.after(self._deadline_s)
        try:
            if request.method == HTTPMethod.GET:
                reply = await self._cases.show(caller, request_id, number, deadline)
            elif is_closing:
                reply = await self._cases.close(caller, request_id, number, body, deadline)
            else:
                reply = await self._cases.register(caller, request_id, number, body, deadline)
        except AuditError as error:  # no record, no answer
            reply = problem_reply(Refused.because(error), request_id)
        return self._responder.respond(reply, caller.signature)


def parse_target(target: str) -> tuple[str, bool]:
    """The case number of a target, and whether it is to be closed.

    Raises:
        RequestError: PATH_UNKNOWN, ATTRIBUTION_PERSONAL.
    """
    segment, slash, tail = target.removeprefix(FOLDER).partition("/")
    if slash + tail not in {"", _CLOSE_TAIL}:
        raise RequestError("PATH_UNKNOWN", "below a case there are /close and /deferrals")
    return parse_number(segment), bool(tail)


def parse_number(segment: str) -> str:
    """The case number of its segment of a path.

    Raises:
        RequestError: PATH_UNKNOWN, ATTRIBUTION_PERSONAL.
    """
    number = unquote(segment)
    if not _NUMBER.fullmatch(number) or quote(number, safe="") != segment:
        raise RequestError(
            "PATH_UNKNOWN",
            "a case number has 4 to 64 of A-Z a-z 0-9 . _ / -, with / written %2F; no query",
        )
    if holds_identifier(number):
        raise RequestError("ATTRIBUTION_PERSONAL", "the case number holds an identity number")
    return number


def format_target(number: str) -> str:
    """The path of a case."""
    return FOLDER + quote(number, safe="")


def check_content(request: Request) -> None:
    """Refuse content where none belongs, and other than JSON of a request about a case.

    Raises:
        RequestError: HTTP_UNACCEPTABLE, CONTENT_TYPE_UNSUPPORTED, BODY_TOO_LARGE.
    """
    if request.method == HTTPMethod.GET:
        if request.content_length or "transfer-encoding" in request.fields:
            raise RequestError("HTTP_UNACCEPTABLE", "a request for this resource has no content")
        return
    check_json(request)
    if len(request.body) > MAX_BODY_BYTES:
        raise RequestError("BODY_TOO_LARGE", f"about a case: {MAX_BODY_BYTES:,} bytes")
