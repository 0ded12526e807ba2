# SPDX-License-Identifier: Apache-2.0
"""What of a head is taken, and what two parsers might read differently."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import RequestError
from gateway.web.edge import (
    MAX_FIELD_BYTES,
    MAX_FIELDS,
    MAX_HEAD_BYTES,
    MAX_TARGET_LENGTH,
    check_framing,
    check_target,
    fields_of,
)
from gateway.web.request import Fields, Peer, Request

HOST: Fields = {"host": ["gw.example"]}
NAMES = st.from_regex(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,20}", fullmatch=True)
VALUES = st.binary(max_size=40)


def request(target: str = "/v1/lookups", version: str = "1.1", **fields: list[str]) -> Request:
    named = {name.replace("_", "-"): lines for name, lines in fields.items()}
    return Request(Peer(), "POST", target, version, HOST | named)


def code_of(asked: Request) -> str:
    with pytest.raises(RequestError) as caught:
        check_framing(asked)
    return caught.value.code


@given(st.lists(st.tuples(NAMES, VALUES), max_size=MAX_FIELDS))
def test_every_line_is_found_by_its_lower_case_name_in_order(
    lines: list[tuple[bytes, bytes]],
) -> None:
    fields = fields_of(lines, 0)
    expected: dict[str, list[str]] = {}
    for name, value in lines:
        expected.setdefault(name.decode("ascii").lower(), []).append(value.decode("latin-1"))
    assert fields == expected


@pytest.mark.parametrize("spelling", [b"Host", b"host", b"HOST", b"hOsT"])
def test_a_name_is_the_same_in_every_spelling(spelling: bytes) -> None:
    assert fields_of([(spelling, b"a")], 0) == {"host": ["a"]}


def test_lines_of_one_name_in_two_spellings_are_kept_apart_and_together() -> None:
    lines = [(b"Signature", b"a=:AA==:"), (b"X", b"1"), (b"SIGNATURE", b"b=:AA==:")]
    assert fields_of(lines, 0)["signature"] == ["a=:AA==:", "b=:AA==:"]


BIG = b"v" * (MAX_FIELD_BYTES - 1)


@pytest.mark.parametrize(
    "lines",
    [
        [(b"x", b"")] * (MAX_FIELDS + 1),
        [(b"x", BIG + b"v")],
        [(b"a", BIG), (b"b", BIG), (b"c", b"v")],
    ],
    ids=["too many", "one too long", "too long together"],
)
def test_a_head_beyond_a_cap_is_refused(lines: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(RequestError, match="HEAD_TOO_LARGE"):
        fields_of(lines, sum(len(name) + len(value) for name, value in lines))


@pytest.mark.parametrize(
    "lines",
    [[(b"x", b"")] * MAX_FIELDS, [(b"x", BIG)], [(b"a", BIG), (b"b", BIG)]],
    ids=["as many", "as long", "as long together"],
)
def test_a_head_at_a_cap_is_taken(lines: list[tuple[bytes, bytes]]) -> None:
    size_bytes = sum(len(name) + len(value) for name, value in lines)
    assert size_bytes <= MAX_HEAD_BYTES
    assert sum(map(len, fields_of(lines, size_bytes).values())) == len(lines)


def test_plain_http_1_1_passes() -> None:
    check_framing(request())
    check_framing(request("/v1/lookups?a=%20b&c", content_length=["2"]))
    check_framing(request(transfer_encoding=["chunked"]))


@pytest.mark.parametrize(
    "asked",
    [
        request(version="1.0"),
        request(version="2.0"),
        request(host=[]),
        request(host=["gw.example", "gw.example"]),
        request(host=["gw.example, other"]),
        request(host=["user@gw.example"]),
        request(host=["gw.example:123456"]),
        request(transfer_encoding=["chunked"], content_length=["2"]),
        request(transfer_encoding=["gzip, chunked"]),
        request(transfer_encoding=["chunked", "chunked"]),
        request(transfer_encoding=["Chunked"]),
        request(expect=["100-continue"]),
        request(sec_websocket_key1=["1"]),
        request(client_cert=[":AA==:"]),
        request(x_forwarded_client_cert=["Hash=1"]),
    ],
    ids=lambda asked: f"{asked.version} {asked.fields}",
)
def test_what_two_parsers_might_read_differently_is_refused(asked: Request) -> None:
    assert code_of(asked) == "HTTP_UNACCEPTABLE"


@pytest.mark.parametrize(
    "target",
    [
        "http://gw.example/v1/lookups",
        "*",
        "gw.example:80",
        "/a#b",
        "/a/../b",
        "/a/%2e%2E/b",
        "/./a",
        "/a b",
        "/a%2",
        "/é",
        "/a\n",
        "",
    ],
)
def test_a_target_has_one_form(target: str) -> None:
    with pytest.raises(RequestError, match="HTTP_UNACCEPTABLE"):
        check_target(target)


def test_dots_are_no_segment_within_a_name_or_a_query() -> None:
    for target in ("/a..b", "/.well-known/jwks.json", "/...", "/a?b=../c"):
        check_target(target)


def test_a_target_may_be_as_long_as_the_cap_and_no_longer() -> None:
    check_target("/" * MAX_TARGET_LENGTH)
    assert code_of(request("/" * (MAX_TARGET_LENGTH + 1))) == "HEAD_TOO_LARGE"
