# SPDX-License-Identifier: Apache-2.0
"""One instant has one spelling, whether it comes as a datetime or as UNIX seconds."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.instant import (
    format_time_ms,
    format_time_s,
    format_unix_ms,
    format_unix_s,
    parse_ms,
)


def test_it_is_rfc_3339_in_utc() -> None:
    at = datetime(2026, 11, 22, 16, 0, 1, 999_999, timezone(timedelta(hours=8)))
    assert format_time_s(at) == "2026-11-22T08:00:01Z"
    assert format_time_ms(at) == "2026-11-22T08:00:01.999Z"


@given(whole_s=st.integers(0, 4_102_444_800), ms=st.integers(0, 999))
def test_unix_seconds_are_written_alike(whole_s: int, ms: int) -> None:
    at = datetime.fromtimestamp(whole_s, UTC) + timedelta(milliseconds=ms)
    at_s = whole_s + (ms + 0.5) / 1000  # in the middle, so that no rounding counts
    assert format_unix_ms(at_s) == format_time_ms(at)
    assert format_unix_s(at_s) == format_time_s(at)


@given(st.integers(0, 4_000_000_000_000))
def test_what_was_written_is_read(time_ms: int) -> None:
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=time_ms)
    assert parse_ms(format_time_ms(at)) == time_ms


def test_a_zone_is_taken_into_account_and_has_to_be_there() -> None:
    assert parse_ms("1970-01-01T08:00:01+08:00") == 1000
    with pytest.raises(ValueError, match="no zone"):
        parse_ms("1970-01-01T08:00:01")
