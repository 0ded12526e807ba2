# SPDX-License-Identifier: Apache-2.0
"""Working days, against a table that was counted by hand in the notices of 2025 and 2026."""

from datetime import date, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.calendars import load_working_days
from gateway.errors import SetupError
from gateway.model.working_day import Holiday, WorkingDays, YearTable

DAYS = load_working_days(None)
#: Far enough from both ends of the shipped tables for thirty working days.
INSIDE = st.dates(date(2025, 3, 1), date(2026, 10, 31))

# start, working days, due. Counted on a wall calendar with the notice beside it.
BY_HAND = [
    # Spring Festival 2026: Sat 14 Feb worked, 15 to 23 Feb off, Sat 28 Feb worked
    ("2026-02-12", 1, "2026-02-13"),
    ("2026-02-13", 0, "2026-02-13"),
    ("2026-02-13", 1, "2026-02-14"),
    ("2026-02-13", 2, "2026-02-24"),
    ("2026-02-13", 5, "2026-02-27"),
    ("2026-02-13", 6, "2026-02-28"),
    ("2026-02-13", 7, "2026-03-02"),
    ("2026-02-14", 1, "2026-02-24"),
    ("2026-02-16", 0, "2026-02-24"),
    ("2026-02-16", 1, "2026-02-24"),
    ("2026-02-28", 0, "2026-02-28"),
    ("2026-02-28", 1, "2026-03-02"),
    # the year end 2025/26: 1 to 3 Jan off, Sun 4 Jan worked
    ("2025-12-30", 1, "2025-12-31"),
    ("2025-12-30", 2, "2026-01-04"),
    ("2025-12-30", 3, "2026-01-05"),
    ("2025-12-30", 10, "2026-01-14"),
    ("2025-12-31", 1, "2026-01-04"),
    ("2026-01-01", 0, "2026-01-04"),
    ("2026-01-03", 2, "2026-01-05"),
    # the year end 2024/25 has only its own second half here: 1 Jan off, a Wednesday
    ("2025-01-01", 1, "2025-01-02"),
    # National Day 2025: Sun 28 Sep worked, 1 to 8 Oct off, Sat 11 Oct worked
    ("2025-09-26", 1, "2025-09-28"),
    ("2025-09-26", 3, "2025-09-30"),
    ("2025-09-26", 4, "2025-10-09"),
    ("2025-09-26", 6, "2025-10-11"),
    ("2025-09-26", 7, "2025-10-13"),
    # Mid-Autumn and National Day 2026: Sun 20 Sep worked, 25 to 27 Sep off, 1 to 7 Oct off, Sat 10
    ("2026-09-18", 1, "2026-09-20"),
    ("2026-09-18", 5, "2026-09-24"),
    ("2026-09-18", 6, "2026-09-28"),
    ("2026-09-18", 9, "2026-10-08"),
    ("2026-09-18", 11, "2026-10-10"),
    ("2026-09-18", 12, "2026-10-12"),
    # Labour Day 2026: 1 to 5 May off, Sat 9 May worked
    ("2026-04-30", 1, "2026-05-06"),
    ("2026-04-30", 4, "2026-05-09"),
    ("2026-04-30", 5, "2026-05-11"),
    # weeks in which nothing is changed
    ("2026-03-06", 1, "2026-03-09"),
    ("2026-03-07", 5, "2026-03-13"),
    ("2026-07-01", 20, "2026-07-29"),
    # and back
    ("2026-02-24", -1, "2026-02-14"),
    ("2026-01-05", -2, "2025-12-31"),
]


@pytest.mark.parametrize(("start", "count", "due"), BY_HAND)
def test_a_deadline_is_that_of_the_table_counted_by_hand(start: str, count: int, due: str) -> None:
    assert DAYS.add_working_days(date.fromisoformat(start), count) == date.fromisoformat(due)


