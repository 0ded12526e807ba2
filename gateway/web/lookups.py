# SPDX-License-Identifier: Apache-2.0
"""`POST /v1/lookups` over HTTP, in stages: what is alike is done together.

Verifying and signing draw tables of 150 KB through the processor's caches and throw everything else
out of them. So what a turn of the event loop brings goes through each stage as a whole: examine ─▶
verify ─▶ look up; and what the log has acknowledged: draft ─▶ sign ─▶ send. Under load that saves a
tenth of an answer; one request alone waits for nobody.

Who is turned away hears of it when the others of his turn were looked up, a part of a crowd in each
turn: meanwhile new requests are read, and what the log has acknowledged is sent. Who is accepted
does not wait until a crowd is refused, and a crowd that waits does not grow.

Answers are sent as soon as the log has acknowledged all that it was given, not when the loop's turn
ends: uvloop writes what a turn wrote behind all that it read, and refusing a crowd takes its time.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from gateway.errors import AuditError, RequestError
from gateway.exchange.reply import Refused, Reply, problem_reply
from gateway.httpsig import RequestSignature
from gateway.log import report_fault
from gateway.ports import Caller, Examined, Pressure
from gateway.sdk import Deadline
from gateway.web.edge import check_json, signed_view, x509_of
from gateway.web.metrics import LookupMetrics
from gateway.web.refusals import Refusals
from gateway.web.request import Request
from gateway.web.respond import Answer, Draft, Responder

#: Turned away in one turn: as many times as many as may be answered, and at least so many.
_REFUSAL_TIMES: Final = 2
_REFUSAL_COUNT: Final = 32

PATH: Final = "/v1/lookups"

Send = Callable[[Answer], None]
Examine = Callable[..., Examined]
#: Answers one request of a caller: calls back once, now or when its record is durable.
LookupCall = Callable[[Caller, str, bytes, Deadline, Callable[[Reply | AuditError], None]], None]


class LookupDesk:
    """Handler of the front desk; of one event loop.

    Args:
        examine: `Admission.examine`.
        lookup: `Lookup.begin`.
        deadline_s: from the last byte of the request to the answer.
        default_port: `:80` behind plain HTTP, `:443` behind TLS.
    """

    def __init__(
        self,
        *,
        examine: Examine,
        lookup: LookupCall,
        responder: Responder,
        pressure: Pressure,
        refusals: Refusals,
        metrics: LookupMetrics,
        deadline_s: float,
        default_port: str,
    ) -> None:
        self._examine: Final = examine
        self._lookup: Final = lookup
        self._responder: Final = responder
        self._pressure: Final = pressure
        self._refusals: Final = refusals
        self._metrics: Final = metrics
        self._deadline_s: Final = deadline_s
        self._default_port: Final = default_port
        self._call_soon: Final = asyncio.get_running_loop().call_soon
        self._is_turn_due = self._is_looking_up = False
        self._unrecorded_count = 0
        self._turned_away: Final[deque[tuple[str, Send]]] = deque()
        self._examined: list[tuple[Examined, Request, str, Send, float]] = []
        self._recorded: list[tuple[Reply, RequestSignature, Send]] = []

    def __call__(self, request: Request, request_id: str, send: Send) -> None:
        """Examine a request, or turn it away; the rest is done when its turn ends.

        Raises:
            GatewayError: it is refused before its signature was verified.
        """
        self._want_turn()
        if not self._pressure.admits(request.peer.agency):
            self._turned_away.append((request_id, send))
            return
        if request.target != PATH:
            raise RequestError("PATH_UNKNOWN", "no query follows")
        check_json(request)
        signed = signed_view(request, default_port=self._default_port)
        peer = request.peer
        examined = self._examine(signed, request.body, peer.address, x509_of(peer))
        self._examined.append((examined, request, request_id, send, time.monotonic()))

    def _want_turn(self) -> None:
        if not self._is_turn_due:
            self._is_turn_due = True
            self._call_soon(self._end_turn)

    def _end_turn(self) -> None:
        """Verify and look up what was examined in this turn."""
        self._is_turn_due = False
        turn, self._examined = self._examined, []
        looked_up_count, self._is_looking_up = 0, True
        callers: list[Any] = [_verify(each[0]) for each in turn]
        for caller, (_, request, request_id, send, started_s) in zip(callers, turn, strict=True):
            if isinstance(caller, Exception):
                _send(send, self._refusals.excuse(caller, request, request_id))
                continue
            request.peer.agency = caller.agency.id
            done = partial(self._on_recorded, caller.signature, request_id, started_s, send)
            looked_up_count += 1
            self._unrecorded_count += 1
            try:
                deadline = Deadline(started_s + self._deadline_s)
                self._lookup(caller, request_id, request.body, deadline, done)
            except Exception as error:  # noqa: BLE001 - the others of this turn go on
                self._unrecorded_count -= 1
                _send(send, self._refusals.excuse(error, request, request_id))
        self._is_looking_up = False
        self._pressure.end_turn(looked_up_count)
        self._turn_away()

    def _turn_away(self) -> None:
        """Refuse some of those for whom there is no time."""
        refused = self._turned_away
        count = max(_REFUSAL_COUNT, _REFUSAL_TIMES * self._pressure.limit)
        for _ in range(min(len(refused), count)):
            request_id, send = refused.popleft()
            _send(send, self._refusals.turn_away(request_id))
        if refused:
            self._want_turn()

    def _on_recorded(
        self,
        signature: RequestSignature,
        request_id: str,
        started_s: float,
        send: Send,
        reply: Reply | AuditError,
    ) -> None:
        if isinstance(reply, AuditError):  # no record, no answer
            reply = problem_reply(Refused.because(reply), request_id)
        self._metrics.count(reply.outcome, time.monotonic() - started_s)
        self._unrecorded_count -= 1
        if not self._recorded:
            self._call_soon(self._send_recorded)
        self._recorded.append((reply, signature, send))
        if not self._unrecorded_count and not self._is_looking_up:
            self._send_recorded()

    def _send_recorded(self) -> None:
        """Sign and send what the log has acknowledged."""
        recorded, self._recorded = self._recorded, []
        drafts: list[Draft] = [self._responder.draft(*each[:2]) for each in recorded]
        for draft in drafts:
            draft.sign()
        for draft, (_, _, send) in zip(drafts, recorded, strict=True):
            _send(send, draft.answer())


def _send(send: Send, answer: Answer) -> None:
    """A connection that breaks at this moment takes nobody else's answer with it."""
    try:
        send(answer)
    except Exception as error:  # noqa: BLE001 - the others of this turn go on
        report_fault(error)


def _verify(examined: Examined) -> Caller | Exception:
    try:
        return examined.verify()
    except Exception as error:  # noqa: BLE001 - the others of this turn go on
        return error
