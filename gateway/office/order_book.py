# SPDX-License-Identifier: Apache-2.0
"""Standing orders in the office store, whatever they are of.

The end of a try, what it means for its deferral or ticket, and the event are one transaction.
"""

import sqlite3
from collections.abc import Callable
from typing import Final, final

from gateway.crypto.office import OfficeCipher
from gateway.model.office_section import OrdersSection
from gateway.model.order import Order, Tried
from gateway.office.deferral_steps import close_deferral, log_step, tell_left, waiting_of
from gateway.office.orders import note_try, take_order
from gateway.office.store import OfficeStore
from gateway.office.tickets import end_ticket
from gateway.office_port import OrderBook
from gateway.sdk import Deadline


@final
class SqliteOrderBook(OrderBook):
    """The orders of a site.

    Args:
        keep_s: for so long the result of a ticket may be fetched.
        clock_s: UNIX seconds.
    """

    def __init__(
        self,
        store: OfficeStore,
        cipher: OfficeCipher,
        section: OrdersSection,
        *,
        keep_s: int,
        clock_s: Callable[[], float],
    ) -> None:
        self._store: Final = store
        self._cipher: Final = cipher
        self._section: Final = section
        self._keep_s: Final = keep_s
        self._clock_s: Final = clock_s

    def next_at_s(self) -> float:
        """UNIX seconds at which the next order is due; infinity where none is."""
        (at_s,) = self._store.select(
            "SELECT min(max(next_try_s, lease_until_s)) FROM orders WHERE next_try_s IS NOT NULL"
        )[0]
        return float("inf") if at_s is None else float(at_s)

    async def take(self, deadline: Deadline) -> Order | None:
        """Take the order whose turn it is, under a lease; None where there is none.

        Raises:
            StoreError: OFFICE_UNAVAILABLE.
        """
        return await self._store.write(
            lambda connection: take_order(
                connection,
                now_s=self._clock_s(),
                lease_s=self._section.lease_s,
                cipher=self._cipher,
            ),
            deadline,
        )

    async def note(self, order: Order, tried: Tried, deadline: Deadline) -> None:
        """Keep what became of a try; nothing, where another worker has taken over since.

        Raises:
            StoreError: OFFICE_UNAVAILABLE; the order will be tried again.
        """

        def work(connection: sqlite3.Connection) -> None:
            now_s = self._clock_s()
            if not note_try(connection, order, tried, now_s=now_s, section=self._section):
                return
            if order.kind == "deferral":
                _note_deferral(connection, order, tried, now_s)
            elif tried.ending != "later":
                expires_s = now_s + self._keep_s
                end_ticket(connection, order, tried, self._cipher, now_s=now_s, expires_s=expires_s)

        await self._store.write(work, deadline)


def _note_deferral(
    connection: sqlite3.Connection, order: Order, tried: Tried, now_s: float
) -> None:
    # It has an order that was not over, so it is open.
    [each] = waiting_of(connection, order.agency, order.case, (order.subject,))
    log_step(connection, each, "tried", tried.said, tried.indexes, now_s=now_s)
    if tried.ending == "done":
        close_deferral(connection, each, "obtained", now_s=now_s, indexes=tried.indexes)
    elif tried.ending != "later":
        tell_left(connection, each, tried.said, now_s=now_s)
