# SPDX-License-Identifier: Apache-2.0
"""A department that fails is not asked ever more often."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.sdk import RetryBudget


def spend(budget: RetryBudget, wanted: int) -> int:
    return sum(budget.take() for _ in range(wanted))


@given(st.lists(st.booleans()), st.integers(0, 100), st.integers(0, 20))
def test_retries_are_never_more_than_their_share_of_the_calls(
    calls: list[bool], percent: int, burst_count: int
) -> None:
    budget = RetryBudget(percent=percent, burst_count=burst_count)
    for is_first in calls:
        if is_first:
            budget.note_call()
        else:
            budget.take()
        assert budget.retry_count * 100 <= budget.call_count * percent


@given(st.lists(st.sampled_from(["call", "retry", "owed"])), st.integers(0, 20))
def test_what_may_be_owed_is_owed_up_to_the_burst_and_paid_first(
    events: list[str], burst_count: int
) -> None:
    budget = RetryBudget(burst_count=burst_count)
    for event in events:
        if event == "call":
            budget.note_call()
        else:
            budget.take(may_owe=event == "owed")
        assert budget.retry_count * 10 <= budget.call_count + 10 * burst_count


def test_ten_calls_pay_for_one_retry() -> None:
    budget = RetryBudget()
    for _ in range(9):
        budget.note_call()
    assert not budget.take()
    budget.note_call()
    assert budget.take()
    assert not budget.take()
    assert (budget.call_count, budget.retry_count, budget.refused_count) == (10, 1, 2)


def test_quiet_times_save_up_a_burst_and_no_more() -> None:
    budget = RetryBudget(burst_count=3)
    for _ in range(1000):
        budget.note_call()
    assert spend(budget, 10) == 3
