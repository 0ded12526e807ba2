# SPDX-License-Identifier: Apache-2.0
"""An answer in the store: written and read back alike, and never younger than it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cache.stored import SKEW_S, Names, StoredAnswer, format_answer, parse_answer
from gateway.crypto.shared import SharedCipher

CIPHER = SharedCipher(bytes(32))
NAMES = Names(CIPHER, b"a" * 40)
KEY = bytes(range(32))
NAME = NAMES.answer(KEY)
HOUR_MS = 3_600_000
ANSWERS = st.builds(
    StoredAnswer,
    asked_at_ms=st.integers(0, 2**52),
    life_ms=st.integers(0, 2**40),
    marks=st.binary(min_size=48, max_size=48),
    token=st.text(),
    as_of=st.text(),
)


@given(ANSWERS)
def test_what_was_written_is_read(answer: StoredAnswer) -> None:
    assert parse_answer(CIPHER, NAME, format_answer(CIPHER, NAME, answer)) == answer


@given(st.binary())
def test_what_no_node_wrote_is_nothing(value: bytes) -> None:
    assert parse_answer(CIPHER, NAME, value) is None


@pytest.mark.parametrize("content", [b"", b"\x90", b"\x95\x01\x01\x01\x01\x01"])
def test_what_another_version_wrote_is_nothing(content: bytes) -> None:
    assert parse_answer(CIPHER, NAME, CIPHER.seal(NAME, content)) is None


def test_names_differ_by_question_by_kind_and_by_the_life_of_the_store() -> None:
    later = Names(CIPHER, b"b" * 40)
    names = [
        *(each.answer(KEY) for each in (NAMES, later)),
        *(mark for each in (NAMES, later) for mark in each.marks(KEY, "x.y")),
        *(each.stream for each in (NAMES, later)),
        NAMES.answer(KEY[::-1]),
        NAMES.certificate("x.z"),
    ]
    assert len(set(names)) == len(names)


def test_the_marks_of_an_answer_are_those_that_a_change_deletes() -> None:
    assert NAMES.marks(KEY, "x.y") == (
        NAMES.holder(KEY[:16]),
        NAMES.certificate("x.y"),
        NAMES.everything,
    )


@pytest.mark.parametrize(
    ("now_s", "left_ms", "age_s"),
    [
        (1_000, HOUR_MS, 0),  # just written
        (1_600, HOUR_MS - 600_000, 600),  # both agree
        (1_000, HOUR_MS - 600_000, 600),  # the reader's clock stood still
        (1_600, HOUR_MS, 600),  # somebody lengthened its life in the store
        (1_000 - SKEW_S, HOUR_MS - 1_000, 1),  # the writer's clock is ahead, as far as allowed
        (1_000 - SKEW_S - 0.1, HOUR_MS - 1_000, None),  # and farther
        (1_600, -1, 3600),  # it has no end in the store, where each has one
        (1_600, -2, 3600),  # it ended in this moment
    ],
)
def test_age_is_the_greater_of_what_walls_and_store_say(
    now_s: float, left_ms: int, age_s: float | None
) -> None:
    assert StoredAnswer(1_000_000, HOUR_MS, b"").age_s(now_s, left_ms) == age_s


@given(st.floats(-HOUR_MS, HOUR_MS), st.integers(0, HOUR_MS), st.floats(-60, 60))
def test_no_clock_makes_an_answer_younger_than_the_store_has_it(
    since_s: float, kept_ms: int, ahead_s: float
) -> None:
    age_s = StoredAnswer(1_000_000, HOUR_MS, b"").age_s(
        1_000 + since_s + ahead_s, HOUR_MS - kept_ms
    )
    assert age_s is None or age_s >= kept_ms / 1000


def test_it_does_not_show_what_it_holds() -> None:
    assert "secret" not in repr(StoredAnswer(0, 0, b"", "secret"))
