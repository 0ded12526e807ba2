# SPDX-License-Identifier: Apache-2.0
"""`/v1/cases/{case}`, and `/close` and `/commitments/{material}` below it, over HTTP.

A path is recorded as it was signed, so a case number or a material's name that holds a citizen
number or a credit code is refused at the door, before anybody is identified, and either has one
spelling only.
"""

import re
from http import HTTPMethod
from typing import Final
from urllib.parse import quote, unquote

from gateway.errors import AuditError, RequestError
from gateway.exchange.cases import Cases
from gateway.exchange.commitments import CaseCommitments
from gateway.exchange.reply import Refused, Reply, problem_reply
from gateway.model.screening import holds_identifier
from gateway.ports import Caller
from gateway.sdk import Deadline
from gateway.web.edge import check_json, signed_view, x509_of
from gateway.web.request import Request
from gateway.web.respond import Answer, Responder
from gateway.web.signed_posts import Answering, Identify

FOLDER: Final = "/v1/cases/"
#: Sixteen holders with long names, and a mandate.
MAX_BODY_BYTES: Final = 16_384
_CLOSE_TAIL: Final = "/close"
_COMMITMENTS: Final = "/commitments/"
_MAX_NAME_LENGTH: Final = 200
_NUMBER: Final = re.compile(r"[A-Za-z0-9._/-]{4,64}")


class CaseDesk:
    """Handler of the front desk.

    Args:
        identify: finds the agency that signed.
        cases: the exchange's part.
        commitments: the exchange's part of what lies below `/commitments/`.
        deadline_s: from the whole request to the answer.
        default_port: `:80` behind plain HTTP, `:443` behind TLS.
    """

    def __init__(
        self,
        identify: Identify,
        cases: Cases,
        commitments: CaseCommitments,
        *,
        responder: Responder,
        deadline_s: float,
        default_port: str,
    ) -> None:
        self._identify: Final = identify
        self._cases: Final = cases
        self._commitments: Final = commitments
        self._responder: Final = responder
        self._deadline_s: Final = deadline_s
        self._default_port: Final = default_port

    def methods(self, path: str) -> tuple[str, ...]:
        """What may be done there."""
        is_closing = path.endswith(_CLOSE_TAIL) and _COMMITMENTS not in path
        return ("POST",) if is_closing else ("GET", "PUT")

    async def __call__(self, request: Request, request_id: str) -> Answer:
        """Answer one request; a refusal of who is not identified is raised."""
        number, tail = parse_target(request.target)
        check_content(request)
        answer = self._find(number, tail, is_read=request.method == HTTPMethod.GET)
        body, peer = request.body, request.peer
        signed = signed_view(request, default_port=self._default_port)
        caller = self._identify(signed, body, peer.address, x509_of(peer))
        deadline = Deadline.after(self._deadline_s)
        try:
            reply = await answer(caller, request_id, body, deadline)
        except AuditError as error:  # no record, no answer
            reply = problem_reply(Refused.because(error), request_id)
        return self._responder.respond(reply, caller.signature)

    def _find(self, number: str, tail: str, *, is_read: bool) -> Answering:
        """What of the exchange's part answers."""
        cases, commitments = self._cases, self._commitments
        place = (number, tail.removeprefix(_COMMITMENTS))

        async def answer(caller: Caller, request_id: str, body: bytes, deadline: Deadline) -> Reply:
            if tail.startswith(_COMMITMENTS):
                if is_read:
                    return await commitments.show(caller, request_id, place, deadline)
                return await commitments.commit(caller, request_id, place, body, deadline)
            if is_read:
                return await cases.show(caller, request_id, number, deadline)
            if tail == _CLOSE_TAIL:
                return await cases.close(caller, request_id, number, body, deadline)
            return await cases.register(caller, request_id, number, body, deadline)

        return answer


def parse_target(target: str) -> tuple[str, str]:
    """The case number of a target, and what of it is meant.

    Returns:
        The number; and an empty text, `/close`, or `/commitments/` with the name of a material.

    Raises:
        RequestError: PATH_UNKNOWN, ATTRIBUTION_PERSONAL.
    """
    segment, slash, tail = target.removeprefix(FOLDER).partition("/")
    tail, number = slash + tail, parse_number(segment)
    if tail.startswith(_COMMITMENTS):
        tail = _COMMITMENTS + parse_material(tail.removeprefix(_COMMITMENTS))
    elif tail not in {"", _CLOSE_TAIL}:
        raise RequestError(
            "PATH_UNKNOWN",
            "a case has /close, /commitments/{material} and /deferrals/{material} below it",
        )
    return number, tail


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
    return _impersonal(number)


def parse_material(segment: str) -> str:
    """The name of a material of its segment of a path.

    Raises:
        RequestError: PATH_UNKNOWN, ATTRIBUTION_PERSONAL.
    """
    name = unquote(segment, errors="replace")
    if quote(name, safe="") != segment or not 1 <= len(name) <= _MAX_NAME_LENGTH:
        raise RequestError(
            "PATH_UNKNOWN",
            "a material is named as in the catalogue, in UTF-8, everything but A-Z a-z 0-9 - . _ ~ "
            "escaped; no query",
        )
    return _impersonal(name)


def _impersonal(text: str) -> str:
    if holds_identifier(text):
        raise RequestError(
            "ATTRIBUTION_PERSONAL", "the case number or the material holds an identity number"
        )
    return text


def format_target(number: str, *, commitment: str | None = None) -> str:
    """The path of a case, or of a commitment in it, by name of the material."""
    below = "" if commitment is None else _COMMITMENTS + quote(commitment, safe="")
    return FOLDER + quote(number, safe="") + below


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
