# SPDX-License-Identifier: Apache-2.0
"""Code that does harm again and again is shut out, each time for longer."""

import pytest

from gateway.registry.quarantine import (
    BREACHES,
    FIRST_S,
    LIMIT,
    LONGEST_S,
    WINDOW_S,
    Offence,
    Quarantine,
)


class Room:
    def __init__(self) -> None:
        self.now_s = 1000.0
        self.changes: list[str] = []
        self.quarantine = Quarantine(
            on_change=lambda: self.changes.append(self.quarantine.reason),
            clock_s=lambda: self.now_s,
        )

    def offend(self, offence: Offence = "blocked", times: int = LIMIT) -> float:
        for _ in range(times):
            self.quarantine.offend(offence)
        return self.quarantine.remaining_s()


@pytest.mark.parametrize("offence", ["blocked", "leaked", "exited"])
def test_repeated_offences_shut_it_out(offence: Offence) -> None:
    room = Room()
    assert room.offend(offence, LIMIT - 1) == 0
    assert room.offend(offence, 1) == FIRST_S
    assert room.quarantine.reason == offence


def test_offences_long_apart_do_not() -> None:
    room = Room()
    for _ in range(10):
        assert room.offend(times=LIMIT - 1) == 0
        room.now_s += WINDOW_S + 1


def test_it_is_let_in_after_its_time() -> None:
    room = Room()
    room.offend()
    room.now_s += FIRST_S - 1
    assert room.quarantine.remaining_s() == 1
    room.now_s += 1
    assert room.quarantine.remaining_s() == 0
    assert room.changes == ["blocked", ""]


def test_each_time_is_twice_as_long_up_to_an_hour() -> None:
    room = Room()
    lengths = []
    for _ in range(10):
        lengths.append(room.offend())
        room.now_s += lengths[-1]
        assert room.quarantine.remaining_s() == 0
    assert lengths[:3] == [FIRST_S, 2 * FIRST_S, 4 * FIRST_S]
    assert lengths[-1] == LONGEST_S


def test_who_behaves_for_as_long_starts_anew() -> None:
    room = Room()
    for _ in range(4):
        room.now_s += room.offend()
        room.quarantine.remaining_s()
    room.now_s += 8 * FIRST_S
    assert room.offend() == FIRST_S


def test_an_operators_word_lets_it_in_at_once_and_forgets() -> None:
    room = Room()
    room.offend()
    room.quarantine.release()
    assert room.quarantine.remaining_s() == 0
    assert room.offend(times=LIMIT - 1) == 0
    assert room.offend(times=1) == FIRST_S


def test_breaches_in_a_row_shut_it_out_and_one_sound_answer_ends_the_row() -> None:
    room = Room()
    for _ in range(3):
        for _ in range(BREACHES - 1):
            room.quarantine.note_answer(is_sound=False)
        room.quarantine.note_answer(is_sound=True)
    assert room.quarantine.remaining_s() == 0
    for _ in range(BREACHES):
        room.quarantine.note_answer(is_sound=False)
    assert (room.quarantine.reason, room.quarantine.remaining_s()) == ("broken", FIRST_S)
