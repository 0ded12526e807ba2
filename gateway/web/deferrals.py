# SPDX-License-Identifier: Apache-2.0
"""`/v1/cases/{case}/deferrals`, `…/{material}` and `…/{material}/close` over HTTP.

A material stands in the path as the item names it, percent-encoded UTF-8, in one spelling only. As
a path is recorded as it was signed, one that holds an identity number is refused at the door.
"""

from http import HTTPMethod
from typing import Final
from urllib.parse import quote

from gateway.errors import AuditError, RequestError
from gateway.exchange.deferrals import Deferrals, Owed
from gateway.exchange.reply import Refused, problem_reply
from gateway.sdk import Deadline
from gateway.web.cases import (
    FOLDER,
    CaseDesk,
    check_content,
    format_target,
    parse_material,
    parse_number,
)
from gateway.web.edge import signed_view, x509_of
from gateway.web.front import Folder
from gateway.web.request import Request
from gateway.web.respond import Answer, Responder
from gateway.web.signed_posts import Identify

_NAME: Final = "deferrals"
_CLOSE: Final = "close"


class CaseFolder(Folder):
    """Cases, and what lies below one."""

    def __init__(self, cases: CaseDesk, deferrals: "DeferralDesk") -> None:
        self._cases: Final = cases
        self._deferrals: Final = deferrals

    def methods(self, path: str) -> tuple[str, ...]:
        """What may be done there."""
        return self._desk(path).methods(path)

    async def __call__(self, request: Request, request_id: str, /) -> Answer:
        """Answer one request; a refusal of who is not identified is raised."""
        return await self._desk(request.path)(request, request_id)

    def _desk(self, path: str) -> "CaseDesk | DeferralDesk":
        return self._deferrals if _is_deferral(path) else self._cases


class DeferralDesk:
    """Handler of the front desk.

    Args:
        identify: finds the agency that signed.
        deferrals: the exchange's part.
        deadline_s: from the whole request to the answer.
        default_port: `:80` behind plain HTTP, `:443` behind TLS.
    """

    def __init__(
        self,
        identify: Identify,
        deferrals: Deferrals,
        *,
        responder: Responder,
        deadline_s: float,
        default_port: str,
    ) -> None:
        self._identify: Final = identify
        self._deferrals: Final = deferrals
        self._responder: Final = responder
        self._deadline_s: Final = deadline_s
        self._default_port: Final = default_port

    def methods(self, path: str) -> tuple[str, ...]:
        """What may be done there."""
        below = path.removeprefix(FOLDER).split("/")[2:]
        if not below:
            return ("GET",)
        return ("GET", "PUT") if len(below) == 1 else ("POST",)

    async def __call__(self, request: Request, request_id: str) -> Answer:
        """Answer one request; a refusal of who is not identified is raised."""
        case, material, is_closing = parse_deferral_target(request.target)
        check_content(request)
        body, peer = request.body, request.peer
        signed = signed_view(request, default_port=self._default_port)
        caller = self._identify(signed, body, peer.address, x509_of(peer))
        deadline = Deadline.after(self._deadline_s)
        try:
            if request.method == HTTPMethod.GET:
                reply = await self._deferrals.show(caller, request_id, case, material, deadline)
            else:
                assert material is not None  # by `methods`
                change = self._deferrals.close if is_closing else self._deferrals.open
                owed = Owed(case, material)
                reply = await change(caller, request_id, owed, body, deadline)
        except AuditError as error:  # no record, no answer
            reply = problem_reply(Refused.because(error), request_id)
        return self._responder.respond(reply, caller.signature)


def parse_deferral_target(target: str) -> tuple[str, str | None, bool]:
    """The case, the material if one is named, and whether its deferral is to be closed.

    Raises:
        RequestError: PATH_UNKNOWN, ATTRIBUTION_PERSONAL.
    """
    segment, name, *below = target.removeprefix(FOLDER).split("/")
    case = parse_number(segment)
    if name != _NAME:
        raise RequestError("PATH_UNKNOWN", "no query follows")
    if not below:
        return case, None, False
    is_closing = below[1:] == [_CLOSE]
    if below[1:] and not is_closing:
        raise RequestError("PATH_UNKNOWN", "a deferral has /close and nothing else below it")
    return case, parse_material(below[0]), is_closing


def format_deferral_target(case: str, material: str) -> str:
    """The path of a deferral."""
    return f"{format_target(case)}/{_NAME}/{quote(material, safe='')}"


def _is_deferral(path: str) -> bool:
    return path.removeprefix(FOLDER).split("/")[1:2] == [_NAME]
