# SPDX-License-Identifier: Apache-2.0
"""Alarms in the office store: each is kept once, from its raising to its clearing.

An alarm that acts by itself opens its scope's incident, or takes the open one higher, in the
transaction that keeps the alarm, and stands there until it is noted that the log has it, too. None
takes a rung back: that is a person's to do.
"""

import sqlite3
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any, Final, final

import msgspec

from gateway.matter_port import AlarmShelf
from gateway.model.incident import Alarm, AlarmDraft, IncidentDraft, IncidentStepDraft
from gateway.model.instant import format_time_s
from gateway.model.rung import height
from gateway.office.incidents import add_incident, open_incident_of, rung_of, take_step
from gateway.office.store import OfficeStore
from gateway.sdk import Deadline

_COLUMNS: Final = "id, draft, raised_at, cleared_at, incident"
_encode: Final = msgspec.json.Encoder(order="deterministic").encode
_parse: Final = msgspec.json.Decoder(AlarmDraft).decode


@final
class AlarmBook(AlarmShelf):
    """The alarms of a site.

    Args:
        clock: aware now, in the site's zone. Its years number the incidents of alarms.
    """

    def __init__(self, store: OfficeStore, *, clock: Callable[[], datetime]) -> None:
        self._store: Final = store
        self._clock: Final = clock

    def list_alarms(self, *, is_raised: bool = False, limit: int = 1000) -> Sequence[Alarm]:
        """Alarms, newest first.

        Args:
            is_raised: only those that are not cleared.

        Raises:
            StoreError: the store cannot be read.
        """
        rows = self._store.select(
            f"SELECT {_COLUMNS} FROM alarms WHERE cleared_at IS NULL OR NOT ? "  # noqa: S608 -- our own columns
            "ORDER BY id DESC LIMIT ?",
            *(is_raised, limit),
        )
        return [_alarm(row) for row in rows]

    def page(self, scopes: Sequence[str] | None, *, after: int, limit: int) -> Sequence[Alarm]:
        """Alarms of scopes or of all, by id from behind `after` on.

        Raises:
            StoreError: the store cannot be read.
        """
        rows = self._store.select(
            f"SELECT {_COLUMNS} FROM alarms WHERE id > ? "  # noqa: S608 -- our own columns
            "AND (? OR scope IN (SELECT value FROM json_each(?))) ORDER BY id LIMIT ?",
            *(after, scopes is None, _encode(scopes or ()).decode(), limit),
        )
        return [_alarm(row) for row in rows]

    async def raise_alarm(
        self, draft: AlarmDraft, deadline: Deadline, *, acts_for: Collection[str] | None
    ) -> Alarm | None:
        """Keep an alarm; None where it is raised already.

        Args:
            acts_for: the agencies to tell, where the alarm takes its rung by itself; None where it
                only proposes it.

        Raises:
            StoreError: it is not known to be kept.
        """
        now = self._clock()

        def work(connection: sqlite3.Connection) -> int | None:
            query = "SELECT 1 FROM alarms WHERE rule = ? AND scope = ? AND cleared_at IS NULL"
            if connection.execute(query, (draft.rule, draft.scope)).fetchone():
                return None
            incident = None if acts_for is None else _act(connection, draft, now, acts_for)
            return connection.execute(
                "INSERT INTO alarms (rule, scope, draft, raised_at, incident, recorded) "
                "VALUES (?1, ?2, ?3, ?4, ?5, ?5 IS NULL)",
                (draft.rule, draft.scope, _encode(draft).decode(), format_time_s(now), incident),
            ).lastrowid

        alarm_id = await self._store.write(work, deadline)
        query = f"SELECT {_COLUMNS} FROM alarms WHERE id = ?"  # noqa: S608 -- our own columns
        return None if alarm_id is None else _alarm(self._store.select(query, alarm_id)[0])

    def unrecorded(self) -> Sequence[Alarm]:
        """Alarms that took a rung of which the log may not know yet, oldest first.

        Raises:
            StoreError: the store cannot be read.
        """
        query = f"SELECT {_COLUMNS} FROM alarms WHERE recorded = 0 ORDER BY id"  # noqa: S608 -- our own columns
        return [_alarm(row) for row in self._store.select(query)]

    async def note_recorded(self, alarm_id: int, deadline: Deadline) -> None:
        """Note that the log has what an alarm did.

        Raises:
            StoreError: it is not known to be noted; then it is recorded once more.
        """

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("UPDATE alarms SET recorded = 1 WHERE id = ?", (alarm_id,))

        await self._store.write(work, deadline)

    async def clear(self, rule: str, scope: str, deadline: Deadline) -> bool:
        """End an alarm; returns whether it was raised.

        Raises:
            StoreError: it is not known to be kept.
        """
        at = format_time_s(self._clock())

        def work(connection: sqlite3.Connection) -> bool:
            done = connection.execute(
                "UPDATE alarms SET cleared_at = ? "
                "WHERE rule = ? AND scope = ? AND cleared_at IS NULL",
                (at, rule, scope),
            )
            return bool(done.rowcount)

        return await self._store.write(work, deadline)


def _act(
    connection: sqlite3.Connection,
    draft: AlarmDraft,
    now: datetime,
    agencies: Collection[str],
) -> str:
    """Take the rung that an alarm names, unless its scope is as high already."""
    words = f"{draft.figure} {draft.value:g}, threshold {draft.threshold:g}"
    by = f"alarm {draft.rule}"
    known = open_incident_of(connection, draft.scope)
    if known is None:
        opening = IncidentDraft(
            scope=draft.scope, rung=draft.proposes, by=by, words=words, alarm=draft.rule
        )
        return add_incident(connection, opening, now, agencies)
    if height(rung_of(connection, known)) < height(draft.proposes):
        step = IncidentStepDraft(step="rung", by=by, words=words, rung=draft.proposes)
        take_step(connection, known, step, now)
    return known


def _alarm(row: Sequence[Any]) -> Alarm:
    alarm_id, draft, raised_at, cleared_at, incident = row
    return Alarm(
        id=alarm_id,
        draft=_parse(draft),
        raised_at=raised_at,
        cleared_at=cleared_at,
        incident=incident,
    )
