# SPDX-License-Identifier: Apache-2.0
"""A rolling share of failures, against counting them all."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.registry.window import Window

LENGTH_S = 10.0
PART_S = LENGTH_S / 10


@given(
    st.lists(st.tuples(st.floats(0, 3), st.booleans()), min_size=1, max_size=60),
    st.integers(1, 100),
    st.integers(1, 20),
)
def test_it_agrees_with_counting_to_a_tenth_of_its_length(
    outcomes: list[tuple[float, bool]], percent: int, min_count: int
) -> None:
    window, now_s, seen = Window(LENGTH_S), 0.0, []
    for wait_s, is_failure in outcomes:
        now_s += wait_s
        window.count(now_s, is_failure=is_failure)
        seen.append((int(now_s / PART_S), is_failure))
    oldest = int(now_s / PART_S) - 9
    kept = [is_failure for part, is_failure in seen if part >= oldest]
    expected = len(kept) >= min_count and sum(kept) * 100 >= percent * len(kept)
    assert window.is_failing(now_s, percent, min_count) is expected


def test_what_is_cleared_is_forgotten() -> None:
    window = Window(LENGTH_S)
    window.count(5, is_failure=True)
    assert window.is_failing(5, 100, 1)
    window.clear()
    assert not window.is_failing(5, 1, 1)
