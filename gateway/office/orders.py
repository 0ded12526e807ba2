# SPDX-License-Identifier: Apache-2.0
"""Whose turn it is: standing orders under a lease, inside the transactions of the office store.

Rules:

1. An order is taken by moving its lease: of many workers one gets it, and a worker that dies keeps
   it from the others for as long as the lease lasts and no longer. So it is done at least once.
2. Each taking counts a try, before anything is done. What became of a try is noted by whoever still
   has it: a worker that was away for so long that another took over notes nothing.
3. A try that got no answer is made again after a pause that doubles, with jitter, up to a cap; at
   once when the department is said to be up (`wake_orders`).
4. With its end an order forgets the request that it was made on.
"""

import secrets
import sqlite3
from collections.abc import Callable
from typing import Final

import msgspec

from gateway.crypto.office import OfficeCipher
from gateway.errors import TrustError
from gateway.model.office_section import OrdersSection
from gateway.model.order import Mandated, Order, Tried

#: Whose turn it is first.
_NEXT: Final = """
    SELECT id, kind, agency, number, subject, act, tries, sealed FROM orders
    WHERE next_try_s <= ? AND lease_until_s <= ? ORDER BY next_try_s LIMIT 1
"""
_MAX_DOUBLINGS: Final = 16
_encode: Final = msgspec.json.Encoder().encode
_parse: Final = msgspec.json.Decoder(Mandated).decode


def put_order(
    connection: sqlite3.Connection,
    order: Order,
    cipher: OfficeCipher,
    *,
    adapter: str,
    next_try_s: float,
    lease_until_s: float = 0.0,
) -> None:
    """Keep an order, or begin it anew on another request.

    Args:
        order: with `tries` of 1 where it is taken at once, under a lease; else of 0.
    """
    sealed = cipher.seal(_place(order.id), _encode(order.mandated))
    connection.execute(
        "INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL) "
        "ON CONFLICT (id) DO UPDATE SET act = excluded.act, adapter = excluded.adapter, "
        "sealed = excluded.sealed, next_try_s = excluded.next_try_s, lease_until_s = 0, "
        "said = NULL",
        (order.id, order.kind, order.agency, order.case, order.subject, order.act, adapter,
         sealed, order.tries, next_try_s, lease_until_s),
    )  # fmt: skip


def take_order(
    connection: sqlite3.Connection, *, now_s: float, lease_s: float, cipher: OfficeCipher
) -> Order | None:
    """Take the order whose turn it is; None where there is none."""
    row = connection.execute(_NEXT, (now_s, now_s)).fetchone()
    if row is None:
        return None
    number, kind, agency, case, subject, act, tries, sealed = row
    connection.execute(
        "UPDATE orders SET tries = tries + 1, lease_until_s = ? WHERE id = ?",
        (now_s + lease_s, number),
    )
    try:
        mandated: Mandated | None = _parse(cipher.open(_place(number), sealed))
    except TrustError:  # the row was changed, or is under another key: it is no order of anybody
        mandated = None
    return Order(number, kind, agency, case, subject, act, tries + 1, mandated)


def note_try(
    connection: sqlite3.Connection,
    order: Order,
    tried: Tried,
    *,
    now_s: float,
    section: OrdersSection,
) -> bool:
    """Note what became of a try; False where the order is another worker's by now, or has ended."""
    if tried.ending == "later":
        changed = connection.execute(
            "UPDATE orders SET said = ?, next_try_s = ?, lease_until_s = 0 "
            "WHERE id = ? AND tries = ? AND next_try_s IS NOT NULL",
            (tried.said, now_s + pause_s(order.tries, section), order.id, order.tries),
        )
    else:
        changed = connection.execute(
            "UPDATE orders SET said = ?, next_try_s = NULL, lease_until_s = 0, sealed = NULL "
            "WHERE id = ? AND tries = ? AND next_try_s IS NOT NULL",
            (tried.said, order.id, order.tries),
        )
    return bool(changed.rowcount)


def end_order(connection: sqlite3.Connection, number: str) -> None:
    """Nobody asks any more; whoever is asking now notes nothing."""
    connection.execute(
        "UPDATE orders SET next_try_s = NULL, lease_until_s = 0, sealed = NULL WHERE id = ?",
        (number,),
    )


def wake_orders(connection: sqlite3.Connection, adapter: str, now_s: float) -> None:
    """The department is up again: what waits for it is due at once."""
    connection.execute(
        "UPDATE orders SET next_try_s = ? WHERE adapter = ? AND next_try_s > ?",
        (now_s, adapter, now_s),
    )


def pause_s(
    tries: int,
    section: OrdersSection,
    part: Callable[[], float] = lambda: secrets.randbelow(512) / 1024,
) -> float:
    """Seconds until the next try: doubled with each, between half of it and all of it.

    Args:
        part: less than a half, at random.
    """
    doubled_s = section.first_pause_s * 2.0 ** min(tries - 1, _MAX_DOUBLINGS)
    return min(doubled_s, section.max_pause_s) * (0.5 + part())


def _place(number: str) -> str:
    """What a sealed request is bound to."""
    return f"orders|{number}"
