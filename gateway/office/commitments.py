# SPDX-License-Identifier: Apache-2.0
"""Commitments in the office store.

Rules:

1. A material of a case has one commitment. The same content again changes nothing; another is
   refused, for what was promised cannot be promised otherwise later.
2. The word is the applicants', whoever of the case gave it. A false promise of any of them, in
   whatever case of whatever agency, excludes the case for `exclusion_years` from the day on which
   it was found, unless it was lifted. Holders are known by their keyed index.
3. Whether somebody is excluded is decided in the transaction that keeps the commitment.
4. By when it is checked is no column: it is counted whenever it is shown, so a calendar that is
   mended mends it.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta, timezone
from typing import Any, Final, final

import msgspec

from gateway.errors import RequestError, SetupError
from gateway.model.commitment import CommitmentDraft, CommitmentStep, Committed, advance
from gateway.model.instant import format_time_s, format_unix_s
from gateway.model.office_event import CommitmentChecked
from gateway.model.working_day import WorkingDays
from gateway.office.outbox import put_event
from gateway.office.store import OfficeStore
from gateway.office_port import Commitments
from gateway.sdk import Deadline

_COLUMNS: Final = "agency, number, material, kept_s, draft, result, lifted"
_BY_KEY: Final = "agency = ? AND number = ? AND material = ?"
_ONE: Final = f"SELECT {_COLUMNS} FROM commitments WHERE {_BY_KEY}"  # noqa: S608 -- our own columns
_PORTION_COUNT: Final = 500
_STEPS: Final = f"SELECT step FROM commitment_steps WHERE {_BY_KEY} ORDER BY place"  # noqa: S608 -- our own columns
#: The newest content of a case; of its applicants' false promises, those that count.
_APPLICANTS: Final = """
    SELECT h.ix FROM cases c JOIN case_holders h USING (agency, number, version)
    WHERE c.agency = ? AND c.number = ? AND h.role = 'applicant'
"""
_FALSE: Final = """
    SELECT 1 FROM commitment_holders h JOIN commitments c USING (agency, number, material)
    WHERE h.ix = ? AND c.result = 'false' AND NOT c.lifted AND c.checked_on > ? LIMIT 1
