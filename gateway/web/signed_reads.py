# SPDX-License-Identifier: Apache-2.0
"""What is read by a signed request without content: recorded before a byte of it leaves.

So is a refusal, once it is known who asks; also one for a mistake of ours.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import msgspec

from gateway.audit.acts import SignedActs, check_recordable
from gateway.crypto.digest import sha256
from gateway.errors import AuditError, GatewayError, RequestError
from gateway.exchange.access import check_limit, check_x509
from gateway.exchange.excuse import excuse
from gateway.exchange.reply import Refused, Reply, problem_reply
from gateway.httpsig import SignedRequest
from gateway.log import report_fault
from gateway.model.act import Action
from gateway.model.limits import Allowance
from gateway.ports import Caller, RateLimits
from gateway.sdk import Deadline
from gateway.web.edge import signed_view, x509_of
from gateway.web.request import Request
from gateway.web.respond import Answer, Responder

Identify = Callable[[SignedRequest, bytes, str, str | None], Caller]
#: Makes what was asked for, and says how many records that are.
Produce = Callable[[], tuple[Reply, int]]


class SignedReads:
    """Answers them, for handlers of the front desk.

    Args:
        identify: finds the agency that signed.
        acts: where what is read is recorded.
        limits: of agencies; shared with lookups.
        x509_required: agencies that registered no X.509 certificate are refused as well.
        deadline_s: from the door to the answer.
        default_port: `:80` behind plain HTTP, `:443` behind TLS.
    """

    def __init__(
        self,
        *,
        identify: Identify,
        acts: SignedActs,
        limits: RateLimits,
        responder: Responder,
        x509_required: bool,
        deadline_s: float,
        default_port: str,
    ) -> None:
        self._identify: Final = identify
        self._acts: Final = acts
        self._limits: Final = limits
        self._responder: Final = responder
        self._x509_required: Final = x509_required
        self._deadline_s: Final = deadline_s
        self._default_port: Final = default_port

    def signed(self, request: Request) -> tuple[SignedRequest, bytes, str, str | None]:
        """What a door asks of a request without content.

        Raises:
            RequestError: HTTP_UNACCEPTABLE; it has some.
        """
        if request.content_length or "transfer-encoding" in request.fields:
            raise RequestError("HTTP_UNACCEPTABLE", "a request for this resource has no content")
        signed = signed_view(request, default_port=self._default_port)
        return signed, b"", request.peer.address, x509_of(request.peer)

    async def reply_to_agency(
        self,
        request: Request,
        request_id: str,
        action: Action,
        subject: str,
        make: Callable[[Caller], tuple[Reply, int]],
    ) -> Answer:
        """Answer the agency that signed, within its limits; who is not identified is raised."""
        caller = self._identify(*self.signed(request))
        return await self.reply_within_limits(
            caller, request_id, action, subject, lambda: make(caller)
        )

    async def reply_within_limits(
        self, caller: Caller, request_id: str, action: Action, subject: str, make: Produce
    ) -> Answer:
        """Answer an identified agency within its limits."""
        check_recordable(caller.signature)
        limits: list[Allowance] = []

        def produce() -> tuple[Reply, int]:
            check_x509(caller, required=self._x509_required)
            if limit := self._limits.take_agency(caller.agency):
                limits.append(limit)
                check_limit(limit)
            return make()

        return await self.reply(caller, request_id, action, subject, produce, limits=limits)

    async def reply(
        self,
        caller: Caller,
        request_id: str,
        action: Action,
        subject: str,
        produce: Produce,
        *,
        limits: Sequence[Allowance] = (),
    ) -> Answer:
        """Record what is answered, then answer it; with what `produce` noted of limits."""
        deadline = Deadline.after(self._deadline_s)
        count = code = None
        try:
            try:
                reply, count = produce()
            except Exception as error:  # noqa: BLE001 - ours is recorded as well
                refused = excuse(error, partial(report_fault, request_id=request_id))
                reply, code = problem_reply(refused, request_id), refused.refusal.code
            index = await self._acts.record(
                caller, action, deadline, subject=subject, count=count, code=code
            )
            if index is None:
                reply = _problem(RequestError("NONCE_REPLAYED"), request_id)
                index = await self._acts.record_replay(caller, action, deadline, subject=subject)
            reply = msgspec.structs.replace(reply, index=index, limits=tuple(limits))
        except AuditError as error:  # no record, no answer
            reply = _problem(error, request_id)
        return self._responder.respond(reply, caller.signature)


def answer(content_type: str, body: bytes) -> Reply:
    """A 200."""
    return Reply(200, content_type, body, sha256(body), "found")


def _problem(error: GatewayError, request_id: str) -> Reply:
    return problem_reply(Refused.because(error), request_id)
