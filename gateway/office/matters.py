# SPDX-License-Identifier: Apache-2.0
"""Matters in the office store: written once, then step by step; every step stays.

A step is judged inside the transaction that writes it, so two people cannot both close a matter.
The event of a correction that was answered stands in the same transaction.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final, final

import msgspec

from gateway.errors import RequestError
from gateway.matter_port import MatterShelf
from gateway.model.instant import format_time_s
from gateway.model.matter import (
    LETTERS,
    Matter,
    MatterDraft,
    MatterKind,
    MatterState,
    Step,
    StepDraft,
    screen,
)
from gateway.model.office_event import CorrectionAnswered
from gateway.model.standing import Standing
from gateway.office.outbox import put_event
from gateway.office.store import OfficeStore
from gateway.sdk import Deadline

Advance = Callable[[Matter, StepDraft, str], Matter]

_COLUMNS: Final = "id, state, opened_at, draft, owner, answered_at, closed_at"
_PAGE: Final = f"""
    SELECT {_COLUMNS} FROM matters
    WHERE kind = ? AND coalesce(?, state) = state AND (year, number) > (?, ?)
        AND coalesce(?, agency) = agency
        AND (? OR json_extract(draft, '$.department') IN (SELECT value FROM json_each(?)))
    ORDER BY year, number LIMIT ?
"""  # noqa: S608 -- our own columns
_PORTION: Final = f"""
    SELECT {_COLUMNS}, year, number FROM matters
    WHERE kind = ? AND coalesce(?, state) = state AND (year, number) > (?, ?)
    ORDER BY year, number LIMIT ?
