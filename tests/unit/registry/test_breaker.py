# SPDX-License-Identifier: Apache-2.0
"""A department that fails is left alone, and tried again gently."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import AdapterUnavailable
from gateway.model.site import BreakerSection
from gateway.registry.breaker import TRIAL_S, Breaker, Call, Ending

SETTINGS = BreakerSection(window_s=10, failure_percent=50, min_count=4, timeout_count=3, hang_s=2)


class Room:
    """A breaker with a clock in its hand."""

    def __init__(self, settings: BreakerSection = SETTINGS, *, probe_interval_s: float = 1) -> None:
        self.now_s = 1000.0
        self.changes: list[str] = []
        self.breaker = Breaker(
            settings,
            probe_interval_s=probe_interval_s,
            on_change=lambda: self.changes.append(self.breaker.state),
            clock_s=lambda: self.now_s,
        )

    @property
    def state(self) -> str:
        return self.breaker.state

    def call(self, *endings: Ending) -> None:
        for ending in endings:
            self.breaker.end(self.breaker.begin(), ending)

    def refusal(self) -> AdapterUnavailable:
        with pytest.raises(AdapterUnavailable) as caught:
            self.breaker.check()
        with pytest.raises(AdapterUnavailable):
            self.breaker.begin()
        return caught.value

    def ping(self, ending: Ending) -> bool:
        if self.breaker.take_ping():
            self.breaker.end_ping(ending)
            return True
        return False


def opened() -> Room:
    room = Room()
    room.call("timeout", "timeout", "timeout")
    assert room.state == "open"
    return room


def half_opened() -> Room:
    room = opened()
    room.now_s += 1
    assert room.ping("answered")
    assert room.state == "half_open"
    room.now_s += 1
    return room


def test_answers_leave_it_closed() -> None:
    room = Room()
    for _ in range(100):
        room.call("answered")
    assert (room.state, room.changes) == ("closed", [])


def test_half_of_the_outcomes_open_it() -> None:
    room = Room()
    room.call("answered", "away", "answered", "away")
    assert (room.state, room.breaker.reason) == ("open", "PROVIDER_UNAVAILABLE")


def test_few_outcomes_are_no_share() -> None:
    room = Room()
    room.call("away", "away", "away")
    assert room.state == "closed"


def test_old_outcomes_are_forgotten() -> None:
    room = Room()
    room.call("away", "away", "away")
    room.now_s += 10
    room.call("away")
    assert room.state == "closed"


def test_timeouts_in_a_row_open_it_at_once() -> None:
    assert opened().breaker.reason == "PROVIDER_TIMEOUT"


def test_an_answer_in_between_ends_the_row() -> None:
    room = Room(BreakerSection(min_count=100, timeout_count=3))
    room.call("timeout", "timeout", "answered", "timeout", "timeout")
    assert room.state == "closed"


def test_calls_that_hang_open_it_before_they_end() -> None:
    room = Room()
    for _ in range(3):
        room.breaker.begin()
        room.now_s += 0.1
    room.now_s += 1.6
    room.breaker.check()
    room.now_s += 0.4
    assert room.refusal().retry_after_s == 1
    assert room.breaker.reason == "PROVIDER_TIMEOUT"


def test_an_answer_meanwhile_says_that_it_is_only_slow() -> None:
    room = Room()
    quick = room.breaker.begin()
    for _ in range(3):
        room.breaker.begin()
    room.now_s += 1
    room.breaker.end(quick, "answered")
    room.now_s += 5
    room.breaker.check()
    assert room.state == "closed"


def test_one_stuck_call_does_not_hide_others_that_hang() -> None:
    room = Room()
    room.breaker.begin()
    room.now_s += 1
    room.call("answered")
    for _ in range(3):
        room.now_s += 0.01
        room.breaker.begin()
    room.now_s += 2
    room.refusal()


def test_a_caller_that_leaves_says_nothing_unless_it_waited_long() -> None:
    room = Room()
    for _ in range(100):
        room.call("left")
    assert room.state == "closed"
    calls = [room.breaker.begin() for _ in range(3)]
    room.now_s += 2
    for call in calls:
        room.breaker.end(call, "left")
    assert room.state == "open"


def left_after(room: Room, seconds: float) -> None:
    call = room.breaker.begin()
    room.now_s += seconds
    room.breaker.end(call, "left")


def test_callers_who_leave_sooner_count_by_what_they_have_waited_in_all() -> None:
    room = Room()
    for _ in range(5):
        left_after(room, 1.0)
    assert room.state == "closed"  # two calls without an answer, and a half
    left_after(room, 1.0)
    assert (room.state, room.breaker.reason) == ("open", "PROVIDER_TIMEOUT")


def test_an_answer_between_them_takes_back_what_they_have_waited() -> None:
    room = Room()
    for _ in range(20):
        left_after(room, 1.9)
        room.call("answered")
    assert room.state == "closed"


def test_while_it_is_open_everybody_is_refused_at_once() -> None:
    room = opened()
    error = room.refusal()
    assert error.cause == "the breaker is open: PROVIDER_TIMEOUT"
    assert error.retry_after_s == 1
    room.now_s += 5
    room.refusal()  # no ping has worked


def test_a_ping_that_works_lets_one_lookup_through() -> None:
    room = half_opened()
    probe = room.breaker.begin()
    room.refusal()
    room.now_s += 1
    room.refusal()  # one at a time
    room.breaker.end(probe, "answered")
    assert room.state == "closed"
    assert room.changes == ["open", "half_open", "closed"]


def test_a_probe_that_fails_opens_it_again() -> None:
    room = half_opened()
    room.call("away")
    assert (room.state, room.breaker.reason) == ("open", "PROVIDER_UNAVAILABLE")
    room.refusal()


def test_a_probe_whose_caller_leaves_makes_room_for_the_next() -> None:
    room = half_opened()
    room.call("left")
    room.refusal()
    room.now_s += 1
    room.call("answered")
    assert room.state == "closed"


def test_what_hung_before_it_opened_does_not_speak_against_the_probe() -> None:
    room = Room()
    old = [room.breaker.begin() for _ in range(3)]
    room.now_s += 2
    room.refusal()
    room.now_s += 1
    room.ping("answered")
    room.breaker.end(old[0], "timeout")
    assert room.state == "half_open"
    room.breaker.end(old[1], "answered")  # late, but it works
    assert room.state == "closed"


def test_a_ping_that_always_fails_does_not_keep_it_open_for_ever() -> None:
    room = opened()
    for _ in range(int(TRIAL_S) - 1):
        room.now_s += 1
        assert room.ping("away")
        room.refusal()
    room.now_s += 1
    assert not room.ping("away")  # the trial's turn
    room.call("answered")
    assert room.state == "closed"


def test_where_nobody_asks_pings_go_on_and_notice_the_return() -> None:
    room = opened()
    for _ in range(10 * int(TRIAL_S)):
        room.now_s += 1
        room.ping("away")
    assert room.state == "open"
    for _ in range(2):
        room.now_s += 1
        room.ping("answered")
    assert room.state == "half_open"


def test_after_the_trial_is_due_pings_leave_every_other_probe_to_lookups() -> None:
    room = opened()
    room.now_s += TRIAL_S
    trials = 0
    for _ in range(20):
        if not room.ping("away"):
            try:
                room.call("timeout")
                trials += 1
            except AdapterUnavailable:
                pass
            room.now_s += TRIAL_S  # the trial failed: it begins anew
        room.now_s += 1
    assert trials >= 5


def test_pings_that_fail_open_it_where_nobody_asks() -> None:
    room = Room()
    for _ in range(3):
        room.ping("timeout")
    assert room.state == "open"


def test_a_ping_that_works_does_not_excuse_lookups_that_hang() -> None:
    room = Room()
    for _ in range(3):
        room.call("timeout")
        room.ping("answered")
    assert room.state == "open"


@given(
    st.lists(st.tuples(st.sampled_from(["ping", "call", "wait"]), st.floats(0, 0.9)), max_size=200),
    st.sampled_from([1.0, 4.0]),
)
def test_probes_never_come_faster_than_their_interval(
    acts: list[tuple[str, float]], interval_s: float
) -> None:
    room = Room(probe_interval_s=interval_s)
    room.call("timeout", "timeout", "timeout")
    probes: list[float] = []
    out: list[Call] = []
    for act, wait_s in acts:
        room.now_s += wait_s
        if room.state == "closed":
            break
        try:
            if act == "ping" and room.ping("answered"):
                probes.append(room.now_s)
            if act == "call":
                out.append(room.breaker.begin())
                probes.append(room.now_s)
        except AdapterUnavailable:
            pass
        if act == "wait" and out:
            room.breaker.end(out.pop(), "left")
    assert all(later - earlier >= interval_s for earlier, later in zip(probes, probes[1:]))  # noqa: B905, RUF007 - pairs
