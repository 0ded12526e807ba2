# SPDX-License-Identifier: Apache-2.0
"""Ranges and times of a search as an auditor types them."""

import inspect
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.index.query import FILTERS, Query, Span
from gateway.cli.audit_anomalies import _parse_period
from gateway.cli.audit_filters import _HELP, format_query, parse_span, parse_times, with_query
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


@pytest.mark.parametrize(
    ("begin", "end", "offset_h"),
    [("0001-01-01", None, 8), (None, "9999-12-31", -5), ("0001-01-01T00:00:00+08:00", None, 0)],
)
def test_a_day_that_the_calendar_does_not_have_is_refused(
    begin: str | None, end: str | None, offset_h: float
) -> None:
    with pytest.raises(RequestError, match="PERIOD_INVALID"):
        parse_times(begin, end, offset_h)


@given(st.dates(), st.sampled_from([-12, -5, 0, 8, 14]))
def test_what_is_read_can_be_recorded(day: date, offset_h: int) -> None:
    try:
        times = parse_times(str(day), str(day), offset_h)
    except RequestError:
        assert {day - date.min, date.max - day} & {timedelta(0)}
        return
    written = format_query(Query(time_ms=times))
    assert parse_times(str(written["from"]), str(written["to"]), 0) == times


@pytest.mark.parametrize(("begin", "end"), [(None, "0001-01-02"), (None, "9999-12-31")])
def test_a_period_of_anomalies_stays_in_the_calendar(begin: str | None, end: str) -> None:
    with pytest.raises(RequestError, match="PERIOD_INVALID"):
        _parse_period(begin, end, 0)


def test_a_filter_of_another_encoding_is_refused() -> None:
    """The system hands over bytes that are no UTF-8 as lone surrogates."""
    asked: list[object] = []

    def wanted(*, ask: object) -> None:
        asked.append(ask)

    command = with_query(wanted)
    unset: dict[str, object] = dict.fromkeys(inspect.signature(command).parameters)
    command(**unset | {"agency": ["用证-*"]})
    assert len(asked) == 1
    with pytest.raises(RequestError, match="REASON_REFUSED: `--served-from` is not UTF-8"):
        command(**unset | {"agency": ["yq"], "served_from": ["source", "\udcff"]})
    assert len(asked) == 1


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
