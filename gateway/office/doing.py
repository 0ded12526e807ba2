# SPDX-License-Identifier: Apache-2.0
"""A worker's duty of doing standing orders, and of what the days bring (ADR 0026).

Rules:

1. Each worker does one order at a time, beside what it is asked meanwhile. It does them because it
   has what a lookup takes (adapters, cache, the way to the log); the clerk has not.
2. An idle worker costs one look at the store's change count a second. The orders are looked at
   when somebody wrote, when the day changed, and when the next one is due.
3. Who is killed while doing an order leaves its lease behind; another worker does it again. An
   order that our own mistake cannot do is tried later, and ends no worker.
4. A store that is away is said once, and waited for.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Final, final

import structlog

from gateway.errors import StoreError
from gateway.model.order import Backlog, Ending, Order, Tried
from gateway.office.deferrals import SqliteDeferralBook
from gateway.office.order_book import SqliteOrderBook
from gateway.office.store import OfficeStore
from gateway.office.tickets import SqliteTicketBook
from gateway.sdk import Deadline

_log = structlog.get_logger()
_LOOK_S: Final = 1.0
_WRITE_S: Final = 5.0


@final
class Doing:
    """One worker's.

    Args:
        do: makes the lookups of an order.
        today: the day in the site's zone.
        clock_s: UNIX seconds.
        on_tried: told what became of a try.
        on_look: told what waits, when it may be something else.
        on_fault: told of a programming error; must not raise.
        look_s: seconds between two looks at the store.
    """

    def __init__(
        self,
        store: OfficeStore,
        orders: SqliteOrderBook,
        deferrals: SqliteDeferralBook,
        tickets: SqliteTicketBook,
        *,
        do: Callable[[Order], Awaitable[Tried]],
        today: Callable[[], date],
        clock_s: Callable[[], float],
        on_tried: Callable[[Ending], None],
        on_look: Callable[[Backlog], None],
        on_fault: Callable[[BaseException], None],
        look_s: float = _LOOK_S,
    ) -> None:
        self._store: Final = store
        self._orders: Final = orders
        self._deferrals: Final = deferrals
        self._tickets: Final = tickets
        self._do: Final = do
        self._today: Final = today
        self._clock_s: Final = clock_s
        self._on_tried: Final = on_tried
        self._on_look: Final = on_look
        self._on_fault: Final = on_fault
        self._look_s: Final = look_s
        self._seen: tuple[int, date] | None = None
        self._next_order_s = self._next_end_s = 0.0

    async def run(self) -> None:
        """Do what is due, until cancelled."""
        is_away = False
        while True:
            try:
                await self._look()
                is_away = False
            except StoreError as error:
                if not is_away:
                    _log.error("standing orders wait: the office store is away", error=error.detail)
                is_away = True
            await asyncio.sleep(self._look_s)

    async def _look(self) -> None:
        today = self._today()
        now = self._store.change_count(), today
        if now != self._seen:
            await self._deferrals.keep_days(today, Deadline.after(_WRITE_S))
            self._on_look(self._deferrals.backlog())
            self._next_order_s = self._orders.next_at_s()
            self._next_end_s = self._tickets.next_end_s()
            self._seen = now
        if self._clock_s() >= self._next_end_s:
            await self._tickets.sweep(Deadline.after(_WRITE_S))
        if self._clock_s() >= self._next_order_s:
            await self._work()
            self._next_order_s = self._orders.next_at_s()

    async def _work(self) -> None:
        """Do all that is due, one after the other."""
        while (order := await self._orders.take(Deadline.after(_WRITE_S))) is not None:
            tried = await self._try(order)
            await self._orders.note(order, tried, Deadline.after(_WRITE_S))
            self._on_tried(tried.ending)
            if tried.ending == "over":
                _log.warning("standing order ended", order=order.id, said=tried.said)

    async def _try(self, order: Order) -> Tried:
        try:
            return await self._do(order)
        except Exception as error:  # noqa: BLE001 - rule 3
            self._on_fault(error)
            return Tried("later", "INTERNAL")
