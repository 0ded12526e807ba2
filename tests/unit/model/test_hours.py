# SPDX-License-Identifier: Apache-2.0
"""Spans of a day."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.hours import parse_span


def clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


@given(st.integers(0, 1439), st.integers(1, 1440))
def test_a_span_holds_its_minutes_or_is_none(first: int, last: int) -> None:
    text = f"{clock(first)}-{clock(last)}"
    if first < last:
        assert parse_span(text) == range(first, last)
    else:
        with pytest.raises(ValueError, match="ends before it begins"):
            parse_span(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "8-12",
        "08:00",
        "08:00-12:60",
        "24:00-24:01",
        "08:00-25:00",
        "08:00 - 12:00",
        "08:00-2400",
    ],
)
def test_what_is_no_span_is_told(text: str) -> None:
    with pytest.raises(ValueError, match=r"not of the form 08:00-12:00"):
        parse_span(text)


def test_a_day_ends_at_24() -> None:
    assert parse_span("00:00-24:00") == range(1440)
    with pytest.raises(ValueError, match="after 24:00"):
        parse_span("00:00-24:01")
