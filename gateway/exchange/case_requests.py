# SPDX-License-Identifier: Apache-2.0
"""What requests about cases share: limits first, one record each, then the answer.

1. The nonce is decided before anything is done, so a request that is sent again does nothing twice.
2. What was done is recorded, then answered: no record, no answer.
3. One record for each identified request: done, refused, or failed by a mistake of ours.
"""

from collections.abc import Awaitable, Callable
from typing import Final, final

import msgspec

from gateway.crypto.digest import sha256
from gateway.errors import RequestError
from gateway.exchange.access import check_limit, check_x509
from gateway.exchange.excuse import OnFault, excuse
from gateway.exchange.reply import JSON, Refused, Reply, problem_reply
from gateway.model.holder import Holder
from gateway.model.limits import Allowance
from gateway.office_port import CaseAct, CaseAction, CaseLog
from gateway.ports import Caller, Held, RateLimits
from gateway.sdk import Deadline

_encode_answer = msgspec.json.Encoder().encode


class Handling:
    """One request: what is known of it so far. Owned by one task.

    Attributes:
        number: of the case.
        holder: of whom the case is, as soon as that is known.
        said: what its record repeats of it.
    """

    def __init__(self, caller: Caller, request_id: str, action: CaseAction, number: str) -> None:
        self.caller: Final = caller
        self.request_id: Final = request_id
        self.action: Final = action
        self.number = number
        self.held: Held | None = None
        self.holder: Holder | None = None
        self.said: str | None = None
        self.limits: tuple[Allowance, ...] = ()

    def act(self, code: str | None) -> CaseAct:
        """What is recorded of it."""
        return CaseAct(
            id=self.request_id,
            action=self.action,
            number=self.number,
            holder=self.holder,
            said=self.said,
            code=code,
        )


@final
class CaseRequests:
    """Answers them.

    Args:
        x509_required: agencies that registered no X.509 certificate are refused as well.
        on_fault: told of a programming error, whose caller gets INTERNAL; must not raise.
    """

    def __init__(
        self, log: CaseLog, limits: RateLimits, *, x509_required: bool = False, on_fault: OnFault
    ) -> None:
        self._log: Final = log
        self._limits: Final = limits
        self._on_fault: Final = on_fault
        self._x509_required: Final = x509_required

    async def begin(self, handling: Handling, deadline: Deadline) -> None:
        """Decide the nonce.

        Raises:
            RequestError: NONCE_REPLAYED.
            AuditError: no decision.
        """
        handling.held = await self._log.begin(handling.caller, deadline)
        if handling.held is None:
            raise RequestError("NONCE_REPLAYED")

    async def answer(
        self, handling: Handling, work: Callable[[], Awaitable[object]], deadline: Deadline
    ) -> Reply:
        """Do `work`, record it, and answer with what it returns: a reply, or what becomes one.

        Raises:
            AuditError: nothing could be recorded: the agency gets 503.
        """
        caller, code = handling.caller, None
        try:
            check_x509(caller, required=self._x509_required)
            limit = self._limits.take_agency(caller.agency)
            if limit is not None:
                handling.limits = (limit,)
                check_limit(limit)
            reply = _reply(await work())
        except Exception as error:  # noqa: BLE001 - ours is recorded as well
            refused = excuse(error, self._on_fault)
            reply, code = problem_reply(refused, handling.request_id), refused.refusal.code
        index = None
        if code != "NONCE_REPLAYED":
            act = handling.act(code)
            index = await self._log.record(caller, act, deadline, held=handling.held)
        if index is None:
            replayed = RequestError("NONCE_REPLAYED")
            reply = problem_reply(Refused.because(replayed), handling.request_id)
            act = handling.act(replayed.code)
            index = await self._log.record_replay(caller, act, deadline)
        return msgspec.structs.replace(reply, index=index, limits=handling.limits)


def _reply(answer: object) -> Reply:
    if isinstance(answer, Reply):
        return answer
    body = _encode_answer(answer)
    return Reply(200, JSON, body, sha256(body), "case")
