# SPDX-License-Identifier: Apache-2.0
"""Incidents in the office store: each step once, and the events beside them.

A step is judged inside the transaction that writes it, so two people cannot both close an incident.
Agencies are told of its beginning and its end in that transaction, too.
"""

import sqlite3
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any, Final, final

import msgspec

from gateway.errors import RequestError
from gateway.matter_port import IncidentShelf
from gateway.model.incident import Incident, IncidentDraft, IncidentStep, IncidentStepDraft
from gateway.model.instant import format_time_ms
from gateway.model.matter import screen
from gateway.model.office_event import IncidentClosed, IncidentOpened
from gateway.model.rung import WHOLE_SITE, Rung
from gateway.model.supervised_incident import IncidentState
from gateway.office.outbox import put_event
from gateway.office.store import OfficeStore
from gateway.sdk import Deadline

_COLUMNS: Final = "id, scope, alarm, drill, opened_at, closed_at"
_STEPS: Final = "SELECT at, rung, draft FROM incident_steps WHERE id = ? ORDER BY number"
_encode: Final = msgspec.json.Encoder(order="deterministic").encode
_parse_step: Final = msgspec.json.Decoder(IncidentStepDraft).decode


@final
class IncidentBook(IncidentShelf):
    """The incidents of a site.

    Args:
        clock: aware now, in the site's zone. Its years number the incidents.
    """

    def __init__(self, store: OfficeStore, *, clock: Callable[[], datetime]) -> None:
        self._store: Final = store
        self._clock: Final = clock

    def show(self, incident_id: str) -> Incident:
        """An incident with its log.

        Raises:
            RequestError: INCIDENT_ABSENT.
            StoreError: the store cannot be read.
        """
        query = f"SELECT {_COLUMNS} FROM incidents WHERE id = ?"  # noqa: S608 -- our own columns
        rows = self._store.select(query, incident_id)
        if not rows:
            raise RequestError("INCIDENT_ABSENT")
        return _incident(rows[0], self._store.select(_STEPS, incident_id))

    def list_incidents(self, *, is_open: bool = False, limit: int = 1000) -> Sequence[Incident]:
        """Incidents and drills, newest first.

        Args:
            is_open: only those that are not closed.

        Raises:
            StoreError: the store cannot be read.
        """
        rows = self._store.select(
            f"SELECT {_COLUMNS} FROM incidents WHERE closed_at IS NULL OR NOT ? "  # noqa: S608 -- our own columns
            "ORDER BY year DESC, number DESC LIMIT ?",
            *(is_open, limit),
        )
        return [_incident(row, self._store.select(_STEPS, row[0])) for row in rows]

    def page(
        self,
        scopes: Sequence[str] | None,
        state: IncidentState | None,
        *,
        after: tuple[int, int],
        limit: int,
    ) -> Sequence[Incident]:
        """Incidents and drills of scopes or of all, by year and number from behind `after` on.

        Raises:
            StoreError: the store cannot be read.
        """
        rows = self._store.select(
            f"SELECT {_COLUMNS} FROM incidents WHERE (year, number) > (?, ?) "  # noqa: S608 -- our own columns
            "AND coalesce(?, iif(closed_at IS NULL, 'open', 'closed')) "
            "= iif(closed_at IS NULL, 'open', 'closed') "
            "AND (? OR scope IN (SELECT value FROM json_each(?))) ORDER BY year, number LIMIT ?",
            *(*after, state, scopes is None, _encode(scopes or ()).decode(), limit),
        )
        return [_incident(row, self._store.select(_STEPS, row[0])) for row in rows]

    async def open_incident(
        self, draft: IncidentDraft, deadline: Deadline, *, agencies: Collection[str]
    ) -> Incident:
        """Begin an incident.

        Args:
            agencies: who is told.

        Raises:
            RequestError: INCIDENT_OPEN, INCIDENT_STEP_REFUSED, MATTER_PERSONAL.
            StoreError: it is not known to be kept.
        """
        now = self._clock()
        incident_id = await self._store.write(
            lambda connection: add_incident(connection, draft, now, agencies), deadline
        )
        return self.show(incident_id)

    async def take(
        self,
        incident_id: str,
        step: IncidentStepDraft,
        deadline: Deadline,
        *,
        agencies: Collection[str] = (),
    ) -> Incident:
        """Take a step.

        Args:
            agencies: who is told, with `close`.

        Raises:
            RequestError: INCIDENT_ABSENT, INCIDENT_STEP_REFUSED, MATTER_PERSONAL.
            StoreError: it is not known to be kept.
        """
        now = self._clock()

        def work(connection: sqlite3.Connection) -> None:
            take_step(connection, incident_id, step, now)
            if step.step == "close":
                _close(connection, incident_id, now, agencies)

        await self._store.write(work, deadline)
        return self.show(incident_id)


