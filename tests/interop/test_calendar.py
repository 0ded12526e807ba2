# SPDX-License-Identifier: Apache-2.0
"""The shipped tables against those that an independent library typed from the same notices."""

from datetime import date, timedelta

import chinese_calendar
import pytest

from gateway.calendars import load_working_days

DAYS = load_working_days(None)


@pytest.mark.parametrize("year", sorted(DAYS.tables))
def test_every_day_of_a_shipped_year_is_what_the_library_says(year: int) -> None:
    days = [date(year, 1, 1) + timedelta(days=n) for n in range(365)]
    differing = [day for day in days if DAYS.is_working(day) != chinese_calendar.is_workday(day)]
    assert differing == []
