# SPDX-License-Identifier: Apache-2.0
"""Doing a standing order: the lookup that an agency has signed, made for it later.

::

    Order ─▶ signature, key, agency ─▶ questions ─▶ corridor: lookup 1 ─▶ entry ┐
                                                  └ corridor: lookup 2 ─▶ entry ┴─▶ Tried

Rules:

1. Nothing is taken from the office store on trust: the request's signature is verified again, by
   the key as it is registered now, and it has to be for this very order.
2. Everything else is decided anew, too: case, item, operator, grant, hours, limits, daily cap. What
   is refused for good ends the order with that reason; what may succeed later is tried later.
3. Each lookup has an entry before anything is made of its answer. The entry holds the signature of
   the order, and its `plan` is the id of the act that recorded the order.
4. Of a deferral, *not found* and *mismatch* are answers: nobody asks again, and the applicant has
   to bring it. An unavailable department is none.
5. Of a ticket, whatever a lookup would have answered is its answer, refusals included. Only what
   could not be recorded is done again.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from typing import Final, Protocol, final

from gateway.crypto.random import random_piece
from gateway.errors import REFUSALS, AuditError, RequestError, StoreError, TrustError
from gateway.exchange.access import Access, check_x509
from gateway.exchange.body import parse_deferral, parse_lookup
from gateway.exchange.deferrals import asked_again
from gateway.exchange.lookup import Lookup
from gateway.exchange.plan import Planner, lines_of
from gateway.exchange.reply import Refused, Reply, problem_reply
from gateway.httpsig import SignedRequest, kept_request
from gateway.model.lookup import Attribution, LookupRequest
from gateway.model.order import Ending, Order, Tried
from gateway.model.screening import screen_request
from gateway.ports import Caller, Claim
from gateway.sdk import Deadline

#: `POST /v1/tickets`: what is signed for a ticket.
TICKETS_PATH: Final = "/v1/tickets"
#: What a lookup's outcome is for its order; any other is a refusal's code.
_SAID: Final[dict[str, Ending]] = {
    "found": "done",
    "match": "done",
    "mismatch": "answered",
    "not_found": "answered",
}
#: The worse of two lookups of one order decides.
_WORSE: Final[tuple[Ending, ...]] = ("done", "answered", "later", "over")


class Recall(Protocol):
    """Who signed a request that is kept, if they still may ask; raises RequestError."""

    def __call__(
        self, request: SignedRequest, body: bytes, address: str, x509_sha256: str | None, /
    ) -> Caller:
        """See above."""


class TargetOf(Protocol):
    """The path of a deferral."""

    def __call__(self, case: str, material: str, /) -> str:
        """See above."""


@final
class StandingOrders:
    """Does orders.

    Args:
        recall: who signed.
        target_of: what the signed request has to be about.
        clock: aware UTC now.
        utc_offset_h: hours east of UTC of the site's days.
        nonce_life_s: seconds for which a claim of ours may be remembered.
        x509_required: agencies that registered no X.509 certificate are refused as well.
    """

    def __init__(
        self,
        *,
        lookup: Lookup,
        planner: Planner,
        recall: Recall,
        target_of: TargetOf,
        clock: Callable[[], datetime],
        utc_offset_h: float,
        nonce_life_s: int,
        x509_required: bool = False,
    ) -> None:
        self._lookup: Final = lookup
        self._planner: Final = planner
        self._recall: Final = recall
        self._target_of: Final = target_of
        self._clock: Final = clock
        self._zone: Final = timezone(timedelta(hours=utc_offset_h))
        self._nonce_life_s: Final = nonce_life_s
        self._x509_required: Final = x509_required

    async def __call__(self, order: Order, deadline: Deadline) -> Tried:
        """Make the lookups of one order; what became of them is on record, and not noted yet."""
        try:
            caller, questions = self._understand(order)
        except (RequestError, StoreError, TrustError) as error:
            is_later = error.refusal.retryable or isinstance(error, StoreError)
            answer = problem_reply(Refused.because(error), order.act).body
            return Tried("later" if is_later else "over", error.code, (), answer)
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._ask(order, caller, question, place, deadline))
                for place, question in enumerate(questions)
            ]
        replies = [task.result() for task in tasks]
        return _answer_of(replies[0]) if order.kind == "ticket" else _sum_up(replies)

    def _understand(self, order: Order) -> tuple[Caller, Sequence[LookupRequest | str]]:
        """Who orders, and what is asked; or why a part of it is not.

        Raises:
            RequestError: it may not be done, or not now.
            StoreError: nothing is known about the case.
            TrustError: what is kept is not what was signed.
        """
        mandated = order.mandated
        if mandated is None:
            raise TrustError("PROOF_INVALID", "what is kept of the order is not what was kept")
        request = mandated.request
        caller = self._recall(
            kept_request(request), request.body, mandated.address, mandated.x509_sha256
        )
        signed = (request.method, request.path, caller.agency.id)
        check_x509(caller, required=self._x509_required)
        if order.kind == "ticket":
            lookup = parse_lookup(request.body)
            screen_request(lookup)
            _check_of(order, lookup.attribution, signed, ("POST", TICKETS_PATH, order.agency))
            return caller, [lookup]
        asked = parse_deferral(request.body)
        target = self._target_of(order.case, order.subject)
        _check_of(order, asked.attribution, signed, ("PUT", target, order.agency))
        today = self._clock().astimezone(self._zone).date()
        plan = self._planner.make(order.agency, asked_again(asked, order.subject), today)
        lines = lines_of(plan, order.subject)
        if not lines:
            raise RequestError("MATERIAL_UNKNOWN")
        return caller, [line.request or line.unasked or "" for line in lines]

    async def _ask(
        self,
        order: Order,
        caller: Caller,
        question: LookupRequest | str,
        place: int,
        deadline: Deadline,
    ) -> Reply | str:
        """The recorded reply, or why there is none."""
        if isinstance(question, str):
            return question
        signature, now_s = caller.signature, int(self._clock().timestamp())
        # No signer can write this nonce, for `.` is not in its alphabet; no other try does.
        claim = Claim(
            signature.keyid,
            f"{signature.nonce}.r{order.tries}.{place}",
            now_s + self._nonce_life_s,
        )
        access = Access(caller, random_piece().hex(), claim, plan=order.act, is_held=False)
        try:
            return await self._lookup.material(access, question, deadline)
        except AuditError as error:  # no record, no answer: another try will have its own
            return error.code


def _check_of(
    order: Order, attribution: Attribution, signed: tuple[str, ...], due: tuple[str, ...]
) -> None:
    """Refuse what was signed where it is not this order: method, path, agency and case."""
    if signed != due or attribution.case != order.case:
        raise TrustError("PROOF_INVALID", "what was signed is another order")


def _answer_of(reply: Reply | str) -> Tried:
    """What the one lookup of a ticket was answered."""
    if isinstance(reply, str):  # it could not be recorded
        return Tried("later", reply)
    indexes = () if reply.index is None else (reply.index,)
    return Tried("done", reply.outcome, indexes, reply.body)


def _sum_up(replies: list[Reply | str]) -> Tried:
    """What all lookups of one order come to."""
    indexes = tuple(
        each.index for each in replies if isinstance(each, Reply) and each.index is not None
    )
    worst: tuple[Ending, str] = "done", ""
    for reply in replies:
        said = reply if isinstance(reply, str) else reply.outcome
        ending = _SAID.get(said) or _ending_of(said)
        if not worst[1] or _WORSE.index(ending) > _WORSE.index(worst[0]):
            worst = ending, said
    return Tried(*worst, indexes)


def _ending_of(said: str) -> Ending:
    refusal = REFUSALS.get(said)
    if refusal is None:  # the plan has no question any more
        return "over"
    return "later" if refusal.retryable or refusal.attribution != "consumer" else "over"