def add_incident(
    connection: sqlite3.Connection,
    draft: IncidentDraft,
    now: datetime,
    agencies: Collection[str],
) -> str:
    """Begin an incident inside a transaction; returns its id.

    Raises:
        RequestError: INCIDENT_OPEN, INCIDENT_STEP_REFUSED, MATTER_PERSONAL.
    """
    first = IncidentStepDraft(step="open", by=draft.by, words=draft.words, rung=draft.rung)
    _check(first)
    if (known := open_incident_of(connection, draft.scope, drill=draft.drill)) is not None:
        raise RequestError("INCIDENT_OPEN", known)
    (last,) = connection.execute(
        "SELECT coalesce(max(number), 0) FROM incidents WHERE year = ?", (now.year,)
    ).fetchone()
    incident_id, at = f"E-{now.year}-{last + 1:06}", format_time_ms(now)
    connection.execute(
        "INSERT INTO incidents VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)",
        (incident_id, now.year, last + 1, draft.scope, draft.alarm, draft.drill, draft.rung, at),
    )
    _keep_step(connection, incident_id, first, draft.rung, at)
    adapter = None if draft.scope == WHOLE_SITE else draft.scope
    opened = IncidentOpened(incident_id, draft.alarm, draft.rung, draft.drill, adapter)
    for agency in sorted(agencies):
        put_event(connection, opened, agency=agency, now_s=now.timestamp())
    return incident_id


def open_incident_of(
    connection: sqlite3.Connection, scope: str, *, drill: bool = False
) -> str | None:
    """Id of a scope's open incident; None for none."""
    row = connection.execute(
        "SELECT id FROM incidents WHERE scope = ? AND drill = ? AND closed_at IS NULL",
        (scope, drill),
    ).fetchone()
    return None if row is None else str(row[0])


def rung_of(connection: sqlite3.Connection, incident_id: str) -> Rung:
    """The rung of an incident that is there."""
    query = "SELECT rung FROM incidents WHERE id = ?"
    rung: Rung = connection.execute(query, (incident_id,)).fetchone()[0]
    return rung


def take_step(
    connection: sqlite3.Connection, incident_id: str, step: IncidentStepDraft, now: datetime
) -> None:
    """Take a step inside a transaction.

    Raises:
        RequestError: INCIDENT_ABSENT, INCIDENT_STEP_REFUSED, MATTER_PERSONAL.
    """
    _check(step)
    row = connection.execute(
        "SELECT rung, closed_at FROM incidents WHERE id = ?", (incident_id,)
    ).fetchone()
    if row is None:
        raise RequestError("INCIDENT_ABSENT")
    before, closed_at = row
    if closed_at is not None:
        raise RequestError("INCIDENT_STEP_REFUSED", f"it was closed at {closed_at}")
    if step.step == "rung" and step.rung == before:
        raise RequestError("INCIDENT_STEP_REFUSED", f"it is on rung {before} already")
    after: Rung = "normal" if step.step == "close" else step.rung or before
    connection.execute("UPDATE incidents SET rung = ? WHERE id = ?", (after, incident_id))
    _keep_step(connection, incident_id, step, after, format_time_ms(now))


def _check(step: IncidentStepDraft) -> None:
    """Nobody does anything without saying who and why, in a form that is read again."""
    if not (step.by.strip() and step.words.strip()):
        raise RequestError("INCIDENT_STEP_REFUSED", "it needs who does it, and why")
    try:
        _parse_step(_encode(step))
    except msgspec.ValidationError as error:
        raise RequestError("INCIDENT_STEP_REFUSED", str(error)) from None
    screen(step)


def _keep_step(
    connection: sqlite3.Connection,
    incident_id: str,
    step: IncidentStepDraft,
    rung: Rung,
    at: str,
) -> None:
    connection.execute(
        "INSERT INTO incident_steps SELECT ?1, count(*) + 1, ?2, ?3, ?4 "
        "FROM incident_steps WHERE id = ?1",
        (incident_id, at, rung, _encode(step).decode()),
    )


def _close(
    connection: sqlite3.Connection, incident_id: str, now: datetime, agencies: Collection[str]
) -> None:
    connection.execute(
        "UPDATE incidents SET closed_at = ? WHERE id = ?", (format_time_ms(now), incident_id)
    )
    query = "SELECT drill FROM incidents WHERE id = ?"
    (drill,) = connection.execute(query, (incident_id,)).fetchone()
    closed = IncidentClosed(incident_id, drill=bool(drill))
    for agency in sorted(agencies):
        put_event(connection, closed, agency=agency, now_s=now.timestamp())


def _incident(row: tuple[Any, ...], steps: Sequence[tuple[Any, ...]]) -> Incident:
    incident_id, scope, alarm, drill, opened_at, closed_at = row
    return Incident(
        id=incident_id,
        scope=scope,
        alarm=alarm,
        drill=bool(drill),
        opened_at=opened_at,
        steps=tuple(IncidentStep(at, rung, _parse_step(draft)) for at, rung, draft in steps),
        closed_at=closed_at,
    )
