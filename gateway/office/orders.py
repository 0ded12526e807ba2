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
from gateway.model.office_section import DeferralsSection
from gateway.model.order import Mandated, Order, OrderDraft, Tried

#: Order that a row of `orders` belongs to, whose turn it is first.
_NEXT: Final = """
    SELECT o.id, d.agency, d.number, d.material, d.act, o.tries, o.sealed
    FROM orders o JOIN deferrals d USING (id)
    WHERE o.next_try_s <= ? AND o.lease_until_s <= ? ORDER BY o.next_try_s LIMIT 1
"""
_MAX_DOUBLINGS: Final = 16
_encode: Final = msgspec.json.Encoder().encode
_parse: Final = msgspec.json.Decoder(Mandated).decode


def put_order(
    connection: sqlite3.Connection, number: str, draft: OrderDraft, cipher: OfficeCipher
) -> None:
    """Keep an order, or begin it anew on another request."""
    sealed = cipher.seal(_place(number), _encode(draft.mandated))
    connection.execute(
        "INSERT INTO orders VALUES (?, ?, ?, 0, ?, 0, NULL) ON CONFLICT (id) DO UPDATE SET "
        "adapter = excluded.adapter, sealed = excluded.sealed, next_try_s = excluded.next_try_s, "
        "lease_until_s = 0, said = NULL",
        (number, draft.adapter, sealed, draft.first_try_s),
    )


def take_order(
    connection: sqlite3.Connection, *, now_s: float, lease_s: float, cipher: OfficeCipher
) -> Order | None:
    """Take the order whose turn it is; None where there is none."""
    row = connection.execute(_NEXT, (now_s, now_s)).fetchone()
    if row is None:
        return None
    number, agency, case, material, act, tries, sealed = row
    connection.execute(
        "UPDATE orders SET tries = tries + 1, lease_until_s = ? WHERE id = ?",
        (now_s + lease_s, number),
    )
    try:
        mandated: Mandated | None = _parse(cipher.open(_place(number), sealed))
    except TrustError:  # the row was changed, or is under another key: it is no order of anybody
        mandated = None
    return Order(number, agency, case, material, act, tries + 1, mandated)


def note_try(
    connection: sqlite3.Connection,
    order: Order,
    tried: Tried,
    *,
    now_s: float,
    section: DeferralsSection,
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
    section: DeferralsSection,
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