"""  # noqa: S608 -- our own columns
_PORTION_COUNT: Final = 500
_STEPS: Final = "SELECT at, state, draft FROM matter_steps WHERE id = ? ORDER BY number"
_encode: Final = msgspec.json.Encoder(order="deterministic").encode
_parse_draft: Final = msgspec.json.Decoder(MatterDraft).decode
_parse_step: Final = msgspec.json.Decoder(StepDraft).decode


@final
class MatterBook(MatterShelf):
    """The matters of a site.

    Args:
        advance: the matter after a step, or the refusal of it.
        clock: aware now, in the site's zone. Its years number the matters.
    """

    def __init__(
        self, store: OfficeStore, *, advance: Advance, clock: Callable[[], datetime]
    ) -> None:
        self._store: Final = store
        self._advance: Final = advance
        self._clock: Final = clock

    def show(self, matter_id: str) -> Matter:
        """A matter with its change log.

        Raises:
            RequestError: MATTER_ABSENT.
            StoreError: the store cannot be read.
        """
        rows = self._store.select(f"SELECT {_COLUMNS} FROM matters WHERE id = ?", matter_id)  # noqa: S608 -- our own columns
        if not rows:
            raise RequestError("MATTER_ABSENT")
        return _matter(rows[0], self._store.select(_STEPS, matter_id))

    def list_matters(self, kind: MatterKind, state: MatterState | None = None) -> Iterator[Matter]:
        """All matters of a kind, oldest first, with their change logs; read as they are taken.

        Raises:
            StoreError: the store cannot be read.
        """
        after = (0, 0)
        while rows := self._store.select(_PORTION, kind, state, *after, _PORTION_COUNT):
            for *row, year, number in rows:
                after = year, number
                yield _matter(row, self._store.select(_STEPS, row[0]))

    def page(
        self,
        standing: Standing,
        kind: MatterKind,
        state: MatterState | None,
        *,
        after: tuple[int, int],
        limit: int,
    ) -> Sequence[Matter]:
        """Matters that are there for somebody, by year and number from behind `after` on.

        Raises:
            StoreError: the store cannot be read.
        """
        side = standing.side
        rows = self._store.select(
            _PAGE,
            kind,
            state,
            *after,
            standing.id if side == "agency" else None,
            side != "department",
            _encode(standing.adapters).decode(),
            limit,
        )
        return [_matter(row, self._store.select(_STEPS, row[0])) for row in rows]

    async def open_matter(self, draft: MatterDraft, deadline: Deadline) -> Matter:
        """Keep a matter.

        Raises:
            RequestError: MATTER_PERSONAL.
            StoreError: it is not known to be kept.
        """
        screen(draft)
        now = self._clock()
        matter_id = await self._store.write(
            lambda connection: add_matter(connection, draft, now), deadline
        )
        return self.show(matter_id)

    async def open_once(self, draft: MatterDraft, content: bytes, deadline: Deadline) -> Matter:
        """Keep a matter; the same content again, while that one is not closed, is that one.

        Raises:
            RequestError: MATTER_PERSONAL.
            StoreError: it is not known to be kept.
        """
        screen(draft)
        now = self._clock()

        def work(connection: sqlite3.Connection) -> str:
            known = connection.execute(
                "SELECT id FROM matters WHERE content = ? AND state != 'closed'", (content,)
            ).fetchone()
            if known is not None:
                return str(known[0])
            return add_matter(connection, draft, now, content)

        return self.show(await self._store.write(work, deadline))

    async def take(self, matter_id: str, step: StepDraft, deadline: Deadline) -> Matter:
        """Take a step.

        Raises:
            RequestError: MATTER_ABSENT, MATTER_STEP_REFUSED, MATTER_PERSONAL.
            StoreError: it is not known to be kept.
        """
        screen(step)
        now = self._clock()
        at = format_time_s(now)

        def work(connection: sqlite3.Connection) -> None:
            query = f"SELECT {_COLUMNS} FROM matters WHERE id = ?"  # noqa: S608 -- our own columns
            row = connection.execute(query, (matter_id,)).fetchone()
            if row is None:
                raise RequestError("MATTER_ABSENT")
            before = _matter(row, connection.execute(_STEPS, (matter_id,)).fetchall())
            after = self._advance(before, step, at)
            connection.execute(
                "UPDATE matters SET state = ?, owner = ?, answered_at = ?, closed_at = ? "
                "WHERE id = ?",
                (after.state, after.owner, after.answered_at, after.closed_at, matter_id),
            )
            connection.execute(
                "INSERT INTO matter_steps VALUES (?, ?, ?, ?, ?)",
                (matter_id, len(after.steps), at, after.state, _encode(step).decode()),
            )
            _tell(connection, after, step, now)

        await self._store.write(work, deadline)
        return self.show(matter_id)


def add_matter(
    connection: sqlite3.Connection,
    draft: MatterDraft,
    now: datetime,
    content: bytes | None = None,
) -> str:
    """Add a matter inside a transaction; returns its id."""
    (last,) = connection.execute(
        "SELECT coalesce(max(number), 0) FROM matters WHERE kind = ? AND year = ?",
        (draft.kind, now.year),
    ).fetchone()
    matter_id = f"{LETTERS[draft.kind]}-{now.year}-{last + 1:06}"
    connection.execute(
        "INSERT INTO matters (id, kind, year, number, agency, state, opened_at, draft, content) "
        "VALUES (?, ?, ?, ?, ?, 'open', ?, ?, ?)",
        (
            matter_id,
            draft.kind,
            now.year,
            last + 1,
            draft.agency,
            format_time_s(now),
            _encode(draft).decode(),
            content,
        ),
    )
    return matter_id


def _tell(connection: sqlite3.Connection, matter: Matter, step: StepDraft, now: datetime) -> None:
    """Put the event of an answered correction beside its step, for the agency that asked."""
    draft = matter.draft
    if draft.kind != "correction" or step.step != "reply" or step.answer is None:
        return
    answered = CorrectionAnswered(
        correction=matter.id,
        certificate=draft.certificate or draft.department or "",
        answer=step.answer,
        case=draft.case,
    )
    put_event(connection, answered, agency=draft.agency, now_s=now.timestamp())


def _matter(row: Sequence[Any], steps: Sequence[tuple[Any, ...]]) -> Matter:
    matter_id, state, opened_at, draft, owner, answered_at, closed_at = row
    return Matter(
        id=matter_id,
        state=state,
        opened_at=opened_at,
        draft=_parse_draft(draft),
        owner=owner,
        answered_at=answered_at,
        closed_at=closed_at,
        steps=tuple(Step(at, after, _parse_step(taken)) for at, after, taken in steps),
    )
