# SPDX-License-Identifier: Apache-2.0
"""A request as somebody caught it: raw HTTP/1.1 in a file, or the curl command that sends it.

Rules:

1. Heads may end their lines in CRLF or LF, as editors leave them. A body is taken byte for byte;
   only what an editor adds behind Content-Length bytes of it is dropped.
2. curl is understood as far as it makes a request: method, URL, headers, data. Of `--data @file`
   line ends are dropped, as curl does; `--data-binary` keeps them.
"""

import re
import shlex
from collections.abc import Callable, Iterator
from typing import Final
from urllib.parse import SplitResult, urlsplit

import msgspec

from gateway.errors import SetupError
from gateway.httpsig import SignedRequest

_REQUEST_LINE: Final = re.compile(r"([A-Za-z]+) (\S+)(?: HTTP/[0-9.]+)?")
_BLANK_LINE: Final = re.compile(rb"\r?\n\r?\n")
_CONTINUED: Final = re.compile(r"[\\^`]\r?\n")
_SWITCHES: Final = frozenset(
    {"-s", "-S", "-sS", "-v", "-i", "-k", "-L", "-f", "-g", "-N", "--silent", "--show-error"}
    | {"--verbose", "--include", "--insecure", "--location", "--fail", "--fail-with-body"}
    | {"--http1.1", "--no-buffer", "--compressed", "--globoff"}
)

ReadFile = Callable[[str], bytes]


class Capture(msgspec.Struct, frozen=True):
    """A request as it was caught; `msgspec.structs.replace` mends it.

    Attributes:
        method: as sent.
        target: path and query.
        fields: name and value of each line, in order.
        body: its bytes.
        default_port: `:80` or `:443`, which `@authority` leaves out.
    """

    method: str
    target: str
    fields: tuple[tuple[str, str], ...]
    body: bytes
    default_port: str = ":80"

    def __repr__(self) -> str:
        return f"Capture({self.method})"

    def lines(self, name: str) -> tuple[str, ...]:
        """The values of a field; the name in lower case."""
        return tuple(value for key, value in self.fields if key.lower() == name)

    def with_field(self, name: str, value: str) -> "Capture":
        """The same with one line of a field instead of all that it has."""
        kept = tuple(pair for pair in self.fields if pair[0].lower() != name.lower())
        return msgspec.structs.replace(self, fields=(*kept, (name, value)))

    @property
    def host(self) -> str:
        """Host as sent; empty when absent."""
        return ", ".join(self.lines("host"))

    def view(self) -> SignedRequest:
        """The request as a signature sees it."""
        path, mark, query = self.target.partition("?")
        return SignedRequest(
            method=self.method,
            authority=self.host.lower().removesuffix(self.default_port),
            path=path,
            query=mark + query or "?",
            lines=self.lines,
            has_body=True,
        )


def parse_capture(content: bytes, *, name: str, read_file: ReadFile) -> Capture:
    """Read a capture.

    Args:
        content: of the file.
        name: of the file, for the error.
        read_file: reads what `@file` in a curl line names.

    Raises:
        SetupError: neither a request nor a curl line.
    """
    if re.match(rb"\s*(?:\$ *)?curl(?:\.exe)?\s", content):
        return _parse_curl(content, name, read_file)
    content = content.lstrip(b"\r\n")
    blank = _BLANK_LINE.search(content)
    head, body = (content[: blank.start()], content[blank.end() :]) if blank else (content, b"")
    lines = head.decode("latin-1").rstrip("\r\n").splitlines()
    start = _REQUEST_LINE.fullmatch(lines[0].strip()) if lines else None
    if start is None:
        raise _unreadable(name, "the first line is neither `METHOD /path HTTP/1.1` nor a curl line")
    fields = tuple(_parse_field(line, name) for line in lines[1:])
    capture = Capture(start[1], _origin_form(start[2], name), fields=fields, body=body)
    if capture.lines("transfer-encoding"):
        raise _unreadable(name, "the body is chunked; save it plain, with Content-Length")
    length = "".join(capture.lines("content-length"))
    if length.isdigit() and not body[int(length) :].strip():
        capture = msgspec.structs.replace(capture, body=body[: int(length)])
    return capture


def _origin_form(target: str, name: str) -> str:
    parts = _split_url(target, name)
    if not parts.scheme:
        return target
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _split_url(url: str, name: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:  # `http://[`, and hosts that are no host after NFKC
        raise _unreadable(name, "the URL cannot be read") from None


def _parse_field(line: str, name: str) -> tuple[str, str]:
    key, colon, value = line.partition(":")
    if not colon or not key.strip():
        raise _unreadable(name, "a header line has no colon")
    return key.strip(), value.strip(" \t")


class _Curl(msgspec.Struct):
    url: str = ""
    method: str = ""
    fields: list[tuple[str, str]] = []
    data: list[bytes] = []
    is_json: bool = False


def _parse_curl(content: bytes, name: str, read_file: ReadFile) -> Capture:
    try:
        text = _CONTINUED.sub(" ", content.decode())
        words = iter(shlex.split(text.strip().removeprefix("$").strip())[1:])
    except ValueError:
        raise _unreadable(name, "the curl line is not UTF-8, or a quote is open") from None
    curl = _Curl()
    for word in words:
        _take(curl, word, words, name, read_file)
    parts = _split_url(curl.url if "://" in curl.url else f"http://{curl.url}", name)
    if not parts.netloc:
        raise _unreadable(name, "the curl line has no URL")
    given = {key.lower() for key, _ in curl.fields}
    implied = [("Host", parts.netloc)]
    if curl.data:
        plain = "application/json" if curl.is_json else "application/x-www-form-urlencoded"
        implied.append(("Content-Type", plain))
    return Capture(
        method=curl.method or ("POST" if curl.data else "GET"),
        target=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        fields=(*(pair for pair in implied if pair[0].lower() not in given), *curl.fields),
        body=b"&".join(curl.data),
        default_port=":443" if parts.scheme == "https" else ":80",
    )


def _take(curl: _Curl, word: str, words: Iterator[str], name: str, read_file: ReadFile) -> None:
    option, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
    if re.fullmatch(r"-[XHd].+", word):  # -XPOST
        option, equals, value = word[:2], "=", word[2:]
    if option in _SWITCHES:
        return
    if not option.startswith("-"):
        curl.url = word
        return
    argument = value if equals else next(words, "")
    match option:
        case "-X" | "--request":
            curl.method = argument
        case "--url":
            curl.url = argument
        case "-H" | "--header":
            curl.fields.append(_parse_field(argument, name))
        case "-d" | "--data" | "--data-ascii":
            from_file = argument.startswith("@")
            data = read_file(argument[1:]) if from_file else argument.encode()
            curl.data.append(re.sub(rb"[\r\n\0]", b"", data) if from_file else data)
        case "--data-raw":
            curl.data.append(argument.encode())
        case "--data-binary" | "--json":
            curl.is_json |= option == "--json"
            from_file = argument.startswith("@")
            curl.data.append(read_file(argument[1:]) if from_file else argument.encode())
        case _:
            return  # its argument says nothing about the request


def _unreadable(name: str, what: str) -> SetupError:
    return SetupError(
        what, where=name, remedy="save the request line, the headers, a blank line and the body."
    )
