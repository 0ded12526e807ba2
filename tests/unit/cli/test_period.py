# SPDX-License-Identifier: Apache-2.0
"""Times and durations as typed."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.period import parse_duration, parse_time
from gateway.errors import RequestError


@pytest.mark.parametrize(
    ("text", "seconds"), [("0s", 0), ("90s", 90), ("30m", 1800), ("12h", 43200), ("7d", 604800)]
)
def test_a_duration_has_one_unit(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "7", "d", "-1d", "1.5h", "7 d", "7w", "99999d", "٧d"])
def test_any_other_duration_is_refused(text: str) -> None:
    with pytest.raises(RequestError, match="PERIOD_INVALID"):
        parse_duration(text)


@given(
    st.datetimes(
        timezones=st.just(timezone(timedelta(hours=8))),
        min_value=datetime(1970, 1, 2),  # noqa: DTZ001 - the zone is `timezones`
    )
)
def test_a_time_is_the_same_instant(at: datetime) -> None:
    assert parse_time(at.isoformat()) == at
    assert parse_time(at.isoformat()).tzinfo is UTC


@pytest.mark.parametrize(
    "text", ["", "2026-12-01", "2026-12-01T00:00:00", "soon", "0001-01-01T00:00:00+14:00"]
)
def test_a_time_without_zone_is_refused(text: str) -> None:
    with pytest.raises(RequestError, match="PERIOD_INVALID"):
        parse_time(text)
