# SPDX-License-Identifier: Apache-2.0
"""Deferrals 容缺受理 in the office store.

Rules:

1. A case has at most one deferral of a material that waits. The same content again changes nothing;
   but where the gateway had given up asking, it asks again, on the newer request.
2. Each change of state, its event and its line of the change log are one transaction; so are the
   end of a try and the end of the deferral.
3. `overdue` waits for a person: the gateway asks no more, and the agency closes it by hand.
4. What an answer about materials is told is remembered by case as long as nobody writes to the
   store.
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, Final, final

import msgspec

from gateway.crypto.office import OfficeCipher
from gateway.crypto.random import random_piece
from gateway.errors import RequestError
from gateway.model.deferral import (
    DeferralRecord,
    DeferralState,
    DeferralStep,
    OpenDeferral,
    OwnReason,
    Retry,
)
from gateway.model.instant import format_unix_s
from gateway.model.order import Backlog, DeferralDraft, Order
from gateway.office.deferral_steps import (
    Waiting,
    close_deferral,
    keep_days,
    log_step,
    tell_opened,
    waiting_of,
)
from gateway.office.orders import put_order
from gateway.office.store import OfficeStore
from gateway.office_port import DeferralBook
from gateway.sdk import Deadline

_MAX_REMEMBERED: Final = 4096
_SHOWN: Final = """
    SELECT d.id, d.agency, d.number, d.item, d.material, d.state, d.act, d.promise, d.promised_by,
           d.accepted_on, d.due_on, d.opened_s, d.reason, d.ended_s, o.tries, o.said, o.next_try_s
    FROM deferrals d LEFT JOIN orders o USING (id)
