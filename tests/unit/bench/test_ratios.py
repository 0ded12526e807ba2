# SPDX-License-Identifier: Apache-2.0
"""Ratios of shots in turns."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.system.ratios import adjacent_ratios, percentile, spread

ORDER = [
    ("floor", 100.0),
    ("gateway", 90.0),
    ("node", 10.0),
    ("floor", 200.0),
    ("gateway", 50.0),
    ("floor", 50.0),
]


def test_a_shot_is_compared_with_the_mean_of_its_neighbours() -> None:
    assert adjacent_ratios(ORDER, "gateway", "floor") == [90 / 150, 50 / 125]


def test_other_servers_between_are_passed_over() -> None:
    assert adjacent_ratios(ORDER, "gateway", "node") == [9.0, 5.0]


def test_at_an_end_the_one_neighbour_counts() -> None:
    assert adjacent_ratios(ORDER[:2], "gateway", "floor") == [0.9]


@pytest.mark.parametrize(("subject", "base"), [("gateway", "fastapi"), ("fastapi", "floor")])
def test_who_was_not_shot_has_no_ratio(subject: str, base: str) -> None:
    assert adjacent_ratios(ORDER, subject, base) == []


def test_quartiles_lie_between_neighbours() -> None:
    found = spread([4.0, 1.0, 3.0, 2.0])
    assert (found.first_quartile, found.median, found.third_quartile) == (1.75, 2.5, 3.25)
    assert found.count == 4


def test_one_value_is_all_quartiles() -> None:
    found = spread([7.0])
    assert found.first_quartile == found.median == found.third_quartile == 7.0


def test_nothing_has_no_quartiles() -> None:
    with pytest.raises(ValueError, match="no value"):
        spread([])


def test_percentiles_are_values_that_were_measured() -> None:
    ordered = [float(number) for number in range(1, 101)]
    assert percentile(ordered, 0.5) == 50
    assert percentile(ordered, 0.99) == 99
    assert percentile(ordered, 1) == 100
    assert math.isnan(percentile([], 0.99))


@given(st.lists(st.floats(-1e9, 1e9), min_size=1))
def test_quartiles_are_in_order_and_within_the_values(values: list[float]) -> None:
    found = spread(values)
    edge = 1e-6 * max(1.0, *map(abs, values))
    assert min(values) - edge <= found.first_quartile <= found.median + edge
    assert found.median - edge <= found.third_quartile <= max(values) + edge
