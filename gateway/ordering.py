# SPDX-License-Identifier: Apache-2.0
"""A worker's duty of doing standing orders, and its desks for tickets (ADR 0026).

Rules:

1. Each worker does one order at a time, beside what it is asked meanwhile. It does them because it
   has what a lookup takes (adapters, cache, the way to the log); the clerk has not.
2. An idle worker costs one look at the store's change count a second. The orders are looked at
   when somebody wrote, and when the next one is due.
3. Who is killed while doing an order leaves its lease behind; another worker does it again.
4. A store that is away is said once, and waited for.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from typing import Final, final

import structlog

from gateway import keyring
from gateway.casework import Casework
from gateway.config import Site
from gateway.errors import StoreError
from gateway.exchange.lookup import Lookup
from gateway.exchange.standing import StandingOrders
from gateway.exchange.tickets import Tickets
from gateway.model.order import Order, OrderKind, Tried
from gateway.office.order_book import SqliteOrderBook
from gateway.office.tickets import SqliteTicketBook
from gateway.ports import RateLimits
from gateway.reload import LiveSite
from gateway.sdk import Deadline
from gateway.web.deferrals import format_deferral_target
from gateway.web.front import Folder, Page
from gateway.web.metrics import DeferralMetrics
from gateway.web.names import default_port
from gateway.web.refusals import report_fault
from gateway.web.respond import Responder
from gateway.web.signed_posts import TICKETS, Identify, SignedPost
from gateway.web.tickets import FOLDER, TicketDesk

_log = structlog.get_logger()
_LOOK_S: Final = 1.0
_WRITE_S: Final = 5.0


@final
class Ordering:
    """One worker's.

    Args:
        live: who may still ask, and what is published now.
        clock: aware UTC now.
        nonce_life_s: seconds for which the sequencer may remember a claim.
    """

    def __init__(
        self,
        site: Site,
        casework: Casework,
        lookup: Lookup,
        live: LiveSite,
        *,
        clock: Callable[[], datetime],
        nonce_life_s: int,
    ) -> None:
        config = self._config = site.config
        cipher = keyring.office_cipher(site)
        self._casework: Final = casework
        self._store: Final = casework.store
        self._deferrals: Final = casework.deferrals
        self._orders: Final = SqliteOrderBook(
            casework.store,
            cipher,
            config.orders,
            keep_s=config.orders.tickets.keep_s,
            clock_s=time.time,
        )
        self._tickets: Final = SqliteTicketBook(
            casework.store,
            cipher,
            config.orders,
            max_open=config.orders.tickets.max_open,
            clock_s=time.time,
        )
        self._clock: Final = clock
        self._zone: Final = timezone(timedelta(hours=config.site.utc_offset_h))
        self._deadlines_s: Final[dict[OrderKind, float]] = {
            "deferral": config.lookup.deadline_s,
            "ticket": config.orders.tickets.deadline_s,
        }
        self._metrics: Final = DeferralMetrics()
        self._do: Final = StandingOrders(
            lookup=lookup,
            planner=casework.planner(live),
            recall=live.recall,
            target_of=format_deferral_target,
            clock=clock,
            utc_offset_h=config.site.utc_offset_h,
            nonce_life_s=nonce_life_s,
            x509_required=config.http.client_x509 == "required",
        )
        self._desk: Tickets | None = None
        self._is_store_away = False

    def desks(
        self, identify: Identify, limits: RateLimits, responder: Responder
    ) -> tuple[dict[str, tuple[str, Page]], dict[str, Folder]]:
        """What the front desk has to know of tickets, by path."""
        deadline_s, port = self._config.lookup.deadline_s, default_port(self._config.http)
        tickets = self._desk = Tickets(
            book=self._tickets,
            orders=self._orders,
            door=self._casework.door(limits),
            do=self._do,
            wait_s=self._config.orders.tickets.wait_s,
            deadline_s=self._deadlines_s["ticket"],
            on_fault=report_fault,
        )
        desk = SignedPost(
            TICKETS, identify, tickets.open,
            responder=responder, deadline_s=deadline_s, default_port=port,
        )  # fmt: skip
        fetch = TicketDesk(
            identify, tickets, responder=responder, deadline_s=deadline_s, default_port=port
        )
        return {TICKETS[0]: ("POST", desk)}, {FOLDER: fetch}

    async def watch(self) -> None:
        """Do what is due, until cancelled."""
        try:
            await self._watch()
        finally:
            if self._desk is not None:
                self._desk.stop()

    async def _watch(self) -> None:
        seen, next_at_s, next_end_s, day = None, 0.0, 0.0, None
        while True:
            try:
                change_count, today = self._store.change_count(), self._today()
                if (change_count, today) != (seen, day):
                    await self._deferrals.keep_days(today, Deadline.after(_WRITE_S))
                    self._metrics.show(self._deferrals.backlog())
                    next_at_s = self._orders.next_at_s()
                    next_end_s = self._tickets.next_end_s()
                    seen, day = change_count, today
                if time.time() >= next_end_s:
                    await self._tickets.sweep(Deadline.after(_WRITE_S))
                if time.time() >= next_at_s:
                    await self._work()
                    next_at_s = self._orders.next_at_s()
                self._is_store_away = False
            except StoreError as error:
                if not self._is_store_away:
                    _log.error("standing orders wait: the office store is away", error=error.detail)
                self._is_store_away = True
            await asyncio.sleep(_LOOK_S)

    async def _work(self) -> None:
        """Do all that is due, one after the other."""
        while (order := await self._orders.take(Deadline.after(_WRITE_S))) is not None:
            tried = await self._try(order)
            await self._orders.note(order, tried, Deadline.after(_WRITE_S))
            self._metrics.count(tried.ending)
            if tried.ending == "over":
                _log.warning("standing order ended", order=order.id, said=tried.said)

    async def _try(self, order: Order) -> Tried:
        try:
            return await self._do(order, Deadline.after(self._deadlines_s[order.kind]))
        except Exception as error:  # noqa: BLE001 - our own mistake: it must not end every worker
            report_fault(error)
            return Tried("later", "INTERNAL")

    def _today(self) -> date:
        return self._clock().astimezone(self._zone).date()
