# SPDX-License-Identifier: Apache-2.0
"""Months of the site's zone, and when they end."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import RequestError
from gateway.model.epoch import epoch_after, epoch_at, epoch_end

instants = st.datetimes(
    min_value=datetime(1990, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(2200, 1, 1),  # noqa: DTZ001 - the same
    timezones=st.just(UTC),
)


def test_an_epoch_is_the_month_in_the_sites_zone() -> None:
    assert epoch_at(datetime(2026, 11, 30, 15, 59, tzinfo=UTC), 8) == "2026-11"
    assert epoch_at(datetime(2026, 11, 30, 16, 0, tzinfo=UTC), 8) == "2026-12"
    assert epoch_at(datetime(2026, 12, 31, 16, 0, tzinfo=UTC), 8) == "2027-01"


@given(instants, st.sampled_from([-12, -3.5, 0, 8, 14]))
def test_an_instant_lies_before_the_end_of_its_epoch_and_the_next_begins_there(
    now: datetime, offset: float
) -> None:
    epoch = epoch_at(now, offset)
    end = epoch_end(epoch, offset)
    assert now < end <= now + timedelta(days=31)
    assert epoch_at(end, offset) == epoch_after(epoch) > epoch
    assert epoch_at(end - timedelta(microseconds=1), offset) == epoch


def test_retention_counts_whole_months_from_the_end() -> None:
    assert epoch_end("2026-05", 8, months=6) == datetime(2026, 11, 30, 16, tzinfo=UTC)
    assert epoch_end("2026-12", 0, months=36) == datetime(2030, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("name", ["", "2026", "2026-13", "2026-00", "2026-1", "2026-111", "../x"])
def test_what_is_no_epoch_is_refused(name: str) -> None:
    with pytest.raises(RequestError, match="YYYY-MM"):
        epoch_after(name)
