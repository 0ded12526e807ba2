# SPDX-License-Identifier: Apache-2.0
"""Which form a request gets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.web.negotiation import choose, matches, query_of

TYPES = ["application/json", "text/html", "text/csv"]
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    ("lines", "chosen"),
    [
        ([], "application/json"),
        (["*/*"], "application/json"),
        (["application/json"], "application/json"),
        ([BROWSER], "text/html"),
        (["text/csv"], "text/csv"),
        (["TEXT/CSV ; q=0.3, text/html;q=0.2"], "text/csv"),
        (["text/*"], "text/html"),
        (["text/*;q=0.5", "text/csv"], "text/csv"),
        (["text/html;q=0, */*;q=0.1"], "application/json"),
        (["image/png"], "application/json"),
        (["text/html;q=abc"], "application/json"),
    ],
)
def test_the_form_that_is_liked_best_is_given(lines: list[str], chosen: str) -> None:
    assert choose(lines, TYPES) == chosen


@pytest.mark.parametrize(
    ("lines", "chosen"),
    [
        ([], "zh"),
        (["en"], "en"),
        (["en-GB,en;q=0.9"], "en"),
        (["en-US"], "en"),
        (["zh-CN,zh;q=0.9,en;q=0.8"], "zh"),
        (["fr"], "zh"),
        (["*"], "zh"),
        (["en;q=0.2,zh-Hans;q=0.1"], "en"),
    ],
)
def test_the_language_that_is_liked_best_is_given(lines: list[str], chosen: str) -> None:
    assert choose(lines, ["zh", "en"]) == chosen


@given(st.lists(st.text(max_size=40), max_size=3))
def test_whatever_is_sent_something_is_given(lines: list[str]) -> None:
    assert choose(lines, TYPES) in TYPES
    is_any = any("*" in line for line in lines)  # which is right for any tag
    assert is_any or not matches(lines, '"tag-that-nobody-sends"')


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([], False),
        (['"a"'], True),
        (['W/"a"'], True),
        (['"b", "a"'], True),
        (['"b"', '"a"'], True),
        (["*"], True),
        (['"ab"'], False),
    ],
)
def test_a_tag_is_found_among_those_that_are_sent(lines: list[str], found: bool) -> None:
    assert matches(lines, '"a"') is found


def test_a_query_is_read_and_one_without_end_is_not() -> None:
    assert query_of("/v1/items?format=csv&lang=en") == {"format": "csv", "lang": "en"}
    assert query_of("/v1/items") == {}
    assert query_of("/v1/items?" + "&".join("a=1" for _ in range(99))) == {}
