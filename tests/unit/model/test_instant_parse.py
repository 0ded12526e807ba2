# SPDX-License-Identifier: Apache-2.0
"""Instants are read as whole milliseconds, whatever their zone."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.instant import format_time_ms, parse_ms


@given(st.integers(0, 4_000_000_000_000))
def test_what_was_written_is_read(time_ms: int) -> None:
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=time_ms)
    assert parse_ms(format_time_ms(at)) == time_ms


def test_a_zone_is_taken_into_account_and_has_to_be_there() -> None:
    assert parse_ms("1970-01-01T08:00:01+08:00") == 1000
    with pytest.raises(ValueError, match="no zone"):
        parse_ms("1970-01-01T08:00:01")
