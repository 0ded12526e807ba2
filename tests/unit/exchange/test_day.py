# SPDX-License-Identifier: Apache-2.0
"""The site's day begins at the site's midnight, whatever the day is in Greenwich."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.exchange.day import SiteDay

SHANGHAI_H = 8.0


class Clock:
    """Shows what it is told."""

    def __init__(self, now: datetime) -> None:
        self.now_s = now.timestamp()

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock(datetime(2026, 11, 22, 15, 59, 59, 500_000, UTC))  # half a second to midnight


def test_a_day_ends_at_the_sites_midnight(clock: Clock) -> None:
    day = SiteDay(clock, SHANGHAI_H)
    assert day.today().isoformat() == "2026-11-22"
    clock.now_s += 0.5
    assert day.today().isoformat() == "2026-11-23"


def test_a_clock_that_is_put_back_makes_it_yesterday_again(clock: Clock) -> None:
    day = SiteDay(clock, SHANGHAI_H)
    clock.now_s += 1
    day.today()
    clock.now_s -= 1
    assert day.today().isoformat() == "2026-11-22"


def test_a_day_is_the_same_object_until_it_ends(clock: Clock) -> None:
    clock.now_s -= 3600
    day = SiteDay(clock, SHANGHAI_H)
    first = day.today()
    clock.now_s += 60
    assert day.today() is first


@pytest.mark.parametrize(("later_s", "minute"), [(0.0, 1439), (0.5, 0), (60.0, 0), (60.5, 1)])
def test_minutes_are_counted_from_the_sites_midnight(
    clock: Clock, later_s: float, minute: int
) -> None:
    clock.now_s += later_s
    assert SiteDay(clock, SHANGHAI_H).minute() == minute


@pytest.mark.parametrize(("later_s", "left_s"), [(0.0, 1), (0.5, 86_400), (1.0, 86_400)])
def test_what_is_left_is_rounded_up_and_never_nothing(
    clock: Clock, later_s: float, left_s: int
) -> None:
    clock.now_s += later_s
    assert SiteDay(clock, SHANGHAI_H).left_s() == left_s


@given(
    now=st.integers(86_400_000, 7_258_118_400_000).map(
        lambda unix_ms: datetime.fromtimestamp(unix_ms / 1000, UTC)
    ),
    utc_offset_h=st.integers(-48, 56).map(lambda quarters: quarters / 4),
)
def test_it_is_the_day_that_the_calendar_shows_there(now: datetime, utc_offset_h: float) -> None:
    there = now.astimezone(timezone(timedelta(hours=utc_offset_h)))
    day = SiteDay(Clock(now), utc_offset_h)
    assert day.today() == there.date()
    assert 0 < day.left_s() <= 86_400
