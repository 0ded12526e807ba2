# SPDX-License-Identifier: Apache-2.0
"""Working days 工作日: Mondays to Fridays, as the State Council's yearly notice changes them.

Rules:

1. A holiday 节假日 is no working day, whatever its weekday; a make-up day 调休上班 is one
   (行政许可法第八十二条).
2. Nothing is guessed: a day of a year without a table is an error that names the file to add.
3. A period begins on the day after it was started, so day 1 is the next working day (民法典
   第二百零一条).
4. A table may reach into the December before: the notice of 2019 made 2018-12-29 a working day.
   Where two tables speak of one day, that of the later year counts: it was published later.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from gateway.errors import SetupError

_DAY: Final = timedelta(days=1)
_SATURDAY: Final = 5
_DECEMBER: Final = 12


class Holiday(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One numbered line of a notice.

    Attributes:
        name: of the holiday.
        first: day without work.
        last: day without work.
        make_up: Saturdays and Sundays that are worked for it.
    """

    name: Annotated[str, Meta(min_length=1, max_length=64)]
    first: date
    last: date
    make_up: tuple[date, ...] = ()

    def __post_init__(self) -> None:
        """Find what no notice says, and a typing error does."""
        if self.last < self.first:
            raise ValueError(f"{self.name} ends before it begins")
        for day in self.make_up:
            if day.weekday() < _SATURDAY:
                raise ValueError(f"{day} is worked anyway: a make-up day is a Saturday or Sunday")
            if self.first <= day <= self.last:
                raise ValueError(f"{day} is a make-up day and a day of {self.name}")


class YearTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The holidays of one year.

    Attributes:
        year: that it speaks of.
        source: the notice that it was typed from.
        holidays: its lines.
    """

    year: Annotated[int, Meta(ge=2000, le=2200)]
    source: Annotated[str, Meta(min_length=1, max_length=200)]
    holidays: Annotated[tuple[Holiday, ...], Meta(min_length=1)]

    def __post_init__(self) -> None:
        """Each day is of this year, and said once."""
        said = set[date]()
        for holiday in self.holidays:
            for day in (*_days(holiday.first, holiday.last), *holiday.make_up):
                before = day.year == self.year - 1 and day.month == _DECEMBER
                if day.year != self.year and not before:
                    raise ValueError(f"{day} is no day of {self.year}")
                if day in said:
                    raise ValueError(f"{day} is there twice")
                said.add(day)


class WorkingDays:
    """Which days are worked.

    Args:
        tables: one a year at most.
    """

    def __init__(self, tables: Iterable[YearTable]) -> None:
        self.tables = {table.year: table for table in sorted(tables, key=_year)}
        self._changed: dict[date, bool] = {}
        for table in self.tables.values():
            for holiday in table.holidays:
                self._changed.update(dict.fromkeys(_days(holiday.first, holiday.last), False))
                self._changed.update(dict.fromkeys(holiday.make_up, True))

    def go_by(self, newer: "WorkingDays") -> None:
        """Know what the other knows: everybody who counts by this one does so from now on."""
        self.tables, self._changed = newer.tables, newer._changed  # noqa: SLF001 - of our own kind

    def is_working(self, day: date) -> bool:
        """Whether the day is worked.

        Raises:
            SetupError: its year has no table.
        """
        if day.year not in self.tables:
            raise _missing(day)
        changed = self._changed.get(day)
        return day.weekday() < _SATURDAY if changed is None else changed

    def add_working_days(self, start: date, count: int) -> date:
        """The working day that lies `count` working days after `start`, which does not count.

        Args:
            start: any day.
            count: 0 for the day itself if it is worked, else the next that is; a negative one
                counts back.

        Raises:
            SetupError: a year on the way has no table.
        """
        step, day, left = (-_DAY if count < 0 else _DAY), start, abs(count)
        if not left:
            while not self.is_working(day):
                day += _DAY
            return day
        while left:
            day += step
            left -= self.is_working(day)
        return day

    def count_between(self, start: date, end: date) -> int:
        """How many working days `end` lies after `start`, which does not count; `end` does.

        Negative where `end` comes first. So `count_between(start, add_working_days(start, n))` is
        `n` for each n > 0.

        Raises:
            SetupError: a year between them has no table.
        """
        if end < start:
            return -self.count_between(end, start)
        return sum(map(self.is_working, _days(start + _DAY, end)))


def _missing(day: date) -> SetupError:
    return SetupError(
        f"there is no table of the holidays of {day.year}, so working days cannot be counted "
        f"缺少{day.year}年节假日表",
        where=f"calendar/{day.year}.toml",
        remedy=f"add the file with what the State Council published for {day.year}; "
        "docs/how-to/keep-the-calendar.md shows one.",
    )


def _days(first: date, last: date) -> Iterable[date]:
    return (first + timedelta(days=n) for n in range((last - first).days + 1))


def _year(table: YearTable) -> int:
    return table.year
