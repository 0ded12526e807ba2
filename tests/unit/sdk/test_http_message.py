# SPDX-License-Identifier: Apache-2.0
"""A request cannot be made into two, and a body is taken out of its coding or refused."""

import gzip
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import AdapterContractBroken
from gateway.sdk.kits.http_message import format_request, quote_target, unpack

HOST = "department.example"


def written(
    headers: dict[str, str], body: bytes | None = b"{}", method: str = "POST"
) -> list[bytes]:
    return format_request(method, HOST, "/base/q", headers, body).split(b"\r\n")


def test_a_request_has_its_line_its_fields_and_its_body() -> None:
    assert written({"Accept": "application/json"}) == [
        b"POST /base/q HTTP/1.1",
        b"Host: department.example",
        b"Accept-Encoding: identity",
        b"User-Agent: yizheng-gateway",
        b"Accept: application/json",
        b"Content-Length: 2",
        b"",
        b"{}",
    ]


def test_a_question_without_a_body_says_so_where_one_is_expected() -> None:
    assert b"Content-Length: 0" in written({}, None)
    assert not [line for line in written({}, None, "GET") if line.startswith(b"Content-Length")]


def test_what_the_caller_brings_takes_the_place_of_ours() -> None:
    lines = written({"user-agent": "desk/1"})
    assert b"user-agent: desk/1" in lines
    assert b"User-Agent: yizheng-gateway" not in lines


@pytest.mark.parametrize(
    "name",
    ["Host", "content-length", "Transfer-Encoding", "Connection", "Expect", "", "a b", "a:", "甲"],
)
def test_framing_is_nobody_elses_and_a_name_is_a_token(name: str) -> None:
    with pytest.raises(AdapterContractBroken):
        written({name: "1"})


@pytest.mark.parametrize("value", ["a\r\nX: b", "a\nb", "a\rb", "a\0b", "\ud800"])
def test_a_value_that_is_not_one_line_of_text_is_refused_and_not_repeated(value: str) -> None:
    with pytest.raises(AdapterContractBroken) as caught:
        written({"X-Token": value})
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert "X-Token" not in caught.value.cause


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=12), max_size=4), st.binary())
def test_whatever_is_brought_there_is_one_head_and_the_body_behind_it(
    headers: dict[str, str], body: bytes
) -> None:
    try:
        request = format_request("POST", HOST, "/q", headers, body)
    except AdapterContractBroken:
        return
    head, _, rest = request.partition(b"\r\n\r\n")
    assert rest == body
    lines = head.split(b"\r\n")
    assert len(lines) <= 6 + len(headers)
    assert not [line for line in lines if b"\r" in line or b"\n" in line]
    assert lines.count(b"Content-Length: %d" % len(body)) == 1


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/q?a=1&b=%E7%94%B2", "/q?a=1&b=%E7%94%B2"),
        ("/查询", "/%E6%9F%A5%E8%AF%A2"),
        ("/q HTTP/1.1\r\nX: ", "/q%20HTTP/1.1%0D%0AX:%20"),
        ("/q#part", "/q%23part"),
    ],
)
def test_a_target_is_one_word(path: str, target: str) -> None:
    assert quote_target(path) == target


@pytest.mark.parametrize("coding", [b"", b"identity"])
def test_a_body_in_no_coding_is_left_as_it_is(coding: bytes) -> None:
    assert unpack(b"{}", coding, 10) == b"{}"


@pytest.mark.parametrize(
    ("coding", "pack"),
    [(b"gzip", gzip.compress), (b"x-gzip", gzip.compress), (b"deflate", zlib.compress)],
)
def test_a_packed_body_is_understood_and_measured_unpacked(
    coding: bytes, pack: Callable[[bytes], bytes]
) -> None:
    assert unpack(pack(b"a" * 100), coding, 100) == b"a" * 100
    with pytest.raises(AdapterContractBroken) as caught:
        unpack(pack(b"a" * 100), coding, 99)
    assert caught.value.cause == "more than 99 bytes"


@pytest.mark.parametrize(
    ("content", "coding"),
    [
        (b"{}", b"br"),
        (b"{}", b"gzip"),
        (b"", b"gzip"),
        (gzip.compress(b"abc")[:-4], b"gzip"),
        (gzip.compress(b"abc"), b"gzip, gzip"),
    ],
)
def test_a_coding_that_is_broken_or_unknown_is_a_breach(content: bytes, coding: bytes) -> None:
    with pytest.raises(AdapterContractBroken):
        unpack(content, coding, 100)
