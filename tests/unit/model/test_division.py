# SPDX-License-Identifier: Apache-2.0
"""A place, and what it lies in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.division import enclosing_divisions, format_division

CODES = st.from_regex(r"[0-9]{6}([0-9]{6})?", fullmatch=True).filter(str.isascii)


@pytest.mark.parametrize(
    ("code", "places"),
    [
        ("140302001002", ("140302001002", "140302001000", "140302", "140300", "140000")),
        ("140302001000", ("140302001000", "140302", "140300", "140000")),
        ("140302000000", ("140302", "140300", "140000")),
        ("140302", ("140302", "140300", "140000")),
        ("140300", ("140300", "140000")),
        ("140000", ("140000",)),
    ],
)
def test_the_nearest_comes_first(code: str, places: tuple[str, ...]) -> None:
    assert enclosing_divisions(code) == places


@given(CODES)
def test_a_place_lies_in_itself_and_what_it_lies_in_lies_in_the_rest(code: str) -> None:
    first, *others = enclosing_divisions(code)
    assert first == format_division(code)
    if others:
        assert enclosing_divisions(others[0]) == tuple(others)


@given(CODES)
def test_a_place_has_one_spelling(code: str) -> None:
    assert format_division(code.ljust(12, "0")) == format_division(code)
    assert format_division(format_division(code)) == format_division(code)
