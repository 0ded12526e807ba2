# SPDX-License-Identifier: Apache-2.0
"""What is too much is refused early, and an agency's flood is its own."""

from collections import Counter
from collections.abc import Iterable
from itertools import chain, repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.pressure import TurnPressure, deal

COST_S = 0.0002  # what it takes a request to cost until it has seen any
REFUSAL_PART = 0.15  # of that
JUNK = ""
JUNK_PART = 0.3


class Turns:
    """A loop whose turns end when the test says so."""

    def __init__(self, budget_s: float) -> None:
        self.worked_s = self.idle_s = 0.0
        self.junk_part = JUNK_PART
        self.pressure = TurnPressure(
            budget_s,
            work_s=lambda: self.worked_s,
            clock_s=lambda: self.worked_s + self.idle_s,
        )

    def turn(self, agencies: Iterable[str], cost_s: float = COST_S) -> Counter[str]:
        """Who was admitted of those who came in this order; `JUNK` fails when it is verified."""
        admitted = Counter[str]()
        for agency in agencies:
            if self.pressure.admits(agency):
                admitted[agency] += 1
                self.worked_s += cost_s * (self.junk_part if agency == JUNK else 1)
            else:
                self.worked_s += cost_s * REFUSAL_PART
        self.pressure.end_turn(admitted.total() - admitted[JUNK])
        return admitted


@pytest.fixture
def turns() -> Turns:
    return Turns(100.5 * COST_S)  # sums of costs are rounded


def test_what_an_idle_loop_does_besides_does_not_make_a_lone_request_dear(turns: Turns) -> None:
    for _ in range(100):
        turns.idle_s += 0.2
        turns.worked_s += 0.01  # files looked at, departments pinged
        assert turns.turn(["a"]) == {"a": 1}
    assert turns.turn(repeat("a", 100)) == {"a": 100}


def test_many_at_once_teach_what_they_cost_even_after_a_pause(turns: Turns) -> None:
    for _ in range(50):
        turns.idle_s += 10.0
        turns.turn(repeat("a", 20), cost_s=10 * COST_S)
    assert turns.turn(repeat("a", 20), cost_s=10 * COST_S).total() <= 12


def test_who_comes_within_the_budget_is_admitted(turns: Turns) -> None:
    for _ in range(5):
        assert turns.turn(repeat("a", 100)) == {"a": 100}


def test_what_comes_beyond_it_is_refused(turns: Turns) -> None:
    assert turns.turn(repeat("a", 300)) == {"a": 100}


def test_a_turn_that_ended_is_forgotten(turns: Turns) -> None:
    turns.turn(repeat("a", 300))
    assert turns.turn(repeat("a", 10)) == {"a": 10}
    assert turns.turn(repeat("a", 100)) == {"a": 100}


def test_a_flood_of_one_agency_takes_nothing_from_another(turns: Turns) -> None:
    crowd = [*repeat("flood", 300), *repeat("quiet", 20)]
    turns.turn(crowd)
    places = turns.pressure.limit
    assert turns.turn(crowd) == {"flood": places - 20, "quiet": 20}


def test_two_floods_share_alike_whatever_their_sizes(turns: Turns) -> None:
    crowd = [*repeat("large", 1000), *repeat("small", 300)]
    turns.turn(crowd)
    assert turns.turn(crowd) == {"large": 25, "small": 25}


def test_who_comes_new_into_a_crowd_gets_a_share(turns: Turns) -> None:
    turns.turn(repeat("flood", 1000))
    admitted = turns.turn(chain(repeat("flood", 1000), repeat("new", 10)))
    assert admitted["new"] == 10


@pytest.mark.parametrize("calm_turns", [1, 10])
def test_a_quiet_agency_keeps_its_places_between_the_waves_of_a_flood(
    turns: Turns, calm_turns: int
) -> None:
    wave = [*repeat("flood", 300), "quiet", "quiet"]
    turns.turn(wave)
    for _ in range(calm_turns):
        turns.turn(["flood"])
        assert turns.turn(wave)["quiet"] >= 1
        turns.turn(["flood"])


def test_places_that_a_flood_has_left_are_soon_anybodys(turns: Turns) -> None:
    turns.turn(repeat("flood", 300))
    assert turns.turn(repeat("b", 30)) == {"b": 30}  # within an equal share, as who comes new
    for _ in range(8):
        turns.turn(["b"])
    assert turns.turn(repeat("b", 90)) == {"b": 90}
    for _ in range(16):
        turns.turn(["b"])
    assert turns.turn(repeat("c", 100)) == {"c": 100}


