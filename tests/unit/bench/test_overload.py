# SPDX-License-Identifier: Apache-2.0
"""How an overload is judged: by the accepted, and by when all is well again."""

import math

import pytest

from bench.system.scenarios.overload import judge

NORMAL_S, OVER_S, AFTER_S, PER_S = 1.0, 2.0, 1.0, 100.0

Row = tuple[float, float, int]


def rows(
    start_s: float, end_s: float, took_s: float, status: int = 200, per_s: float = PER_S
) -> list[Row]:
    count = round((end_s - start_s) * per_s)
    return [(start_s + number / per_s, took_s, status) for number in range(count)]


NORMAL = rows(0, 1, 0.002)


def test_those_who_are_refused_do_not_count_as_slow_or_fast() -> None:
    over = rows(1, 3, 0.008) + rows(1, 3, 0.0001, 503, 300)
    judged = judge([*NORMAL, *over, *rows(3, 4, 0.002)], NORMAL_S, OVER_S, AFTER_S, PER_S)
    assert judged.normal_p99_ms == pytest.approx(2)
    assert judged.accepted_p99_ms == pytest.approx(8)
    assert judged.accepted_per_s == 100
    assert judged.refused_share == 0.75
    assert judged.recovery_s == 0


@pytest.mark.parametrize(
    "bad",
    [
        rows(3, 3.5, 0.002, 503),  # still refused
        rows(3, 3.5, 0.5),  # still slow
        rows(3, 3.5, 0.002, 0),  # connections lost
        [],  # nothing could be sent, all connections wait
    ],
)
def test_recovered_is_when_all_are_served_as_before(bad: list[Row]) -> None:
    after = [*bad, *rows(3.5, 4, 0.002)]
    judged = judge([*NORMAL, *rows(1, 3, 0.002), *after], NORMAL_S, OVER_S, AFTER_S, PER_S)
    assert judged.recovery_s == 0.5


def test_what_is_not_seen_to_recover_has_not() -> None:
    after = rows(3, 4, 0.5)
    judged = judge([*NORMAL, *rows(1, 3, 0.002), *after], NORMAL_S, OVER_S, AFTER_S, PER_S)
    assert math.isinf(judged.recovery_s)
