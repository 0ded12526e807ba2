# SPDX-License-Identifier: Apache-2.0
"""The search index as rules see it, read-only.

Rules:

1. `period` holds the accesses under judgement, `past` those and the baseline's before them,
   `history` all until the period's end. Acts and events are no accesses. However long the period,
   `past` holds the whole of it: a rule that reads `past` must not leave out what is judged.
2. `day` counts days since 1970 in the site's zone, `weekday` is 1 for Monday, `day_ms` is the
   time of day; `outside` is 1 outside the agency's working hours.
3. Indices rise with time but for the clocks of workers, so a period is a range of rows: read in
   order, it costs a tenth of what rows found by a secondary index cost.
4. A number is opened for `reveal` only, stays in memory, and is in no finding.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self, final

import msgspec

from gateway.audit.index.rows import IndexReader
from gateway.audit.index.schema import DATABASE
from gateway.audit.store.reader import sqlite_error
from gateway.errors import Text
from gateway.model.anomaly import AnomalySection, WorkingHours

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000
_BUSY_S: Final = 5.0

_TABLES: Final = """
CREATE TEMP TABLE span (
    first INTEGER, past_first INTEGER, last INTEGER,
    from_ms INTEGER, past_ms INTEGER, until_ms INTEGER, offset_ms INTEGER);
CREATE TEMP TABLE hours (agency TEXT PRIMARY KEY, from_ms INTEGER, until_ms INTEGER, days TEXT);
CREATE TEMP VIEW history AS
    SELECT idx, time_ms, agency, keyid, operator, terminal, case_id, purpose, epoch, ix, masked,
           outcome, (time_ms + offset_ms) / 86400000 AS day,
           (time_ms + offset_ms) % 86400000 AS day_ms,
           ((time_ms + offset_ms) / 86400000 + 3) % 7 + 1 AS weekday,
           substr(certificate, 1, instr(certificate, '.') - 1) AS department,
           time_ms >= from_ms AS judged
      FROM span CROSS JOIN main.records NOT INDEXED
     WHERE idx <= (SELECT last FROM span) AND kind = 'lookup' AND time_ms < until_ms;
CREATE TEMP VIEW past AS
    SELECT history.*, history.day_ms NOT BETWEEN coalesce(own.from_ms, usual.from_ms)
                                       AND coalesce(own.until_ms, usual.until_ms) - 1
                   OR instr(coalesce(own.days, usual.days), weekday) = 0 AS outside
      FROM history JOIN hours AS usual ON usual.agency = ''
           LEFT JOIN hours AS own ON own.agency = history.agency
     WHERE idx >= (SELECT past_first FROM span) AND time_ms >= (SELECT past_ms FROM span);
CREATE TEMP VIEW period AS
    SELECT * FROM history WHERE idx >= (SELECT first FROM span) AND judged;
"""
_SPAN: Final = """
INSERT INTO span SELECT
    (SELECT min(idx) FROM main.records WHERE time_ms >= :from_ms),
    (SELECT min(idx) FROM main.records WHERE time_ms >= :past_ms),
    (SELECT max(idx) FROM main.records WHERE time_ms < :until_ms),
    :from_ms, :past_ms, :until_ms, :offset_ms
"""


class Period(msgspec.Struct, frozen=True):
    """What is under judgement, from `begin` to just before `end`; aware."""

    begin: datetime
    end: datetime


class Revealed(msgspec.Struct, frozen=True):
    """A holder's number, in memory only."""

    index: int
    number: str
    masked: str

    def __repr__(self) -> str:
        return f"Revealed({self.index})"


Reveal = Callable[[Sequence[int]], Iterator[Revealed]]


@final
class View:
    """One run's view of the index.

    Args:
        connection: of the index, read-only; closed by `close`.
        period: under judgement.
        settings: thresholds.
        utc_offset_h: the site's time zone.
        reveal: opens the numbers of these records, leaving out what cannot be opened any more.

    Raises:
        AuditError: the index cannot be read.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        period: Period,
        settings: AnomalySection,
        *,
        utc_offset_h: float,
        reveal: Reveal,
    ) -> None:
        self._connection: Final = connection
        self.period: Final = period
        self.settings: Final = settings
        self.reveal: Final = reveal
        self.notes: Final[list[Text]] = []
        self.from_ms: Final = _ms(period.begin)
        self.offset_ms: Final = round(utc_offset_h * HOUR_MS)
        try:
            connection.executescript(_TABLES)
            connection.execute(
                _SPAN,
                {
                    "from_ms": self.from_ms,
                    "past_ms": self.from_ms - settings.baseline_days * DAY_MS,
                    "until_ms": _ms(period.end),
                    "offset_ms": self.offset_ms,
                },
            )
            usual = {"": settings.hours, **settings.agency_hours}
            connection.executemany(
                "INSERT INTO hours VALUES (?, ?, ?, ?)",
                [(agency, *_hours(hours)) for agency, hours in usual.items()],
            )
        except sqlite3.Error as error:
            raise sqlite_error(error, "reading the search index") from None

    @classmethod
    def open(
        cls,
        folder: Path,
        period: Period,
        settings: AnomalySection,
        *,
        utc_offset_h: float,
        reveal: Reveal,
    ) -> Self:
        """Open the index of that folder.

        Raises:
            SetupError: there is none, or one of another version.
            AuditError: it cannot be read.
        """
        IndexReader.open(folder).close()
        try:
            uri = f"{(folder / DATABASE).resolve().as_uri()}?mode=ro"
            connection = sqlite3.connect(uri, uri=True, timeout=_BUSY_S, isolation_level=None)
            connection.execute("PRAGMA temp_store = MEMORY")
        except sqlite3.Error as error:
            raise sqlite_error(error, "reading the search index") from None
        return cls(connection, period, settings, utc_offset_h=utc_offset_h, reveal=reveal)

    def close(self) -> None:
        """Close the index."""
        self._connection.close()

    def size(self) -> int:
        """Records of the log that are in the index."""
        return int(self.rows("SELECT coalesce(max(idx), -1) + 1 FROM main.records")[0][0])

    def rows(self, query: str, **values: float | str) -> list[Any]:
        """All rows of a query over `period`, `past` and `history`.

        Raises:
            AuditError: the index cannot be read.
        """
        try:
            with closing(self._connection.execute(query, values)) as cursor:
                return cursor.fetchall()
        except sqlite3.Error as error:
            raise sqlite_error(error, "reading the search index") from None


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _hours(hours: WorkingHours) -> tuple[int, int, str]:
    return (
        round(hours.from_h * HOUR_MS),
        round(hours.to_h * HOUR_MS),
        "".join(map(str, hours.days)),
    )
