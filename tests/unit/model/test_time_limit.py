# SPDX-License-Identifier: Apache-2.0
"""办理时限: texts as departments write them, and when each is due."""

from datetime import date
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.calendars import load_working_days
from gateway.model.time_limit import TimeLimit, format_time_limit, parse_time_limit

DAYS = load_working_days(None)
PADDING = st.sampled_from(["", " ", "\u3000", "  "])


@pytest.mark.parametrize(
    ("text", "unit", "number"),
    [
        ("3 工作日", "working_day", 3),
        ("5个工作日", "working_day", 5),
        ("５个工作日", "working_day", 5),
        ("15 个工作日内", "working_day", 15),
        ("自受理之日起20个工作日内办结", "working_day", 20),
        ("三个工作日", "working_day", 3),
        ("两个工作日", "working_day", 2),
        ("十个工作日", "working_day", 10),
        ("十五个工作日", "working_day", 15),
        ("二十个工作日", "working_day", 20),
        ("四十五日", "day", 45),
        ("20 日", "day", 20),
        ("30天", "day", 30),
        ("30个自然日", "day", 30),
        ("即办", "immediate", None),
        ("当场办结", "immediate", None),
        ("按招生日程", "schedule", None),
        ("按照当年招生工作安排办理", "schedule", None),
    ],
)
def test_what_departments_write_is_understood(text: str, unit: str, number: int | None) -> None:
    limit = parse_time_limit(text)
    assert (limit.unit, limit.number, limit.text) == (unit, number, text)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "3", "工作日", "0个工作日", "-3个工作日", "3.5个工作日", "3 weeks", "尽快"),
        *("三二个工作日", "十十日", "9999日", "3个工作日或5个工作日", "按", "3工作日x"),
    ],
)
def test_what_no_clock_can_keep_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write one as: 3 工作日"):
        parse_time_limit(text)


@given(st.sampled_from(["working_day", "day"]), st.integers(1, 3650), st.lists(PADDING, min_size=3))
def test_what_is_formatted_is_parsed_back(
    unit: Literal["working_day", "day"], number: int, padding: list[str]
) -> None:
    text = format_time_limit(TimeLimit(unit, number, ""))
    assert parse_time_limit(text) == TimeLimit(unit, number, text)
    spaced = f"{padding[0]}{number}{padding[1]}{text.removeprefix(str(number))}{padding[2]}"
    assert format_time_limit(parse_time_limit(spaced)) == text


@given(st.text(max_size=12))
def test_any_text_is_refused_or_keeps_what_it_says(text: str) -> None:
    try:
        limit = parse_time_limit(text)
    except ValueError:
        return
    again = parse_time_limit(format_time_limit(limit))
    assert limit.text == text
    assert (again.unit, again.number) == (limit.unit, limit.number)


@pytest.mark.parametrize(
    ("text", "received", "due"),
    [
        ("3个工作日", date(2026, 2, 13), date(2026, 2, 25)),
        ("即办", date(2026, 2, 13), date(2026, 2, 13)),
        ("即办", date(2026, 2, 16), date(2026, 2, 24)),  # taken by a terminal on a holiday
        ("20日", date(2026, 3, 2), date(2026, 3, 22 + 1)),  # the 22nd is a Sunday
        ("10日", date(2026, 2, 6), date(2026, 2, 24)),  # the 16th is a holiday
        ("按招生日程", date(2026, 2, 13), None),
    ],
)
def test_a_promise_is_due_on_a_day_on_which_it_can_be_kept(
    text: str, received: date, due: date | None
) -> None:
    assert parse_time_limit(text).due(received, DAYS) == due
