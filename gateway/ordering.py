# SPDX-License-Identifier: Apache-2.0
"""A worker's duty of doing standing orders (ADR 0026).

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

from gateway.casework import Casework
from gateway.config import Site
from gateway.errors import StoreError
from gateway.exchange.lookup import Lookup
from gateway.exchange.standing import StandingOrders
from gateway.model.order import Order, Tried
from gateway.reload import LiveSite
from gateway.sdk import Deadline
from gateway.web.deferrals import format_deferral_target
from gateway.web.metrics import DeferralMetrics
from gateway.web.refusals import report_fault

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
        config = site.config
        self._store: Final = casework.store
        self._book: Final = casework.deferrals
        self._clock: Final = clock
        self._zone: Final = timezone(timedelta(hours=config.site.utc_offset_h))
        self._deadline_s: Final = config.lookup.deadline_s
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
        self._is_store_away = False

    async def watch(self) -> None:
        """Do what is due, until cancelled."""
        seen, next_at_s, day = None, 0.0, None
        while True:
            try:
                change_count, today = self._store.change_count(), self._today()
                if (change_count, today) != (seen, day):
                    await self._book.keep_days(today, Deadline.after(_WRITE_S))
                    self._metrics.show(self._book.backlog())
                    next_at_s = self._book.next_at_s()
                    seen, day = change_count, today
                if time.time() >= next_at_s:
                    await self._work()
                    next_at_s = self._book.next_at_s()
                self._is_store_away = False
            except StoreError as error:
                if not self._is_store_away:
                    _log.error("standing orders wait: the office store is away", error=error.detail)
                self._is_store_away = True
            await asyncio.sleep(_LOOK_S)

    async def _work(self) -> None:
        """Do all that is due, one after the other."""
        while (order := await self._book.take(Deadline.after(_WRITE_S))) is not None:
            tried = await self._try(order)
            await self._book.note(order, tried, Deadline.after(_WRITE_S))
            self._metrics.count(tried.ending)
            if tried.ending == "over":
                _log.warning("standing order ended", order=order.id, said=tried.said)

    async def _try(self, order: Order) -> Tried:
        try:
            return await self._do(order, Deadline.after(self._deadline_s))
        except Exception as error:  # noqa: BLE001 - our own mistake: it must not end every worker
            report_fault(error)
            return Tried("later", "INTERNAL")

    def _today(self) -> date:
        return self._clock().astimezone(self._zone).date()
