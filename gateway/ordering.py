# SPDX-License-Identifier: Apache-2.0
"""What a worker needs for standing orders: the books, who does them, the desks for tickets."""

import time
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from typing import Final, final

from gateway import keyring
from gateway.casework import Casework
from gateway.config import Site
from gateway.exchange.lookup import Lookup
from gateway.exchange.standing import StandingOrders
from gateway.exchange.tickets import Tickets
from gateway.log import report_fault
from gateway.model.order import Order, OrderKind, Tried
from gateway.office.doing import Doing
from gateway.office.order_book import SqliteOrderBook
from gateway.office.tickets import SqliteTicketBook
from gateway.ports import RateLimits
from gateway.reload import LiveSite
from gateway.sdk import Deadline
from gateway.web.deferrals import format_deferral_target
from gateway.web.front import Folder, Page
from gateway.web.metrics import DeferralMetrics
from gateway.web.names import default_port
from gateway.web.respond import Responder
from gateway.web.signed_posts import TICKETS, Identify, SignedPost
from gateway.web.tickets import FOLDER, TicketDesk


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
        metrics = DeferralMetrics()
        self._doing: Final = Doing(
            casework.store,
            self._orders,
            casework.deferrals,
            self._tickets,
            do=self._do_in_time,
            today=self._today,
            clock_s=time.time,
            on_tried=metrics.count,
            on_look=metrics.show,
            on_fault=report_fault,
        )

    def desks(
        self, identify: Identify, limits: RateLimits, responder: Responder
    ) -> tuple[dict[str, tuple[str, Page]], dict[str, Folder]]:
        """What the front desk has to know of tickets, by path."""
        deadline_s, port = self._config.lookup.deadline_s, default_port(self._config.http)
        tickets = self._desk = Tickets(
            book=self._tickets,
            orders=self._orders,
            requests=self._casework.requests(limits),
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
            await self._doing.run()
        finally:
            if self._desk is not None:
                self._desk.stop()

    async def _do_in_time(self, order: Order) -> Tried:
        return await self._do(order, Deadline.after(self._deadlines_s[order.kind]))

    def _today(self) -> date:
        return self._clock().astimezone(self._zone).date()
