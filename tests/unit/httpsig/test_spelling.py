# SPDX-License-Identifier: Apache-2.0
"""Valid spellings are printed canonically, and nothing else is read."""

import http_sf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import RequestError
from gateway.httpsig.sfv import format_dictionary, parse_dictionary
from gateway.httpsig.spelling import respell_dictionary
from tests.unit.httpsig.spelling_cases import CASES


def print_again(text: str, *, unique: bool = True) -> str:
    return format_dictionary(parse_dictionary([text], field="X", unique=unique))


@pytest.mark.parametrize(("text", "printed"), CASES)
def test_a_case_is_printed_canonically_or_refused(text: str, printed: str | None) -> None:
    if printed is None:
        with pytest.raises(RequestError, match=r"^SIGNATURE_MALFORMED: X: .* at character \d+$"):
            print_again(text)
    else:
        # A value that is true is printed as its key alone.
        assert print_again(text) == printed.replace("a=?1", "a")


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("a=1, b=2, a=3", "a=3, b=2"),
        ("a=1;x=1;y;x=2", "a=1;x=2;y"),
        ("a=(1;x=1;x=2)", "a=(1;x=2)"),
    ],
)
def test_what_is_repeated_is_refused_or_the_last_one_counts(text: str, printed: str) -> None:
    assert print_again(text, unique=False) == printed
    with pytest.raises(RequestError, match="twice, at character"):
        print_again(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a=1;B", "no parameter can be read at character 5"),
        ("a=(1,2)", "a space or a closing parenthesis is expected at character 5"),
        ("a=1234567890123456", "a number has too many digits at character 3"),
        ("a=1.", "a decimal has one to three digits of fraction, at character 3"),
        ("a=@1.5", "a date has no fraction, at character 3"),
        ('a=%"%ff"', "a display string is not UTF-8 at character 3"),
        ("a=!", "no value can be read at character 3"),
    ],
)
def test_the_refusal_says_what_is_wrong_and_where(text: str, why: str) -> None:
    with pytest.raises(RequestError) as refused:
        print_again(text)
    assert refused.value.detail == f"X: {why}"


WORDS = ["a", "b=", "=", "1", "0", ".", "-", "?1", "?0", ";", ",", "(", ")", '"x"', "@1", "tok"]
WORDS += ['%"%41"', '%"%c3%bc"', '%"%ff"', ":YQ==:", "a=1", ";x"]
PIECES = st.sampled_from([*WORDS, " ", "; ", " ,\t", "\t", "a=(1 2)"])


@given(st.lists(PIECES, max_size=14).map("".join), st.booleans())
def test_what_is_respelled_is_canonical(text: str, unique: bool) -> None:
    try:
        printed = respell_dictionary(text.strip(" "), field="X", code="INTERNAL", unique=unique)
    except RequestError:
        return
    assert print_again(printed) == printed
    assert respell_dictionary(printed, field="X", code="INTERNAL", unique=True) == printed


@settings(max_examples=300)
@given(st.lists(PIECES, max_size=14).map("".join))
def test_an_independent_parser_agrees(text: str) -> None:
    try:
        peer: str | None = http_sf.ser(http_sf.parse(text.encode(), tltype="dictionary"))
    except (ValueError, TypeError):
        peer = None
    try:
        ours: str | None = print_again(text, unique=False)
    except RequestError:
        ours = None
    assert (ours or "") == (peer or "")


def test_a_hostile_spelling_is_read_in_linear_time() -> None:
    for hostile in (
        "a=( " + "b  " * 50_000,
        "a=1; " * 50_000,
        'a=%"' + "%c3%bc" * 50_000,
        "a=01" + ";a" * 100_000,
        "a=" + "9" * 200_000,
    ):
        with pytest.raises(RequestError):
            print_again(hostile)
