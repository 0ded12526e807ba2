# SPDX-License-Identifier: Apache-2.0
"""What changes a deferral, inside a transaction of the office store.

The state, its line of the change log and its event come together, always.
"""

import sqlite3
from collections.abc import Collection, Sequence
from typing import Final

import msgspec

from gateway.model.deferral import ClosedReason
from gateway.model.deferral_event import DeferralClosed, DeferralDue, DeferralLeft, DeferralOpened
from gateway.model.office_event import Happened
from gateway.office.orders import end_order
from gateway.office.outbox import put_event

_OF_CASE: Final = """
    SELECT id, agency, number, item, material, due_on FROM deferrals
    WHERE agency = ? AND number = ? AND state <> 'closed'
"""
_OF_DAY: Final = """
    SELECT id, agency, number, item, material, due_on FROM deferrals
    WHERE state = 'open' AND (due_on < ? OR remind_on <= ?)
"""


class Waiting(msgspec.Struct, frozen=True):
    """A deferral that is open or overdue, as much of it as its changes need."""

    id: str
    agency: str
    case: str
    item: str
    material: str
    due_on: str


def waiting_of(
    connection: sqlite3.Connection, agency: str, case: str, materials: Collection[str] | None = None
) -> Sequence[Waiting]:
    """What waits in a case.

    Args:
        materials: of these only; None is of all.
    """
    found = [Waiting(*row) for row in connection.execute(_OF_CASE, (agency, case)).fetchall()]
    return [each for each in found if materials is None or each.material in materials]


def tell_opened(connection: sqlite3.Connection, each: Waiting, *, now_s: float) -> None:
    """It was opened just now."""
    log_step(connection, each, "opened", now_s=now_s)
    opened = DeferralOpened(each.case, each.item, each.id, each.material, each.due_on)
    _tell(connection, each, opened, now_s)


def tell_left(connection: sqlite3.Connection, each: Waiting, said: str, *, now_s: float) -> None:
    """The gateway asks no more."""
    left = DeferralLeft(each.case, each.item, each.id, each.material, said)
    _tell(connection, each, left, now_s)


def close_deferral(
    connection: sqlite3.Connection,
    each: Waiting,
    reason: ClosedReason,
    *,
    now_s: float,
    indexes: tuple[int, ...] = (),
) -> None:
    """End a deferral that waits.

    Args:
        indexes: entries of the log by which the material was had.
    """
    connection.execute(
        "UPDATE deferrals SET state = 'closed', reason = ?, ended_s = ?, remind_on = NULL "
        "WHERE id = ?",
        (reason, int(now_s), each.id),
    )
    end_order(connection, each.id)
    log_step(connection, each, "closed", reason, indexes, now_s=now_s)
    closed = DeferralClosed(each.case, each.item, each.id, each.material, reason)
    _tell(connection, each, closed, now_s)


def withdraw_deferrals(
    connection: sqlite3.Connection, agency: str, case: str, *, now_s: float
) -> None:
    """The case has ended: nobody waits for anything of it."""
    for each in waiting_of(connection, agency, case):
        close_deferral(connection, each, "withdrawn", now_s=now_s)


def keep_days(connection: sqlite3.Connection, today: str, *, now_s: float) -> None:
    """Remind of what is due soon; what was due before today is overdue."""
    for row in connection.execute(_OF_DAY, (today, today)).fetchall():
        each = Waiting(*row)
        ids = (each.case, each.item, each.id, each.material)
        connection.execute("UPDATE deferrals SET remind_on = NULL WHERE id = ?", (each.id,))
        if each.due_on >= today:
            log_step(connection, each, "reminded", now_s=now_s)
            _tell(connection, each, DeferralDue(*ids, each.due_on), now_s)
            continue
        connection.execute("UPDATE deferrals SET state = 'overdue' WHERE id = ?", (each.id,))
        end_order(connection, each.id)
        log_step(connection, each, "overdue", now_s=now_s)
        _tell(connection, each, DeferralClosed(*ids, "overdue"), now_s)


def log_step(
    connection: sqlite3.Connection,
    each: Waiting,
    what: str,
    said: str = "",
    indexes: tuple[int, ...] = (),
    *,
    now_s: float,
) -> None:
    """Add a line to the change log."""
    connection.execute(
        "INSERT INTO deferral_steps SELECT ?, count(*), ?, ?, ?, ? "
        "FROM deferral_steps WHERE id = ?",
        (each.id, int(now_s), what, said, msgspec.json.encode(indexes).decode(), each.id),
    )


def _tell(connection: sqlite3.Connection, each: Waiting, what: Happened, now_s: float) -> None:
    put_event(connection, what, agency=each.agency, now_s=now_s)
