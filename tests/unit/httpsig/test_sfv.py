# SPDX-License-Identifier: Apache-2.0
"""Structured fields: whatever was received, they are held as RFC 8941 §4.1 prints them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import RequestError
from gateway.httpsig.sfv import (
    TRUE,
    Member,
    format_bytes,
    format_dictionary,
    format_string,
    parse_bytes,
    parse_dictionary,
    parse_integer,
    parse_items,
    parse_string,
)

PRINTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=12)
KEYS = st.from_regex(r"[a-z*][a-z0-9_.*-]{0,8}", fullmatch=True)
BARE = st.one_of(
    PRINTABLE.map(format_string),
    st.binary(max_size=12).map(format_bytes),
    st.integers(-(10**15) + 1, 10**15 - 1).map(str),
    st.from_regex(r"[A-Za-z*][A-Za-z0-9!#$%&'*+.^_`|~:/-]{0,8}", fullmatch=True),
    st.sampled_from(["1.5", "-0.25", "0.0", "12.0", "0.125", "?0"]),
)
PARAMETERS = st.dictionaries(KEYS, BARE | st.just(TRUE), max_size=3)


def with_parameters(value: str, parameters: dict[str, str]) -> Member:
    printed = "".join(
        f";{key}" if text == TRUE else f";{key}={text}" for key, text in parameters.items()
    )
    return Member(value + printed, value, parameters)


ITEMS = st.builds(with_parameters, BARE | st.just(TRUE), PARAMETERS)
INNER_LISTS = st.lists(ITEMS, max_size=3).map(lambda items: f"({' '.join(i.text for i in items)})")
MEMBERS = st.builds(with_parameters, BARE | st.just(TRUE) | INNER_LISTS, PARAMETERS)


def dictionary(*lines: str) -> dict[str, Member]:
    return parse_dictionary(lines, field="X")


@given(st.dictionaries(KEYS, MEMBERS, max_size=4))
def test_a_printed_dictionary_parses_to_itself(members: dict[str, Member]) -> None:
    assert dictionary(format_dictionary(members)) == members


@given(st.lists(ITEMS, max_size=4))
def test_the_items_of_a_printed_inner_list_are_its_items(items: list[Member]) -> None:
    printed = f"({' '.join(item.text for item in items)})"
    assert parse_items(printed) == tuple(items)


@given(PRINTABLE)
def test_a_printed_string_parses_to_itself(content: str) -> None:
    assert parse_string(format_string(content), "x") == content


@given(st.binary())
def test_printed_bytes_parse_to_themselves(content: bytes) -> None:
    assert parse_bytes(format_bytes(content), "x") == content


@given(st.text(alphabet='ab=,;:"\\()?01.-* \tA/+é', max_size=24))
def test_any_text_is_a_dictionary_or_refused(text: str) -> None:
    try:
        members = dictionary(text)
    except RequestError:
        return
    assert dictionary(format_dictionary(members)) == members


def test_the_wire_may_have_whitespace_around_commas_and_several_lines() -> None:
    expected = dictionary("a=1, b, c=(x y)")
    assert dictionary("  a=1 \t,\tb ,c=(x y) ") == expected
    assert dictionary("a=1", "b,c=(x y)") == expected
    assert list(expected) == ["a", "b", "c"]
    assert dictionary("") == {}


def test_a_key_alone_is_true() -> None:
    members = dictionary("a, b;x=1, c=?0")
    assert {key: member.text for key, member in members.items()} == {
        "a": "?1",
        "b": "?1;x=1",
        "c": "?0",
    }


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a=1,", id="comma at the end"),
        pytest.param("a=1,,b=2", id="empty member"),
        pytest.param("a=1 b=2", id="no comma"),
        pytest.param("a = 1", id="space around ="),
        pytest.param("a=", id="no value"),
        pytest.param("A=1", id="upper-case key"),
        pytest.param("1=1", id="key begins with a digit"),
        pytest.param("a=1, a=1", id="key twice"),
        pytest.param("a;x=1;x=2", id="parameter twice"),
        pytest.param('a=("b";x;x)', id="parameter of an item twice"),
        pytest.param("a=?2", id="boolean other than 0 and 1"),
        pytest.param("a=+1", id="plus sign"),
        pytest.param("a=1234567890123456", id="16 digits"),
        pytest.param("a=1.", id="decimal without a fraction"),
        pytest.param("a=1.1234", id="four digits of fraction"),
        pytest.param("a=1234567890123.1", id="13 digits before the point"),
        pytest.param('a="x', id="string without an end"),
        pytest.param('a="\\x"', id="escape of another character"),
        pytest.param('a="é"', id="string outside ASCII"),
        pytest.param('a="\t"', id="tab in a string"),
        pytest.param("a=:YQ:", id="base64 without padding"),
        pytest.param("a=:YR==:", id="base64 with spare bits"),
        pytest.param("a=:_-8=:", id="base64url"),
        pytest.param("a=:YQ==", id="bytes without an end"),
        pytest.param('a=("b","c")', id="comma in a list"),
        pytest.param('a=("b""c")', id="no space in a list"),
        pytest.param('a=("b"', id="list without an end"),
        pytest.param("a=(())", id="list in a list"),
    ],
)
def test_what_is_no_dictionary_is_refused(text: str) -> None:
    with pytest.raises(RequestError, match=r"^SIGNATURE_MALFORMED: X: ") as refused:
        dictionary(text)
    assert text not in refused.value.detail


def test_the_refusal_has_the_position_and_the_code_asked_for() -> None:
    with pytest.raises(RequestError, match=r"^DIGEST_MALFORMED: X: .* at character 6$"):
        parse_dictionary(["a=1, B=2"], field="X", code="DIGEST_MALFORMED")


@pytest.mark.parametrize("text", ["token", ":YQ==:", "?0", "1.5"])
def test_a_value_of_another_type_is_refused(text: str) -> None:
    with pytest.raises(RequestError, match="x is not a quoted String"):
        parse_string(text, "x")
    with pytest.raises(RequestError, match="x is not an Integer"):
        parse_integer(text, "x")
    with pytest.raises(RequestError, match="x is not base64 between colons"):
        parse_bytes(text.replace(":", '"'), "x")


@pytest.mark.parametrize("content", ["é", "\n", "\x7f", "测试甲"])
def test_a_string_holds_printable_ascii_only(content: str) -> None:
    with pytest.raises(RequestError, match="printable ASCII"):
        format_string(content)


def test_a_hostile_field_is_refused_in_linear_time() -> None:
    # Quadratic matching of a field this long would run into the time limit of the suite.
    for hostile in (
        'a=("b" ' * 20_000,
        "a" * 200_000 + "=",
        'a=("' + "\\\\" * 100_000,
        ";a" * 99_999,
    ):
        with pytest.raises(RequestError):
            dictionary(hostile)
