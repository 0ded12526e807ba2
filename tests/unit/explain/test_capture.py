# SPDX-License-Identifier: Apache-2.0
"""What is caught is read as it was sent, from files and from curl lines."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import SetupError
from gateway.explain.capture import Capture, parse_capture
from gateway.explain.explain import explain
from tests.unit.explain.mistakes import BODY, RULES, Client

NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,12}", fullmatch=True).filter(
    lambda name: name.lower() not in {"content-length", "transfer-encoding"}
)
VALUES = st.from_regex(r"(?:[!-~](?:[ -~]{0,20}[!-~])?)?", fullmatch=True)


def read(content: bytes, files: dict[str, bytes] | None = None) -> Capture:
    return parse_capture(content, name="request.http", read_file=(files or {}).__getitem__)


@given(st.lists(st.tuples(NAMES, VALUES), max_size=6), st.binary(max_size=64))
def test_a_raw_request_is_read_back(fields: list[tuple[str, str]], body: bytes) -> None:
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
    length = f"Content-Length: {len(body)}\r\n"
    capture = read(f"POST /v1/lookups HTTP/1.1\r\n{lines}{length}\r\n".encode() + body)
    assert capture.fields == (*fields, ("Content-Length", str(len(body))))
    assert (capture.method, capture.target, capture.body) == ("POST", "/v1/lookups", body)


def test_lines_may_end_in_lf_and_an_editors_newline_is_dropped() -> None:
    head, blank, body = Client().raw().partition(b"\r\n\r\n")
    content = head.replace(b"\r\n", b"\n") + blank.replace(b"\r\n", b"\n") + body + b"\n"
    assert explain(read(content), RULES).check == ""


def curl_line(data: str) -> bytes:
    capture = Client().capture()
    headers = " \\\n  ".join(
        f"-H '{name}: {value}'" for name, value in capture.fields if name != "host"
    )
    return (
        f"curl -sS --max-time 5 https://gateway.example/v1/lookups \\\n  {headers} {data}".encode()
    )


def test_a_curl_line_is_read_as_what_it_sends() -> None:
    capture = read(curl_line(f"--data-raw '{BODY.decode()}'"))
    assert (capture.method, capture.host, capture.body) == ("POST", "gateway.example", BODY)
    assert explain(capture, RULES).check == ""


def test_data_drops_the_line_ends_of_a_file_and_data_binary_keeps_them() -> None:
    files = {"b.json": BODY + b"\n"}
    assert explain(read(curl_line("--data @b.json"), files), RULES).check == ""
    report = explain(read(curl_line("--data-binary @b.json"), files), RULES)
    assert report.cause is not None
    assert report.cause.id == "body-newline"


def test_a_target_with_scheme_and_host_is_taken_for_its_path() -> None:
    capture = read(b"GET http://gateway.example/a?b HTTP/1.1\nHost: gateway.example\n\n")
    assert capture.target == "/a?b"


def test_curl_adds_what_it_always_adds() -> None:
    capture = read(b"curl -XPUT gateway.example:8080/a?b=c -d x -d y")
    assert (capture.method, capture.target, capture.body) == ("PUT", "/a?b=c", b"x&y")
    assert capture.lines("content-type") == ("application/x-www-form-urlencoded",)
    assert capture.host == "gateway.example:8080"


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "first line"),
        (b"hello", "first line"),
        (b"POST / HTTP/1.1\nno header\n\n", "no colon"),
        (b"POST / HTTP/1.1\nTransfer-Encoding: chunked\n\n0\r\n\r\n", "chunked"),
        (b"curl 'http://a", "quote is open"),
        (b"curl -v", "no URL"),
        (b"curl http://[", "URL cannot be read"),
        (b"POST http://[/ HTTP/1.1\n\n", "URL cannot be read"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_file(content: bytes, what: str) -> None:
    with pytest.raises(SetupError, match=f"request.http: .*{re.escape(what)}.*Remedy"):
        read(content)
