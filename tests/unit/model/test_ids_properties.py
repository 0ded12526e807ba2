# SPDX-License-Identifier: Apache-2.0
"""Properties of citizen numbers, credit codes and names, against an independent reading.

Check characters of whole numbers are computed by recurrence here, and from tables of weights in the
product.
"""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from gateway.model.ids import REASONS, IdCheck, check_cn_id, check_cn_uscc, normalise_name

TODAY = date(2026, 11, 22)
DIGITS = "0123456789"
CREDIT_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
PROVINCES = [
    str(area * 10 + number)
    for area, last in enumerate((5, 3, 7, 6, 4, 5, 1, 3), start=1)
    for number in range(0 if area == 5 else 1, last + 1)
]


def check_id(text: str) -> IdCheck:
    return check_cn_id(text, today=TODAY)


def mod_11_2(body: str) -> str:
    """ISO 7064 pure system: P ← 2(P + digit) mod 11, and the check makes P + check ≡ 1."""
    product = 0
    for digit in body:
        product = (product + int(digit)) * 2 % 11
    return "0123456789X"[(1 - product) % 11]


def gb_11714(code: str) -> str:
    total = sum(w * int(char, 36) for w, char in zip((3, 7, 9, 10, 5, 8, 4, 2), code, strict=True))
    return {10: "X", 11: "0"}.get(11 - total % 11, str(11 - total % 11))


def mod_31_3(body: str) -> str:
    """GB 32100 by Horner's rule from the right end: the weights are powers of three."""
    total = 0
    for char in reversed(body):
        total = (total * 3 + CREDIT_ALPHABET.index(char)) % 31
    return CREDIT_ALPHABET[(31 - total) % 31]


@st.composite
def citizen_numbers(draw: st.DrawFn) -> str:
    region = draw(st.sampled_from(PROVINCES)) + draw(st.text(DIGITS, min_size=4, max_size=4))
    born = draw(st.dates(date(1800, 1, 1), TODAY))
    sequence = draw(st.integers(0, 999))
    body = f"{region}{born:%Y%m%d}{sequence:03d}"
    return body + mod_11_2(body)


@st.composite
def credit_codes(draw: st.DrawFn) -> str:
    head = draw(st.sampled_from("123456789ANY")) + draw(st.sampled_from(CREDIT_ALPHABET))
    region = draw(st.text(DIGITS, min_size=6, max_size=6))
    organisation = draw(st.text(CREDIT_ALPHABET, min_size=8, max_size=8))
    body = head + region + organisation + gb_11714(organisation)
    return body + mod_31_3(body)


@given(citizen_numbers())
def test_every_generated_citizen_number_passes(number: str) -> None:
    assert check_id(number).reason is None


@given(credit_codes())
def test_every_generated_credit_code_passes(code: str) -> None:
    assert check_cn_uscc(code).reason is None


@given(citizen_numbers(), st.integers(0, 17), st.sampled_from(f"{DIGITS}X"))
def test_any_single_wrong_character_of_a_citizen_number_is_caught(
    number: str, at: int, char: str
) -> None:
    wrong = number[:at] + char + number[at + 1 :]
    assert (check_id(wrong).reason is None) == (wrong == number)


@given(credit_codes(), st.integers(0, 17), st.sampled_from(CREDIT_ALPHABET))
def test_any_single_wrong_character_of_a_credit_code_is_caught(
    code: str, at: int, char: str
) -> None:
    wrong = code[:at] + char + code[at + 1 :]
    assert (check_cn_uscc(wrong).reason is None) == (wrong == code)


@given(citizen_numbers(), st.integers(0, 16))
def test_adjacent_characters_changed_over_are_caught(number: str, at: int) -> None:
    swapped = number[:at] + number[at + 1] + number[at] + number[at + 2 :]
    assert (check_id(swapped).reason is None) == (swapped == number)


TYPED = st.text() | st.text(f"{DIGITS}xX ０１ｘ\u3000", max_size=24)


@given(TYPED)
def test_no_text_makes_a_check_raise_and_normalising_twice_changes_nothing(text: str) -> None:
    for check in (check_id, check_cn_uscc):
        first = check(text)
        assert check(first.number) == first
        assert first.reason is None or first.reason in REASONS
        assert set(first.warnings) <= set(REASONS)


@given(st.text() | st.text("测试甲ab· •・\u3000\u0301\u3099\ue000\U00020000"))
def test_normalising_a_name_twice_changes_nothing(text: str) -> None:
    assert normalise_name(normalise_name(text)) == normalise_name(text)
