# SPDX-License-Identifier: Apache-2.0
"""Doing a standing order: the lookup that an agency has signed, made for it later.

::

    Order ─▶ signature, key, agency ─▶ plan ─▶ corridor: lookup 1 ─▶ entry ┐
                                             └ corridor: lookup 2 ─▶ entry ┴─▶ Tried

Rules:

1. Nothing is taken from the office store on trust: the request's signature is verified again, by
   the key as it is registered now, and it has to be about this very case and material.
2. Everything else is decided anew, too: case, item, operator, grant, hours, limits, daily cap. What
   is refused for good ends the order with that reason; what may succeed later is tried later.
3. Each lookup has an entry before anything is made of its answer. The entry holds the signature of
   the order, and its `plan` is the id of the act that recorded the order.
4. *Not found* and *mismatch* are answers: nobody asks again, and the applicant has to bring it. An
   unavailable department is none.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Final, Protocol, final

from gateway.crypto.random import random_piece
from gateway.errors import REFUSALS, AuditError, RequestError, StoreError, TrustError
from gateway.exchange.access import Access, check_x509
from gateway.exchange.body import parse_deferral
from gateway.exchange.deferrals import asked_again
from gateway.exchange.lookup import Lookup
from gateway.exchange.plan import Line, Planner, lines_of
from gateway.exchange.reply import Reply
from gateway.httpsig import SignedRequest, kept_request
from gateway.model.order import Ending, Order, Tried
from gateway.ports import Caller, Claim
from gateway.sdk import Deadline

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
            caller, lines = self._understand(order)
        except (RequestError, StoreError, TrustError) as error:
            is_later = error.refusal.retryable or isinstance(error, StoreError)
            return Tried("later" if is_later else "over", error.code)
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._ask(order, caller, line, place, deadline))
                for place, line in enumerate(lines)
            ]
        return _sum_up([task.result() for task in tasks])

    def _understand(self, order: Order) -> tuple[Caller, tuple[Line, ...]]:
        """Who orders what.

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
        asked = parse_deferral(request.body)
        is_of_order = (
            (request.method, request.path, caller.agency.id, asked.attribution.case)
            == ("PUT", self._target_of(order.case, order.material), order.agency, order.case)
        )  # fmt: skip
        if not is_of_order:
            raise TrustError("PROOF_INVALID", "what was signed is another order")
        check_x509(caller, required=self._x509_required)
        today = self._clock().astimezone(self._zone).date()
        plan = self._planner.make(order.agency, asked_again(asked, order.material), today)
        lines = lines_of(plan, order.material)
        if not lines:
            raise RequestError("MATERIAL_UNKNOWN")
        return caller, lines

    async def _ask(
        self, order: Order, caller: Caller, line: Line, place: int, deadline: Deadline
    ) -> Reply | str:
        """The recorded reply, or why there is none."""
        if line.request is None:
            return line.unasked or ""
        signature, now_s = caller.signature, int(self._clock().timestamp())
        # No signer can write this nonce, for `.` is not in its alphabet; no other try does.
        claim = Claim(
            signature.keyid,
            f"{signature.nonce}.r{order.tries}.{place}",
            now_s + self._nonce_life_s,
        )
        access = Access(caller, random_piece().hex(), claim, plan=order.act)
        try:
            return await self._lookup.material(access, line.request, deadline)
        except AuditError as error:  # no record, no answer: another try will have its own
            return error.code


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
