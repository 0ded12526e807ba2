# SPDX-License-Identifier: Apache-2.0
"""Findings of monitoring in the office store.

Rules:

1. What a finding is about (rule, agency, case, subject) is its key: found again, it is the same.
2. Its level only rises. What is no longer suspicious stays until a person settles it with a
   reason, and what is settled is not found again.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final, final

import msgspec

from gateway.errors import RequestError
from gateway.matter_port import FindingShelf
from gateway.model.finding import (
    LEVELS,
    Finding,
    FindingState,
    FindingStep,
    Level,
    RuleName,
    Suspicion,
)
from gateway.model.instant import format_time_s
from gateway.model.screening import holds_identifier
from gateway.office.store import OfficeStore
from gateway.sdk import Deadline

_COLUMNS: Final = "id, level, state, about"
_PORTION: Final = f"""
    SELECT {_COLUMNS}, year, place FROM findings
    WHERE coalesce(?, level) = level AND coalesce(?, rule) = rule
        AND coalesce(?, agency) = agency AND coalesce(?, state) = state
        AND (year, place) > (?, ?)
    ORDER BY year, place LIMIT ?
"""  # noqa: S608 -- our own columns
_PORTION_COUNT: Final = 500
_STEPS: Final = "SELECT step FROM finding_steps WHERE id = ? ORDER BY place"
_encode: Final = msgspec.json.Encoder(order="deterministic").encode
_parse_about: Final = msgspec.json.Decoder(Suspicion).decode
_parse_step: Final = msgspec.json.Decoder(FindingStep).decode


@final
class FindingBook(FindingShelf):
    """The findings of a site.

    Args:
        clock: aware now, in the site's zone. Its years number the findings.
    """

    def __init__(self, store: OfficeStore, *, clock: Callable[[], datetime]) -> None:
        self._store: Final = store
        self._clock: Final = clock

    def show(self, finding_id: str) -> Finding:
        """A finding with its change log.

        Raises:
            RequestError: FINDING_ABSENT.
            StoreError: the store cannot be read.
        """
        rows = self._store.select(f"SELECT {_COLUMNS} FROM findings WHERE id = ?", finding_id)  # noqa: S608 -- our own columns
        if not rows:
            raise RequestError("FINDING_ABSENT")
        return _finding(rows[0], self._store.select(_STEPS, finding_id))

    def list_findings(
        self,
        *,
        level: Level | None = None,
        rule: RuleName | None = None,
        agency: str | None = None,
        state: FindingState | None = "open",
    ) -> Iterator[Finding]:
        """All findings, oldest first, with their change logs; read as they are taken.

        Raises:
            StoreError: the store cannot be read.
        """
        asked, after = (level, rule, agency, state), (0, 0)
        while rows := self._store.select(_PORTION, *asked, *after, _PORTION_COUNT):
            for *row, year, place in rows:
                after = year, place
                yield _finding(row, self._store.select(_STEPS, row[0]))

    def page(
        self,
        agency: str | None,
        state: FindingState | None,
        *,
        after: tuple[int, int],
        limit: int,
    ) -> Sequence[Finding]:
        """Findings of an agency or of all, by year and number from behind `after` on.

        Raises:
            StoreError: the store cannot be read.
        """
        rows = self._store.select(
            f"SELECT {_COLUMNS} FROM findings WHERE coalesce(?, agency) = agency "  # noqa: S608 -- our own columns
            "AND coalesce(?, state) = state AND (year, place) > (?, ?) "
            "ORDER BY year, place LIMIT ?",
            *(agency, state, *after, limit),
        )
        return [_finding(row, self._store.select(_STEPS, row[0])) for row in rows]

    async def keep(
        self, suspicions: Iterable[Suspicion], deadline: Deadline
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Keep what is suspicious now.

        Returns:
            Ids of what is new, and of what has a higher level than before.

        Raises:
            StoreError: it is not known to be kept.
        """
        now, each_once = self._clock(), list(suspicions)
        found: list[str] = []
        raised: list[str] = []

        def work(connection: sqlite3.Connection) -> None:
            found.clear()
            raised.clear()
            for suspicion in each_once:
                key = (suspicion.rule, suspicion.agency, suspicion.case, suspicion.subject)
                known = connection.execute(
                    "SELECT id, level, state FROM findings "
                    "WHERE rule = ? AND agency = ? AND number = ? AND subject = ?",
                    key,
                ).fetchone()
                if known is None:
                    found.append(_add(connection, suspicion, key, now))
                elif known[2] == "open" and _is_worse(suspicion.level, known[1]):
                    step = FindingStep(format_time_s(now), "raised", suspicion.level)
                    _note(connection, known[0], step)
                    raised.append(known[0])

        if each_once:
            await self._store.write(work, deadline)
        return tuple(found), tuple(raised)

    async def settle(self, finding_id: str, *, by: str, words: str, deadline: Deadline) -> Finding:
        """End a finding with a reason.

        Raises:
            RequestError: FINDING_ABSENT, FINDING_SETTLED, MATTER_PERSONAL.
            StoreError: it is not known to be kept.
        """
        for member, text in (("by", by), ("words", words)):
            if holds_identifier(text):
                raise RequestError("MATTER_PERSONAL", f"`{member}` holds an identity number")
        if not words.strip():
            raise RequestError("FINDING_SETTLED", "a finding is settled with a reason")
        at = format_time_s(self._clock())

        def work(connection: sqlite3.Connection) -> None:
            known = connection.execute(
                "SELECT level, state FROM findings WHERE id = ?", (finding_id,)
            ).fetchone()
            if known is None:
                raise RequestError("FINDING_ABSENT")
            if known[1] == "settled":
                raise RequestError("FINDING_SETTLED", "it was settled before")
            _note(connection, finding_id, FindingStep(at, "settled", known[0], by, words))

        await self._store.write(work, deadline)
        return self.show(finding_id)


def _add(
    connection: sqlite3.Connection,
    suspicion: Suspicion,
    key: tuple[str, str, str, str],
    now: datetime,
) -> str:
    """Inside the transaction; returns the id."""
    (last,) = connection.execute(
        "SELECT coalesce(max(place), 0) FROM findings WHERE year = ?", (now.year,)
    ).fetchone()
    finding_id = f"F-{now.year}-{last + 1:06}"
    connection.execute(
        "INSERT INTO findings VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'open', ?)",
        (finding_id, now.year, last + 1, *key, suspicion.level, _encode(suspicion).decode()),
    )
    _note(connection, finding_id, FindingStep(format_time_s(now), "found", suspicion.level))
    return finding_id


def _note(connection: sqlite3.Connection, finding_id: str, step: FindingStep) -> None:
    """Inside the transaction: a step, and what follows from it."""
    connection.execute(
        "INSERT INTO finding_steps SELECT ?, count(*) + 1, ? FROM finding_steps WHERE id = ?",
        (finding_id, _encode(step).decode(), finding_id),
    )
    state = "settled" if step.step == "settled" else "open"
    connection.execute(
        "UPDATE findings SET level = ?, state = ? WHERE id = ?", (step.level, state, finding_id)
    )


def _is_worse(level: Level, than: Level) -> bool:
    return LEVELS.index(level) > LEVELS.index(than)


def _finding(row: Sequence[Any], steps: Sequence[tuple[str]]) -> Finding:
    finding_id, level, state, about = row
    return Finding(
        id=finding_id,
        level=level,
        state=state,
        about=_parse_about(about),
        steps=tuple(_parse_step(step) for (step,) in steps),
    )
