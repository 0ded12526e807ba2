# SPDX-License-Identifier: Apache-2.0
"""GCRA: never more than was configured, in any window, whatever the clock's origin."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.rate import GCRA, AgencyLimits, Rate
from gateway.model.agency import Agency
from gateway.model.limits import Allowance, LimitsSection

NS = 1_000_000_000
RATES = st.builds(
    Rate, st.floats(0.01, 10_000, allow_nan=False), st.integers(min_value=1, max_value=50)
)
#: Nanoseconds between requests: at once, close together, far apart.
STEPS = st.lists(st.integers(0, 3 * NS) | st.integers(0, 1000) | st.just(0), max_size=120)


def walk(rate: Rate, steps: list[int], origin_ns: int = 0) -> list[tuple[int, Allowance]]:
    limit, now_ns, seen = GCRA(rate), origin_ns, []
    for step in steps:
        now_ns += step
        seen.append((now_ns - origin_ns, limit.take("agency", now_ns)))
    return seen


@given(RATES, STEPS)
def test_no_window_holds_more_than_burst_and_rate_allow(rate: Rate, steps: list[int]) -> None:
    accepted = [at for at, said in walk(rate, steps) if said.retry_after_s is None]
    for first, start in enumerate(accepted):
        for last in range(first, len(accepted)):
            span_s = Fraction(accepted[last] - start, NS)
            assert last - first + 1 <= rate.burst + Fraction(rate.per_s) * span_s


@given(RATES, STEPS, st.integers(-(10**18), 10**18))
def test_the_clocks_origin_never_matters(rate: Rate, steps: list[int], origin_ns: int) -> None:
    assert walk(rate, steps) == walk(rate, steps, origin_ns)


@given(RATES, STEPS, st.integers(1, 10**15))
def test_a_clock_that_steps_back_gives_nothing(rate: Rate, steps: list[int], back_ns: int) -> None:
    limit = GCRA(rate)
    while limit.take("agency", 0).retry_after_s is None:
        pass
    assert limit.take("agency", -back_ns).retry_after_s is not None
    for _ in steps:
        assert limit.take("agency", 0).retry_after_s is not None


@given(RATES, STEPS)
def test_who_waits_as_told_is_within(rate: Rate, steps: list[int]) -> None:
    limit, now_ns = GCRA(rate), 0
    for step in steps:
        now_ns += step
        said = limit.take("agency", now_ns)
        if said.retry_after_s is not None:
            now_ns += said.retry_after_s * NS
            assert limit.take("agency", now_ns).retry_after_s is None


@given(RATES, STEPS)
def test_what_is_said_to_remain_can_be_taken(rate: Rate, steps: list[int]) -> None:
    limit, now_ns = GCRA(rate), 0
    for step in steps:
        now_ns += step
        said = limit.take("agency", now_ns)
    said = limit.take("agency", now_ns)
    for _ in range(said.remaining):
        assert limit.take("agency", now_ns).retry_after_s is None
    assert limit.take("agency", now_ns).retry_after_s is not None


def test_an_allowance_speaks_the_words_of_the_draft() -> None:
    limit = GCRA(Rate(2, 3))
    said = [limit.take("agency", 0) for _ in range(4)]
    assert said == [
        Allowance("agency", 3, 2, 2, 1),
        Allowance("agency", 3, 2, 1, 1),
        Allowance("agency", 3, 2, 0, 2),
        Allowance("agency", 3, 2, 0, 2, retry_after_s=1),
    ]


def limits(*, workers: int = 1, **section: float) -> AgencyLimits:
    built = LimitsSection(**section)  # type: ignore[arg-type] # bursts are given as int
    return AgencyLimits(built, workers=workers, clock_ns=lambda: 0)


def quota(said: Allowance | None) -> int:
    assert said is not None
    return said.quota


def test_nothing_is_limited_unless_configured() -> None:
    none = limits()
    assert none.take_agency(Agency("a", "甲")) is None
    assert none.take_department(Agency("a", "甲"), "public_security") is None


def test_each_agency_and_each_adapter_has_its_own() -> None:
    rooms = limits(agency_per_s=1, department_per_s=1)
    first, second = Agency("a", "甲"), Agency("b", "乙")
    for said in (
        rooms.take_agency(first),
        rooms.take_agency(second),
        rooms.take_department(first, "public_security"),
        rooms.take_department(first, "housing_fund"),
        rooms.take_department(second, "housing_fund"),
    ):
        assert said is not None
        assert said.retry_after_s is None
    over = rooms.take_department(first, "housing_fund")
    assert over is not None
    assert (over.name, over.retry_after_s) == ("department", 1)


def test_an_agencys_own_rate_takes_the_place_of_the_sites() -> None:
    rooms = limits(agency_per_s=1)
    assert quota(rooms.take_agency(Agency("a", "甲"))) == 1
    assert quota(rooms.take_agency(Agency("a", "甲", per_s=5))) == 5  # reloaded
    assert quota(rooms.take_agency(Agency("a", "甲", per_s=5, burst=9))) == 9
    assert rooms.take_agency(Agency("a", "甲", per_s=0)) is None


@given(st.floats(0, 1_000_000, exclude_min=True), st.integers(0, 1_000_000), st.integers(1, 64))
def test_whatever_is_configured_can_be_told_in_a_header(
    per_s: float, burst: int, workers: int
) -> None:
    rooms = limits(workers=workers, agency_per_s=per_s, agency_burst=burst)
    said = rooms.take_agency(Agency("a", "甲"))
    assert said is not None
    assert said.retry_after_s is None
    for number in (said.quota, said.window_s, said.remaining, said.reset_s):
        assert 0 <= number < 10**15  # RFC 9651 §3.3.1


def test_a_worker_enforces_its_share_and_at_least_one() -> None:
    shared = limits(workers=4, agency_per_s=100, agency_burst=10, department_per_s=1)
    said = shared.take_agency(Agency("a", "甲"))
    assert said is not None
    assert (said.quota, said.window_s) == (2, 1)  # 2 of 10, at 25 of 100 per second
    assert quota(shared.take_department(Agency("a", "甲"), "housing_fund")) == 1