@pytest.mark.parametrize(
    ("start", "end", "count"),
    [
        ("2026-02-13", "2026-03-02", 7),
        ("2026-02-14", "2026-02-23", 0),
        ("2026-02-13", "2026-02-13", 0),
        ("2025-12-30", "2026-01-14", 10),
        ("2026-03-02", "2026-02-13", -7),
    ],
)
def test_days_between_are_those_counted_by_hand(start: str, end: str, count: int) -> None:
    assert DAYS.count_between(date.fromisoformat(start), date.fromisoformat(end)) == count


@given(INSIDE, st.integers(1, 30))
def test_counting_finds_what_adding_added(start: date, count: int) -> None:
    due = DAYS.add_working_days(start, count)
    assert DAYS.is_working(due)
    assert due > start
    assert DAYS.count_between(start, due) == count


@given(INSIDE, st.integers(1, 15), st.integers(1, 15))
def test_adding_twice_is_adding_the_sum(start: date, first: int, second: int) -> None:
    between = DAYS.add_working_days(start, first)
    assert DAYS.add_working_days(between, second) == DAYS.add_working_days(start, first + second)


@given(INSIDE, st.integers(1, 30))
def test_counting_back_returns_to_a_working_day(start: date, count: int) -> None:
    start = DAYS.add_working_days(start, 0)
    assert DAYS.add_working_days(DAYS.add_working_days(start, count), -count) == start


@given(INSIDE, st.integers(0, 30), st.integers(0, 30))
def test_days_between_add_up(start: date, first: int, second: int) -> None:
    middle = start + timedelta(days=first)
    end = middle + timedelta(days=second)
    whole = DAYS.count_between(start, end)
    assert whole == DAYS.count_between(start, middle) + DAYS.count_between(middle, end)


@pytest.mark.parametrize(
    ("start", "count", "year"),
    [("2026-12-30", 2, 2027), ("2025-01-02", -2, 2024), ("2031-06-01", 0, 2031)],
)
def test_a_year_without_a_table_is_an_error_that_names_the_file(
    start: str, count: int, year: int
) -> None:
    with pytest.raises(SetupError, match=rf"calendar/{year}\.toml: there is no table") as caught:
        DAYS.add_working_days(date.fromisoformat(start), count)
    assert "keep-the-calendar.md" in caught.value.remedy


def test_a_notice_may_change_the_december_before_it() -> None:
    holidays = [
        Holiday("元旦", date(2018, 1, 1), date(2018, 1, 1)),
        Holiday("元旦", date(2018, 12, 30), date(2019, 1, 1), (date(2018, 12, 29),)),
    ]
    days = WorkingDays([YearTable(2019, "s", (holidays[1],)), YearTable(2018, "s", (holidays[0],))])
    assert days.add_working_days(date(2018, 12, 28), 1) == date(2018, 12, 29)
    assert not days.is_working(date(2018, 12, 31))


def decode(holidays: str) -> YearTable:
    return msgspec.toml.decode(f'year = 2026\nsource = "s"\n{holidays}', type=YearTable)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("first = 2026-05-05\nlast = 2026-05-01", "x ends before it begins"),
        ("first = 2025-05-01\nlast = 2025-05-05", "2025-05-01 is no day of 2026"),
        ("first = 2026-12-31\nlast = 2027-01-01", "2027-01-01 is no day of 2026"),
        (
            "first = 2026-05-01\nlast = 2026-05-01\nmake_up = [2026-05-08]",
            "2026-05-08 is worked anyway",
        ),
        (
            "first = 2026-05-01\nlast = 2026-05-03\nmake_up = [2026-05-02]",
            "2026-05-02 is a make-up day and a day of x",
        ),
        (
            "first = 2026-05-01\nlast = 2026-05-01\nmake_up = [2026-05-09, 2026-05-09]",
            "2026-05-09 is there twice",
        ),
    ],
)
def test_a_table_with_a_typing_error_is_refused(lines: str, message: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=message):
        decode(f'[[holidays]]\nname = "x"\n{lines}')


def test_a_table_without_holidays_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="length >= 1"):
        decode("holidays = []")
