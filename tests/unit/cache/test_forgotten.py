# SPDX-License-Identifier: Apache-2.0
"""What is void, since when, and for how long that is remembered."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.cache import forgotten
from gateway.cache.forgotten import Forgotten
from gateway.model.forget import Forget

TAG, OTHER = b"t" * 16, b"o" * 16
KEY, OTHER_KEY = TAG + b"k" * 16, OTHER + b"k" * 16
TYPE = "public_security.identity"


def test_at_first_nothing_is_void() -> None:
    notes = Forgotten()
    assert notes.is_empty
    assert not notes.covers(KEY, TYPE, 0.0)


def test_what_was_asked_until_the_instant_is_void_and_what_was_asked_later_is_not() -> None:
    notes = Forgotten()
    assert notes.note(Forget(tags=(TAG,)), 10.0) is False
    assert not notes.is_empty
    assert notes.covers(KEY, TYPE, 9.0)
    assert notes.covers(KEY, TYPE, 10.0)
    assert not notes.covers(KEY, TYPE, 10.1)
    assert not notes.covers(OTHER_KEY, TYPE, 9.0)


def test_a_later_note_counts() -> None:
    notes = Forgotten()
    notes.note(Forget(tags=(TAG,)), 10.0)
    notes.note(Forget(tags=(TAG,)), 20.0)
    assert notes.covers(KEY, TYPE, 15.0)


def test_a_certificate_type_is_void_for_all_holders() -> None:
    notes = Forgotten()
    notes.note(Forget(certificates=(TYPE,)), 10.0)
    assert notes.covers(KEY, TYPE, 10.0)
    assert notes.covers(OTHER_KEY, TYPE, 10.0)
    assert not notes.covers(KEY, "housing_fund.account", 10.0)


def test_everything_is_everything() -> None:
    notes = Forgotten()
    notes.note(Forget(tags=(TAG,)), 5.0)
    assert notes.note(Forget(everything=True), 10.0) is True
    assert notes.is_empty
    assert notes.covers(OTHER_KEY, "housing_fund.account", 10.0)
    assert not notes.covers(KEY, TYPE, 10.1)


def test_notes_that_can_be_about_nothing_any_more_are_dropped() -> None:
    notes = Forgotten()
    notes.note(Forget(tags=(TAG,), certificates=(TYPE,)), 10.0)
    notes.note(Forget(tags=(OTHER,)), 20.0)
    notes.prune(15.0)
    assert not notes.covers(KEY, TYPE, 9.0)
    assert notes.covers(OTHER_KEY, TYPE, 19.0)
    notes.prune(25.0)
    assert notes.is_empty


def test_too_many_notes_become_one_about_everything() -> None:
    notes = Forgotten()
    many = tuple(number.to_bytes(16, "big") for number in range(forgotten.MAX_NOTES))
    assert notes.note(Forget(tags=many), 10.0) is False
    assert notes.note(Forget(tags=(TAG,)), 11.0) is True
    assert notes.is_empty
    assert notes.covers(OTHER_KEY, TYPE, 11.0)
    assert not notes.covers(OTHER_KEY, TYPE, 11.1)


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=20), st.integers(0, 20))
def test_an_answer_is_void_exactly_when_a_note_about_it_is_not_older(
    steps: list[tuple[int, bool]], asked_at: int
) -> None:
    notes, expected = Forgotten(), False
    for at, (place, by_type) in enumerate(steps):
        tag = bytes([place]) * 16
        notes.note(Forget(certificates=(str(place),)) if by_type else Forget(tags=(tag,)), at)
        expected |= place == 0 and asked_at <= at
    assert notes.covers(bytes(32), "0", asked_at) is expected
