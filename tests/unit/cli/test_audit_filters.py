# SPDX-License-Identifier: Apache-2.0
"""Ranges and times of a search as an auditor types them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.index.query import FILTERS, Query, Span
from gateway.cli.audit_filters import _HELP, format_query, parse_span, parse_times
from gateway.errors import RequestError

DAY_MS = 86_400_000
#: 2026-11-22T00:00:00+08:00.
DAY = 1_795_276_800_000


def test_every_filter_has_its_option() -> None:
    assert {name.replace("-", "_") for name in _HELP} == set(FILTERS)


@given(st.integers(0, 10**15 - 1), st.integers(0, 10**15 - 1))
def test_a_range_is_read(least: int, most: int) -> None:
    assert parse_span(f"{least}..{most}") == Span(least, most)
    assert parse_span(f"{least}..") == Span(least, None)
    assert parse_span(f"..{most}") == Span(None, most)
    assert parse_span(str(least)) == Span(least, least)


@pytest.mark.parametrize("text", ["", "..", "a", "1...2", "1..2..3", "-1", "1 ..", "٣"])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(RequestError, match="PERIOD_INVALID"):
        parse_span(text)


def test_a_day_is_one_of_the_sites_zone_and_whole() -> None:
    assert parse_times("2026-11-22", "2026-11-22", 8) == Span(DAY, DAY + DAY_MS - 1)
    assert parse_times("2026-11-22", None, 0) == Span(DAY + 8 * 3_600_000, None)
    assert parse_times(None, None, 8) is None


def test_an_instant_has_its_own_zone() -> None:
    assert parse_times("2026-11-22T00:00:00+08:00", "2026-11-21T16:00:00.001Z", 0) == Span(
        DAY, DAY + 1
    )


@pytest.mark.parametrize("text", ["yesterday", "2026-11-31", "2026-11-22T10:00:00", "0001-01-01x"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(RequestError, match="PERIOD_INVALID"):
        parse_times(text, None, 8)


def test_a_query_is_recorded_without_its_holder() -> None:
    query = Query(
        terms={"agency": ("yq-*",)},
        time_ms=Span(DAY, None),
        index=Span(1, 2),
        adapter_ms=Span(500, None),
        holder=(bytes(32),),
    )
    assert format_query(query) == {
        "agency": ["yq-*"],
        "from": "2026-11-21T16:00:00.000Z",
        "index": [1, 2],
        "adapter_ms": [500, None],
    }
