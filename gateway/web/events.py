# SPDX-License-Identifier: Apache-2.0
"""`GET /v1/events?after=N&wait=S`: an agency fetches its events (docs/reference/events.md).

Rules:

1. The nonce is decided first: a captured request holds no connection, and gets nothing.
2. Where there is nothing yet, the request waits, `wait` at most and within the site's bounds. Only
   so many wait in one worker; who is one too many is answered at once, with nothing.
3. What is answered is recorded first, as every identified request is.
4. A cursor beyond all events is of another store, such as an old copy that was put back: its reader
   is told to begin anew.
5. A cursor is a small number and stands in the URL; whom an event is about never does.
"""

import re
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Final

import msgspec

from gateway.audit.acts import SignedActs, check_recordable
from gateway.crypto.digest import sha256
from gateway.errors import AuditError, RequestError
from gateway.exchange.access import check_limit, check_x509
from gateway.exchange.excuse import excuse
from gateway.exchange.reply import JSON, Refused, Reply, problem_reply
from gateway.httpsig import SignedRequest
from gateway.log import report_fault
from gateway.model.limits import Allowance
from gateway.model.office_event import EventPage
from gateway.office_port import EventShelf
from gateway.ports import Caller, Held, RateLimits
from gateway.sdk import Deadline
from gateway.web.edge import signed_view, x509_of
from gateway.web.request import Request
from gateway.web.respond import Answer, Responder

PATH: Final = "/v1/events"
#: Of one agency and of all, in one worker.
_MAX_OWN_WAITS: Final = 4
_MAX_WAITS: Final = 64
#: Short of 15 digits, so that no ID number is ever taken for a cursor and recorded.
_QUERY: Final = re.compile(r"\?after=(0|[1-9][0-9]{0,11})(?:&wait=([0-9]{1,2}))?")
_encode: Final = msgspec.json.Encoder(order="deterministic").encode

Identify = Callable[[SignedRequest, bytes, str, str | None], Caller]


class EventDesk:
    """Handler of the front desk.

    Args:
        shelf: of events.
        identify: finds the agency that signed.
        acts: where what is read is recorded.
        limits: of agencies; shared with lookups.
        x509_required: agencies that registered no X.509 certificate are refused as well.
        max_wait_s: beyond which nobody waits, whatever was asked.
        deadline_s: for everything but the wait.
        default_port: `:80` behind plain HTTP, `:443` behind TLS.
    """

    def __init__(
        self,
        shelf: EventShelf,
        *,
        identify: Identify,
        acts: SignedActs,
        limits: RateLimits,
        responder: Responder,
        x509_required: bool,
        max_wait_s: float,
        deadline_s: float,
        default_port: str,
    ) -> None:
        self._shelf: Final = shelf
        self._identify: Final = identify
        self._acts: Final = acts
        self._limits: Final = limits
        self._responder: Final = responder
        self._x509_required: Final = x509_required
        self._max_wait_s: Final = max_wait_s
        self._deadline_s: Final = deadline_s
        self._default_port: Final = default_port
        self._waits: Final[Counter[str]] = Counter()

    async def __call__(self, request: Request, request_id: str) -> Answer:
        """Answer one request; a refusal of who is not identified is raised."""
        after, wait_s = parse_query(request.target.removeprefix(PATH))
        if request.content_length or "transfer-encoding" in request.fields:
            raise RequestError("HTTP_UNACCEPTABLE", "a request for this resource has no content")
        signed = signed_view(request, default_port=self._default_port)
        peer = request.peer
        caller = self._identify(signed, b"", peer.address, x509_of(peer))
        check_recordable(caller.signature)
        subject = request.target.removeprefix(PATH)
        try:
            reply = await self._answer(caller, request_id, subject, after, wait_s)
        except AuditError as error:  # no record, no answer
            reply = problem_reply(Refused.because(error), request_id)
        return self._responder.respond(reply, caller.signature)

    async def _answer(
        self, caller: Caller, request_id: str, subject: str, after: int, wait_s: float
    ) -> Reply:
        limits: tuple[Allowance, ...] = ()
        count = code = None
        held: Held | None = None
        try:
            check_x509(caller, required=self._x509_required)
            limit = self._limits.take_agency(caller.agency)
            if limit is not None:
                limits = (limit,)
                check_limit(limit)
            held = await self._begin(caller)
            page = await self._page(caller.agency.id, request_id, after, wait_s)
            count, body = len(page.events), _encode(page)
            reply = Reply(200, JSON, body, sha256(body), "events")
        except Exception as error:  # noqa: BLE001 - ours is recorded as well
            refused = excuse(error, partial(report_fault, request_id=request_id))
            reply, code = problem_reply(refused, request_id), refused.refusal.code
        deadline, index = Deadline.after(self._deadline_s), None
        if code != "NONCE_REPLAYED":
            index = await self._acts.record(
                caller, "events", deadline, subject=subject, count=count, code=code, held=held
            )
        if index is None:
            replayed = RequestError("NONCE_REPLAYED")
            reply = problem_reply(Refused.because(replayed), request_id)
            index = await self._acts.record_replay(caller, "events", deadline, subject=subject)
        return msgspec.structs.replace(reply, index=index, limits=limits)

    async def _begin(self, caller: Caller) -> Held:
        held = await self._acts.begin(caller, Deadline.after(self._deadline_s))
        if held is None:
            raise RequestError("NONCE_REPLAYED")
        return held

    async def _page(self, agency: str, request_id: str, after: int, wait_s: float) -> EventPage:
        if after > self._shelf.newest():  # of a store that was here before
            return EventPage(request_id, (), 0, self._shelf.kept_from())
        waits = self._waits
        if waits[agency] >= _MAX_OWN_WAITS or waits.total() >= _MAX_WAITS:
            wait_s = 0.0
        waits[agency] += 1
        try:
            events = await self._shelf.wait(agency, after, min(wait_s, self._max_wait_s))
        finally:
            waits[agency] -= 1
        last = events[-1].seq if events else after
        return EventPage(request_id, tuple(events), last, self._shelf.kept_from())


def parse_query(query: str) -> tuple[int, float]:
    """The cursor and the seconds to wait.

    Raises:
        RequestError: PATH_UNKNOWN.
    """
    match = _QUERY.fullmatch(query)
    if match is None:
        raise RequestError(
            "PATH_UNKNOWN", "`?after=N` has to follow, up to 12 digits, then maybe `&wait=S`"
        )
    return int(match[1]), float(match[2] or 0)