def test_a_turn_in_which_nobody_came_changes_nothing(turns: Turns) -> None:
    turns.turn([*repeat("flood", 300), "quiet"])
    for _ in range(20):
        turns.pressure.end_turn(0)
    assert turns.turn([*repeat("flood", 300), "quiet"])["quiet"] == 1


def test_dearer_requests_get_fewer_places(turns: Turns) -> None:
    for _ in range(200):
        turns.turn(repeat("a", 25), cost_s=4 * COST_S)
    assert 24 <= turns.pressure.limit <= 26


def test_one_request_a_turn_is_always_admitted() -> None:
    turns = Turns(1e-9)
    for _ in range(3):
        assert turns.turn(["a"], cost_s=1.0) == {"a": 1}


def test_refusals_do_not_make_answers_look_dear(turns: Turns) -> None:
    crowd = [*repeat("flood", 4000), *repeat("quiet", 20)]  # six times the budget to refuse alone
    for _ in range(100):
        turns.turn(crowd)
    assert turns.turn(crowd)["quiet"] == 20
    turns.turn(["quiet"])
    assert turns.pressure.limit >= 99


def test_what_held_the_loop_once_does_not_close_the_door(turns: Turns) -> None:
    turns.turn(repeat("a", 4))
    turns.worked_s += 1.0  # a reload, or an adapter's code
    turns.turn(repeat("a", 4))
    assert turns.pressure.limit >= 60
    for _ in range(20):
        turns.turn(repeat("a", 100))
    assert turns.pressure.limit >= 90


def test_a_turn_with_its_refusals_takes_no_longer_than_the_budget(turns: Turns) -> None:
    turns.turn(repeat("a", 300))
    before_s = turns.worked_s
    turns.turn(repeat("a", 300))
    assert turns.worked_s - before_s == pytest.approx(100 * COST_S, rel=0.02)


def test_however_many_come_half_of_the_budget_is_for_answers(turns: Turns) -> None:
    for _ in range(10):
        turns.turn(repeat("a", 5000))
    assert turns.turn(repeat("a", 5000)) == {"a": 50}


@pytest.mark.parametrize("part", [0.1, JUNK_PART], ids=["unknown key", "wrong signature"])
def test_junk_that_fails_early_does_not_make_answers_look_cheap(turns: Turns, part: float) -> None:
    turns.junk_part = part
    for _ in range(200):
        turns.turn(repeat(JUNK, 90))
    assert turns.pressure.limit == 100
    for _ in range(200):
        turns.turn([*repeat(JUNK, 40), *repeat("a", 50)])
    assert turns.pressure.limit <= 115


def test_junk_does_not_keep_a_door_shut_that_a_dear_turn_had_shut(turns: Turns) -> None:
    for _ in range(20):
        turns.turn(repeat("a", 4), cost_s=1.0)
    assert turns.pressure.limit == 1
    for _ in range(400):
        turns.turn([*repeat(JUNK, 100), *repeat("a", 100)])
    assert turns.turn(chain(repeat(JUNK, 100), repeat("a", 30)))["a"] == 30


def test_what_was_done_before_the_first_request_is_not_its_cost() -> None:
    turns = Turns(100.5 * COST_S)
    turns.worked_s = 5.0  # since the process began
    turns.turn(["a"])
    assert turns.pressure.limit == 100


def test_what_is_done_between_turns_counts(turns: Turns) -> None:
    for _ in range(100):
        turns.turn(repeat("a", 10))
        turns.worked_s += 10 * COST_S  # as to sign and send
    assert 50 <= turns.pressure.limit <= 51


@given(
    wanted=st.dictionaries(st.text(max_size=3), st.integers(1, 1000), min_size=1, max_size=20),
    extra=st.integers(0, 2000),
)
def test_places_are_dealt_by_max_min_fairness(wanted: dict[str, int], extra: int) -> None:
    places = len(wanted) + extra
    shares = deal(places, wanted)
    assert shares.keys() == wanted.keys()
    assert all(1 <= shares[name] <= wanted[name] for name in wanted)
    assert sum(shares.values()) <= places
    cut = [shares[name] for name in wanted if shares[name] < wanted[name]]
    if cut:  # nothing is left over but by rounding, and nobody has more than who was cut
        assert places - sum(shares.values()) < len(wanted)
        assert max(shares.values()) - min(cut) <= 1