"""
_encode: Final = msgspec.json.Encoder(order="deterministic").encode
_parse_draft: Final = msgspec.json.Decoder(CommitmentDraft).decode
_parse_step: Final = msgspec.json.Decoder(CommitmentStep).decode
_Key = tuple[str, str, str]


@final
class CommitmentBook(Commitments):
    """The commitments of a site.

    Args:
        days: the site's calendar.
        exclusion_years: for so many years a false promise counts; 0: it excludes nobody.
        clock: aware UTC now.
        utc_offset_h: hours east of UTC of the site's days.
    """

    def __init__(
        self,
        store: OfficeStore,
        *,
        days: WorkingDays,
        exclusion_years: int,
        clock: Callable[[], datetime],
        utc_offset_h: float,
    ) -> None:
        self._store: Final = store
        self._days: Final = days
        self._exclusion_years: Final = exclusion_years
        self._clock: Final = clock
        self._zone: Final = timezone(timedelta(hours=utc_offset_h))

    def show(self, agency: str, number: str, material: str) -> Committed | None:
        """A commitment with its change log; None where there is none.

        Raises:
            StoreError: the store cannot be read.
        """
        rows = self._store.select(_ONE, agency, number, material)
        return self._committed(rows[0], self._store.select(_STEPS, *rows[0][:3])) if rows else None

    def of_case(self, agency: str, number: str) -> Sequence[Committed]:
        """The commitments of a case, by material, with their change logs.

        Raises:
            StoreError: the store cannot be read.
        """
        rows = self._store.select(
            f"SELECT {_COLUMNS} FROM commitments WHERE agency = ? AND number = ? "  # noqa: S608 -- our own columns
            "ORDER BY material",
            *(agency, number),
        )
        return [self._committed(row, self._store.select(_STEPS, *row[:3])) for row in rows]

    def list_commitments(
        self, agency: str | None = None, *, unchecked: bool = False
    ) -> Iterator[Committed]:
        """All commitments of one agency or all, oldest first; read as they are taken.

        Raises:
            StoreError: the store cannot be read.
        """
        only = "AND result IS NULL " if unchecked else ""
        query = (
            f"SELECT {_COLUMNS} FROM commitments WHERE coalesce(?, agency) = agency {only}"  # noqa: S608 -- our own columns
            "AND (committed_on, agency, number, material) > (?, ?, ?, ?) "
            "ORDER BY committed_on, agency, number, material LIMIT ?"
        )
        after = ("", "", "", "")
        while rows := self._store.select(query, agency, *after, _PORTION_COUNT):
            for row in rows:
                known = self._committed(row, self._store.select(_STEPS, *row[:3]))
                after = (str(known.draft.committed_on), *row[:3])
                yield known

    def is_excluded(self, agency: str, number: str) -> bool:
        """Whether an earlier false promise keeps the case's applicants from promising.

        Raises:
            StoreError: the store cannot be read.
        """
        return self._is_excluded(self._store.select, agency, number)

    async def keep(self, draft: CommitmentDraft, deadline: Deadline) -> Committed:
        """Keep a commitment; the same content again changes nothing.

        Raises:
            RequestError: COMMITMENT_EXISTS, COMMITMENT_EXCLUDED, CASE_UNKNOWN, CASE_CLOSED.
            StoreError: it is not known to be kept.
        """
        key = (draft.agency, draft.number, draft.material)
        await self._store.write(lambda connection: self._keep(connection, key, draft), deadline)
        return self._known(key)

    async def take(self, key: _Key, step: CommitmentStep, deadline: Deadline) -> Committed:
        """Note a check, or lift a false promise.

        Args:
            key: agency, number of the case, name of the material.

        Raises:
            RequestError: COMMITMENT_ABSENT, COMMITMENT_STEP_REFUSED, MATTER_PERSONAL.
            StoreError: it is not known to be kept.
        """
        now = self._clock()
        taken = msgspec.structs.replace(step, at=format_time_s(now))
        await self._store.write(
            lambda connection: self._take(connection, key, taken, now), deadline
        )
        return self._known(key)

    def _keep(self, connection: sqlite3.Connection, key: _Key, draft: CommitmentDraft) -> None:
        """Inside the transaction."""
        known = connection.execute(_ONE, key).fetchone()
        if known is not None:
            if msgspec.structs.replace(_parse_draft(known[4]), act=draft.act) != draft:
                raise RequestError("COMMITMENT_EXISTS")
            return
        state = connection.execute(
            "SELECT state FROM cases WHERE agency = ? AND number = ?", key[:2]
        ).fetchone()
        if state in {None, ("provisional",)}:
            raise RequestError("CASE_UNKNOWN", "commitments are made in a registered case")
        if state == ("closed",):
            raise RequestError("CASE_CLOSED")

        def select(query: str, *values: object) -> list[Any]:
            return connection.execute(query, values).fetchall()

        if self._is_excluded(select, *key[:2]):
            raise RequestError("COMMITMENT_EXCLUDED")
        connection.execute(
            "INSERT INTO commitments VALUES (?, ?, ?, ?, ?, ?, NULL, NULL, 0)",
            (
                *key,
                str(draft.committed_on),
                int(self._clock().timestamp()),
                _encode(draft).decode(),
            ),
        )
        connection.executemany(
            "INSERT OR IGNORE INTO commitment_holders VALUES (?, ?, ?, ?)",
            [(ix, *key) for (ix,) in select(_APPLICANTS, *key[:2])],
        )

    def _take(
        self, connection: sqlite3.Connection, key: _Key, step: CommitmentStep, now: datetime
    ) -> None:
        """Inside the transaction."""
        row = connection.execute(_ONE, key).fetchone()
        if row is None:
            raise RequestError("COMMITMENT_ABSENT")
        before = self._committed(row, connection.execute(_STEPS, key).fetchall())
        after = advance(before, step)
        connection.execute(
            f"UPDATE commitments SET result = ?, lifted = ?, checked_on = ? WHERE {_BY_KEY}",  # noqa: S608 -- our own columns
            (after.result, int(after.lifted), _checked_on(after, self._zone), *key),
        )
        connection.execute(
            "INSERT INTO commitment_steps VALUES (?, ?, ?, ?, ?)",
            (*key, len(after.steps), _encode(step).decode()),
        )
        if step.result is not None:
            draft = after.draft
            what = CommitmentChecked(draft.number, draft.item, draft.material, step.result)
            put_event(connection, what, agency=draft.agency, now_s=now.timestamp())

    def _is_excluded(self, select: Callable[..., Sequence[Any]], agency: str, number: str) -> bool:
        if not self._exclusion_years:
            return False
        since = years_before(self._clock().astimezone(self._zone).date(), self._exclusion_years)
        applicants = select(_APPLICANTS, agency, number)
        return any(select(_FALSE, ix, str(since)) for (ix,) in applicants)

    def _known(self, key: _Key) -> Committed:
        known = self.show(*key)
        assert known is not None  # it was written, and nothing is ever deleted
        return known

    def _committed(self, row: Sequence[Any], steps: Sequence[tuple[str]]) -> Committed:
        *_, kept_s, encoded, result, lifted = row
        draft = _parse_draft(encoded)
        return Committed(
            draft=draft,
            kept_at=format_unix_s(kept_s),
            check_due_on=self._due_on(draft),
            result=result,
            lifted=bool(lifted),
            steps=tuple(_parse_step(step) for (step,) in steps),
        )

    def _due_on(self, draft: CommitmentDraft) -> date | None:
        try:
            return self._days.add_working_days(draft.committed_on, draft.check_within_working_days)
        except SetupError:  # no table of that year yet: nothing is guessed
            return None


def years_before(day: date, years: int) -> date:
    """The same day so many years before; 29 February becomes the 28th."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return day.replace(year=day.year - years, day=28)


def _checked_on(known: Committed, zone: timezone) -> str | None:
    """Day of the last check; lifting one is none."""
    checks = [step.at for step in known.steps if step.step == "check"]
    return str(datetime.fromisoformat(checks[-1]).astimezone(zone).date()) if checks else None
