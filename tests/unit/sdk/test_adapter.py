# SPDX-License-Identifier: Apache-2.0
"""A deadline only shrinks."""

import time

from hypothesis import given
from hypothesis import strategies as st

from gateway.sdk import Deadline

SECONDS = st.floats(min_value=-1e6, max_value=1e6)


@given(SECONDS, SECONDS)
def test_within_is_never_later(at_s: float, seconds: float) -> None:
    deadline = Deadline(at_s)
    assert deadline.within(seconds).at_s <= deadline.at_s


def test_within_may_be_earlier() -> None:
    assert Deadline.after(60).within(1).remaining_s <= 1


def test_what_remains_is_never_negative() -> None:
    assert Deadline(time.monotonic() - 1).remaining_s == 0
