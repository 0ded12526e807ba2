# SPDX-License-Identifier: Apache-2.0
"""Figures of a window, from what was counted at both its ends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.rung import WHOLE_SITE
from gateway.supervision.load import Load, Tally, figure_of
from tests.unit.supervision.loads import ADAPTER, ENDS_S, load, tally


def test_clause_8_1_2_a_queue_is_as_deep_as_it_is_now() -> None:
    assert figure_of("queue_depth", ADAPTER, None, load(0, waiting=7), min_count=1) == 7
    assert figure_of("queue_depth", "unheard_of", None, load(0, waiting=7), min_count=1) == 0
    assert figure_of("queue_depth", WHOLE_SITE, None, load(0, waiting=7), min_count=1) == 8


def test_clause_8_1_2_a_share_counts_what_was_asked_in_the_window_alone() -> None:
    then, now = load(0, tally(100, 0, 0, 0)), load(60, tally(110, 0, 0, 0, refused=5))
    assert figure_of("refusal_share", ADAPTER, then, now, min_count=10) == 0.5
    assert figure_of("refusal_share", ADAPTER, then, now, min_count=11) is None
    assert figure_of("refusal_share", ADAPTER, None, now, min_count=1) is None


@pytest.mark.parametrize(
    ("counts", "p95_ms"),
    [
        ((100, 0, 0, 0), 95.0),  # within the first bucket
        ((95, 5, 0, 0), 100.0),
        ((90, 10, 0, 0), 550.0),  # half of the second
        ((0, 0, 100, 0), 9550.0),
        ((0, 0, 0, 100), 10_000.0),  # that or more
    ],
)
def test_clause_8_1_2_p95_is_interpolated_within_its_bucket(
    counts: tuple[int, ...], p95_ms: float
) -> None:
    now = load(60, tally(*counts))
    assert figure_of("p95_ms", ADAPTER, load(0), now, min_count=1) == pytest.approx(p95_ms)


def test_of_too_few_questions_no_time_is_known() -> None:
    now = load(60, tally(9, 0, 0, 0))
    assert figure_of("p95_ms", ADAPTER, load(0), now, min_count=10) is None
    assert figure_of("p95_ms", "unheard_of", load(0), now, min_count=1) is None


def test_the_site_has_figures_of_its_own() -> None:
    then, now = load(0), load(60, tally(10, 0, 0, 0), site=tally(0, 0, 10, 0, refused=10))
    assert figure_of("refusal_share", WHOLE_SITE, then, now, min_count=1) == 1.0
    assert figure_of("p95_ms", ADAPTER, then, now, min_count=1) == pytest.approx(95.0)


@given(st.lists(st.integers(0, 1000), min_size=4, max_size=4).filter(any), st.integers(0, 50))
def test_p95_lies_in_the_bucket_of_its_rank(counts: list[int], before: int) -> None:
    then = Load(0, {ADAPTER: tally(*[before] * 4)})
    now = Load(1, {ADAPTER: tally(*(count + before for count in counts))})
    found = figure_of("p95_ms", ADAPTER, then, now, min_count=1)
    assert found is not None
    faster = sum(n for end_s, n in zip(ENDS_S, counts, strict=True) if end_s * 1000 < found)
    up_to = [end_s for end_s in ENDS_S if end_s * 1000 >= found]
    assert faster <= 0.95 * sum(counts) + 1e-6
    assert up_to or found == 10_000.0


def test_nothing_counted_is_nothing_known() -> None:
    assert (
        figure_of("p95_ms", ADAPTER, Load(0, {}), Load(1, {ADAPTER: Tally()}), min_count=1) is None
    )