"""
_parse_indexes: Final = msgspec.json.Decoder(tuple[int, ...]).decode


@final
class SqliteDeferralBook(DeferralBook):
    """The deferrals of a site.

    Args:
        clock_s: UNIX seconds.
    """

    def __init__(
        self,
        store: OfficeStore,
        cipher: OfficeCipher,
        *,
        clock_s: Callable[[], float],
    ) -> None:
        self._store: Final = store
        self._cipher: Final = cipher
        self._clock_s: Final = clock_s
        self._remembered: Final[dict[tuple[str, str], Mapping[str, OpenDeferral]]] = {}
        self._change_count = -1

    async def open(self, draft: DeferralDraft, deadline: Deadline) -> DeferralRecord:
        """Keep a deferral; the same content again changes nothing.

        Raises:
            RequestError: DEFERRAL_WAITING; one with another content waits already.
            StoreError: it is not known to be kept.
        """
        await self._store.write(lambda connection: self._open(connection, draft), deadline)
        return self._known(draft.agency, draft.case, draft.material)

    async def close(
        self, agency: str, case: str, material: str, reason: OwnReason, deadline: Deadline
    ) -> DeferralRecord:
        """End a deferral by hand; one that is closed stays as it was closed.

        Raises:
            RequestError: DEFERRAL_ABSENT.
            StoreError: it is not known to be closed.
        """

        def work(connection: sqlite3.Connection) -> None:
            for each in waiting_of(connection, agency, case, (material,)):
                close_deferral(connection, each, reason, now_s=self._clock_s())

        await self._store.write(work, deadline)
        return self._known(agency, case, material)

    async def note_obtained(
        self, agency: str, case: str, materials: Mapping[str, tuple[int, ...]], deadline: Deadline
    ) -> None:
        """What was deferred was had since, by a request of the agency's own.

        Args:
            materials: entries of the log, by material.

        Raises:
            StoreError: it is not known to be closed.
        """

        def work(connection: sqlite3.Connection) -> None:
            now_s = self._clock_s()
            for each in waiting_of(connection, agency, case, materials):
                indexes = materials[each.material]
                close_deferral(connection, each, "obtained", now_s=now_s, indexes=indexes)

        await self._store.write(work, deadline)

    def waiting_in(self, agency: str, case: str) -> Mapping[str, OpenDeferral]:
        """What waits in a case, by material."""
        change_count, key = self._store.change_count(), (agency, case)
        if change_count != self._change_count or len(self._remembered) >= _MAX_REMEMBERED:
            self._remembered.clear()
            self._change_count = change_count
        elif key in self._remembered:
            return self._remembered[key]
        rows = self._store.select(
            "SELECT material, id, state, due_on FROM deferrals "
            "WHERE agency = ? AND number = ? AND state <> 'closed'",
            *key,
        )
        found = {name: OpenDeferral(i, s, date.fromisoformat(d)) for name, i, s, d in rows}
        self._remembered[key] = found
        return found

    def show(self, agency: str, case: str, material: str) -> DeferralRecord | None:
        """The last deferral of a material, with its change log."""
        rows = self._store.select(
            f"{_SHOWN} WHERE d.agency = ? AND d.number = ? AND d.material = ? "
            "ORDER BY d.opened_s DESC, d.state = 'closed', d.id LIMIT 1",
            *(agency, case, material),
        )
        return self._shown(rows[0]) if rows else None

    def list_of_case(self, agency: str, case: str) -> Sequence[DeferralRecord]:
        """All deferrals of a case, oldest first, each with its change log."""
        rows = self._store.select(
            f"{_SHOWN} WHERE d.agency = ? AND d.number = ? ORDER BY d.opened_s, d.id", agency, case
        )
        return [self._shown(row) for row in rows]

    def list_all(
        self, agency: str | None = None, state: DeferralState | None = None, *, limit: int = 100
    ) -> Sequence[DeferralRecord]:
        """Deferrals by due day, without their change logs."""
        rows = self._store.select(
            f"{_SHOWN} WHERE coalesce(?, d.agency) = d.agency AND coalesce(?, d.state) = d.state "
            "ORDER BY d.due_on, d.agency, d.number, d.material LIMIT ?",
            *(agency, state, limit),
        )
        return [_record(row, ()) for row in rows]

    def backlog(self) -> Backlog:
        """How many wait, and for how long."""
        open_count, overdue_count, first_s = self._store.select(
            "SELECT coalesce(sum(state = 'open'), 0), coalesce(sum(state = 'overdue'), 0), "
            "min(opened_s) FROM deferrals WHERE state <> 'closed'"
        )[0]
        oldest_s = 0.0 if first_s is None else max(0.0, self._clock_s() - first_s)
        return Backlog(open_count, overdue_count, oldest_s)

    async def keep_days(self, today: date, deadline: Deadline) -> None:
        """Remind of what is due soon, and say what is overdue; nothing is written for nothing.

        Raises:
            StoreError: OFFICE_UNAVAILABLE.
        """
        day = today.isoformat()
        due = self._store.select(
            "SELECT 1 FROM deferrals WHERE state = 'open' AND (due_on < ? OR remind_on <= ?) "
            "LIMIT 1",
            *(day, day),
        )
        if due:
            await self._store.write(
                lambda connection: keep_days(connection, day, now_s=self._clock_s()), deadline
            )

    def _open(self, connection: sqlite3.Connection, draft: DeferralDraft) -> None:
        """Inside the transaction."""
        content, now_s = self._cipher.digest(draft.content), self._clock_s()
        for each in waiting_of(connection, draft.agency, draft.case, (draft.material,)):
            self._renew(connection, each, draft, content)
            return
        number = random_piece().hex()
        each = Waiting(
            *(number, draft.agency, draft.case, draft.item, draft.material),
            draft.due_on.isoformat(),
        )
        remind_on = None if draft.remind_on is None else draft.remind_on.isoformat()
        connection.execute(
            "INSERT INTO deferrals "
            "VALUES (?, ?, ?, ?, ?, 'open', NULL, ?, ?, ?, ?, ?, ?, ?, ?, NULL)",
            (number, draft.agency, draft.case, draft.item, draft.material, draft.act, content,
             draft.promise, draft.promised_by, draft.accepted_on.isoformat(), each.due_on,
             remind_on, int(now_s)),
        )  # fmt: skip
        self._order(connection, number, draft)
        tell_opened(connection, each, now_s=now_s)

    def _renew(
        self, connection: sqlite3.Connection, each: Waiting, draft: DeferralDraft, content: bytes
    ) -> None:
        """Ask again where the gateway had given up: the newer request is the order from now on."""
        said_before, state, asks = connection.execute(
            "SELECT d.content, d.state, o.next_try_s IS NOT NULL "
            "FROM deferrals d LEFT JOIN orders o USING (id) WHERE d.id = ?",
            (each.id,),
        ).fetchone()
        if said_before != content:
            raise RequestError("DEFERRAL_WAITING", f"it is {state}, and says something else")
        if asks or draft.order is None or state != "open":
            return
        self._order(connection, each.id, draft)
        connection.execute("UPDATE deferrals SET act = ? WHERE id = ?", (draft.act, each.id))
        log_step(connection, each, "renewed", now_s=self._clock_s())

    def _order(self, connection: sqlite3.Connection, number: str, draft: DeferralDraft) -> None:
        """Have the department asked again."""
        if (made := draft.order) is None:
            return
        order = Order(
            *(number, "deferral", draft.agency, draft.case, draft.material, draft.act, 0),
            made.mandated,
        )
        put_order(
            connection,
            order,
            self._cipher,
            adapter=made.adapter,
            next_try_s=made.first_try_s,
        )

    def _known(self, agency: str, case: str, material: str) -> DeferralRecord:
        record = self.show(agency, case, material)
        if record is None:
            raise RequestError("DEFERRAL_ABSENT")
        return record

    def _shown(self, row: Sequence[Any]) -> DeferralRecord:
        steps = self._store.select(
            "SELECT at_s, what, said, indexes FROM deferral_steps WHERE id = ? ORDER BY place",
            row[0],
        )
        return _record(
            row,
            tuple(
                DeferralStep(format_unix_s(at_s), what, said, _parse_indexes(indexes))
                for at_s, what, said, indexes in steps
            ),
        )


def _record(row: Sequence[Any], steps: tuple[DeferralStep, ...]) -> DeferralRecord:
    number, agency, case, item, material, state, act, promise, promised_by, *rest = row
    accepted_on, due_on, opened_s, reason, ended_s, tries, said, next_try_s = rest
    retry = None
    if tries is not None:
        next_at = None if next_try_s is None else format_unix_s(next_try_s)
        retry = Retry("waiting" if next_at else "over", tries, said, next_at)
    return DeferralRecord(
        id=number,
        agency=agency,
        case=case,
        item=item,
        material=material,
        state=state,
        act=act,
        promise=promise,
        promised_by=promised_by,
        accepted_on=date.fromisoformat(accepted_on),
        due_on=date.fromisoformat(due_on),
        opened_at=format_unix_s(opened_s),
        reason=reason,
        ended_at=None if ended_s is None else format_unix_s(ended_s),
        retry=retry,
        steps=steps,
    )
