# SPDX-License-Identifier: Apache-2.0
"""Tickets in the office store: lookups that nobody waits for, and their answers until fetched.

Rules:

1. A ticket is opened together with its order, which whoever opens it has in hand: it is done by
   that worker at once, and by another one when the lease is over.
2. An answer is sealed under the office cipher, bound to its ticket, and emptied when it may not be
   fetched any more. That a ticket has expired is known for a while longer.
3. An agency has so many running at most.
"""

import sqlite3
from collections.abc import Callable
from typing import Final, final

from gateway.crypto.office import OfficeCipher
from gateway.crypto.random import random_piece
from gateway.errors import RequestError
from gateway.model.instant import format_unix_s
from gateway.model.office_event import TicketDone
from gateway.model.office_section import OrdersSection
from gateway.model.order import Order, TicketDraft, Tried
from gateway.model.ticket import KeptTicket, Ticket
from gateway.office.orders import put_order
from gateway.office.outbox import put_event
from gateway.office.store import OfficeStore
from gateway.office_port import TicketBook
from gateway.sdk import Deadline

#: For so long it is known that a ticket has expired.
_REMEMBERED_S: Final = 7 * 86_400
_SHOWN: Final = """
    SELECT number, certificate, opened_s, done_s, expires_s, outcome, entry, sealed
    FROM tickets WHERE id = ? AND agency = ?
"""


@final
class SqliteTicketBook(TicketBook):
    """The tickets of a site.

    Args:
        max_open: of one agency at once.
        clock_s: UNIX seconds.
    """

    def __init__(
        self,
        store: OfficeStore,
        cipher: OfficeCipher,
        section: OrdersSection,
        *,
        max_open: int,
        clock_s: Callable[[], float],
    ) -> None:
        self._store: Final = store
        self._cipher: Final = cipher
        self._section: Final = section
        self._max_open: Final = max_open
        self._clock_s: Final = clock_s

    async def open(self, draft: TicketDraft, deadline: Deadline) -> Order:
        """Keep a ticket and its order, which is the caller's to do.

        Raises:
            RequestError: TICKETS_TOO_MANY.
            StoreError: it is not known to be kept.
        """
        order = Order(
            *(random_piece().hex(), "ticket", draft.agency, draft.case, draft.certificate),
            *(draft.act, 1, draft.mandated),
        )

        def work(connection: sqlite3.Connection) -> None:
            now_s = self._clock_s()
            running = connection.execute(
                "SELECT count(*) FROM tickets WHERE agency = ? AND done_s IS NULL", (draft.agency,)
            ).fetchone()[0]
            if running >= self._max_open:
                raise RequestError("TICKETS_TOO_MANY", f"{running} of {self._max_open} run already")
            connection.execute(
                "INSERT INTO tickets VALUES (?, ?, ?, ?, ?, NULL, NULL, NULL, NULL, NULL)",
                (order.id, draft.agency, draft.case, draft.certificate, int(now_s)),
            )
            put_order(
                connection,
                order,
                self._cipher,
                adapter="",
                next_try_s=now_s,
                lease_until_s=now_s + self._section.lease_s,
            )

        await self._store.write(work, deadline)
        return order

    def next_end_s(self) -> float:
        """UNIX seconds at which the next answer is to be emptied; infinity where none is kept."""
        (at_s,) = self._store.select("SELECT min(expires_s) FROM tickets WHERE sealed IS NOT NULL")[
            0
        ]
        return float("inf") if at_s is None else float(at_s)

    async def sweep(self, deadline: Deadline) -> None:
        """Empty what may not be fetched any more.

        Raises:
            StoreError: OFFICE_UNAVAILABLE.
        """
        await self._store.write(lambda connection: _sweep(connection, self._clock_s()), deadline)

    def show(self, agency: str, number: str) -> KeptTicket | None:
        """A ticket of the agency, with its answer while that may be fetched; None where none is.

        Raises:
            RequestError: TICKET_EXPIRED.
            TrustError: its row was changed, or is under another key.
        """
        rows = self._store.select(_SHOWN, number, agency)
        if not rows:
            return None
        case, certificate, opened_s, done_s, expires_s, outcome, entry, sealed = rows[0]
        if expires_s is not None and (self._clock_s() >= expires_s or sealed is None):
            raise RequestError("TICKET_EXPIRED")
        ticket = Ticket(
            id=number,
            case=case,
            certificate=certificate,
            state="running" if done_s is None else "done",
            opened_at=format_unix_s(opened_s),
            outcome=outcome,
            expires_at=None if expires_s is None else format_unix_s(expires_s),
        )
        answer = None if sealed is None else self._cipher.open(_place(number), sealed)
        return KeptTicket(ticket, entry, answer)


def end_ticket(
    connection: sqlite3.Connection,
    order: Order,
    tried: Tried,
    cipher: OfficeCipher,
    *,
    now_s: float,
    expires_s: float,
) -> None:
    """Keep the answer, and tell that it is there; inside the transaction that ends the order."""
    connection.execute(
        "UPDATE tickets SET done_s = ?, expires_s = ?, outcome = ?, entry = ?, sealed = ? "
        "WHERE id = ?",
        (int(now_s), int(expires_s), tried.said, next(iter(tried.indexes), None),
         cipher.seal(_place(order.id), tried.answer), order.id),
    )  # fmt: skip
    done = TicketDone(order.id, order.case, order.subject, tried.said)
    put_event(connection, done, agency=order.agency, now_s=now_s)


def _sweep(connection: sqlite3.Connection, now_s: float) -> None:
    """Empty what may not be fetched any more, and forget what was emptied long ago."""
    connection.execute(
        "UPDATE tickets SET sealed = NULL WHERE sealed IS NOT NULL AND expires_s <= ?", (now_s,)
    )
    long_ago_s = now_s - _REMEMBERED_S
    connection.execute(
        "DELETE FROM orders WHERE id IN (SELECT id FROM tickets WHERE expires_s <= ?)",
        (long_ago_s,),
    )
    connection.execute("DELETE FROM tickets WHERE expires_s <= ?", (long_ago_s,))


def _place(number: str) -> str:
    """What a sealed answer is bound to."""
    return f"tickets|{number}"
