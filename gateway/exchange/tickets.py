# SPDX-License-Identifier: Apache-2.0
"""`/v1/tickets`: a lookup that may take longer than a connection should be held for.

1. A ticket is a standing order that is due at once (`gateway.exchange.standing`). Whoever opened it
   does it, and waits for `wait_s`: what is there by then is answered with the ticket.
2. The order is kept before it is begun. If this process dies, another one does it after the lease;
   so it goes on whatever becomes of the connection.
3. An answer leaves only when it is recorded that it was handed out
   (`gateway.exchange.case_requests`). An agency sees its own tickets only.
"""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final, final

import msgspec

from gateway.crypto.digest import sha256
from gateway.errors import RequestError, StoreError
from gateway.exchange.body import parse_lookup
from gateway.exchange.case_requests import CaseRequests, Handling
from gateway.exchange.reply import JSON, Reply
from gateway.httpsig import keep_request
from gateway.model.lookup import LookupRequest
from gateway.model.order import Mandated, Order, TicketDraft, Tried
from gateway.model.screening import screen_request
from gateway.model.ticket import KeptTicket, TicketAnswer
from gateway.office_port import OrderBook, TicketBook
from gateway.ports import Caller
from gateway.sdk import Deadline

#: Seconds after which one that runs is worth another look.
_RETRY_AFTER_S: Final = 2
_NOTE_S: Final = 5.0
#: Makes the lookup of an order; `gateway.exchange.standing`.
DoOrder = Callable[[Order, Deadline], Awaitable[Tried]]

_encode = msgspec.json.Encoder(order="deterministic").encode
_encode_answer = msgspec.json.Encoder().encode


@final
class Tickets:
    """Requests about tickets, from an identified agency to a recorded reply.

    Every method raises AuditError when nothing could be recorded: the agency gets 503.

    Args:
        do: makes the lookup of an order.
        wait_s: for so long a lookup is waited for.
        deadline_s: for so long it may take.
        on_fault: told of a programming error; must not raise.
    """

    def __init__(
        self,
        *,
        book: TicketBook,
        orders: OrderBook,
        requests: CaseRequests,
        do: DoOrder,
        wait_s: float,
        deadline_s: float,
        on_fault: Callable[[BaseException], None],
    ) -> None:
        self._book: Final = book
        self._orders: Final = orders
        self._requests: Final = requests
        self._do: Final = do
        self._wait_s: Final = wait_s
        self._deadline_s: Final = deadline_s
        self._on_fault: Final = on_fault
        self._running: Final[set[asyncio.Task[None]]] = set()

    async def open(self, caller: Caller, request_id: str, body: bytes, deadline: Deadline) -> Reply:
        """`POST /v1/tickets`: the body of a lookup."""
        handling = Handling(caller, request_id, "ticket_open", "")

        async def work() -> Reply:
            lookup = parse_lookup(body)
            screen_request(lookup)
            handling.number = lookup.attribution.case
            await self._requests.begin(handling, deadline)
            order = await self._book.open(_draft(caller, request_id, lookup, body), deadline)
            handling.said = _encode({"ticket": order.id}).decode()
            running = asyncio.create_task(self._run(order))
            self._running.add(running)
            running.add_done_callback(self._running.discard)
            # The record of this very request needs its part of the deadline, too.
            wait_s = min(self._wait_s, deadline.remaining_s / 2)
            await asyncio.wait((running,), timeout=wait_s)
            return self._show(handling, order.id)

        return await self._requests.answer(handling, work, deadline)

    async def show(self, caller: Caller, request_id: str, number: str, deadline: Deadline) -> Reply:
        """`GET /v1/tickets/{id}`: 202 while it runs, 200 with its answer."""
        handling = Handling(caller, request_id, "ticket_show", "")

        async def work() -> Reply:
            await self._requests.begin(handling, deadline)
            handling.said = _encode({"ticket": number}).decode()
            return self._show(handling, number)

        return await self._requests.answer(handling, work, deadline)

    def stop(self) -> None:
        """Leave what runs to whoever takes over when the leases end."""
        for task in self._running:
            task.cancel()

    async def _run(self, order: Order) -> None:
        """Do an order that is under a lease of ours; if it is not noted, another one will."""
        try:
            tried = await self._do(order, Deadline.after(self._deadline_s))
            await self._orders.note(order, tried, Deadline.after(_NOTE_S))
        except StoreError:
            return  # the lease will end
        except Exception as error:  # noqa: BLE001 - our own mistake: it is told, and done again
            self._on_fault(error)

    def _show(self, handling: Handling, number: str) -> Reply:
        kept = self._book.show(handling.caller.agency.id, number)
        if kept is None:
            raise RequestError("TICKET_ABSENT")
        handling.number = kept.ticket.case
        reply = _reply(handling.request_id, kept)
        if kept.answer is not None:
            said = {"entry": kept.index, "response": reply.digest.hex(), "ticket": number}
            handling.said = _encode(said).decode()
        return reply


def _draft(caller: Caller, request_id: str, lookup: LookupRequest, body: bytes) -> TicketDraft:
    kept = keep_request(caller.signature, body)
    return TicketDraft(
        caller.agency.id,
        lookup.attribution.case,
        lookup.certificate,
        request_id,
        Mandated(kept, caller.address, caller.x509_sha256),
    )


def _reply(request_id: str, kept: KeptTicket) -> Reply:
    answer = msgspec.UNSET if kept.answer is None else msgspec.Raw(kept.answer)
    body = _encode_answer(TicketAnswer(request_id, kept.ticket, kept.index, answer))
    is_done = kept.answer is not None
    return Reply(
        HTTPStatus.OK if is_done else HTTPStatus.ACCEPTED,
        JSON,
        body,
        sha256(body),
        "ticket",
        retry_after_s=None if is_done else _RETRY_AFTER_S,
    )
