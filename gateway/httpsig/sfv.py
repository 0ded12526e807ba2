# SPDX-License-Identifier: Apache-2.0
"""Structured fields (RFC 8941, RFC 9651) for signatures.

Rules:

1. `Member.text` is the one spelling that RFC 8941 §4.1 prints, because RFC 9421 signs that one: in
   `@signature-params` (§2.3, §3.2), in component identifiers (§2.5), under `sf` and `key` (§2.1).
   What is spelled so already is taken from the wire as it stands; all that we print is spelled so.
2. Input in another valid spelling is printed canonically by `spelling` and then read. There, not
   here, is the one place where we accept what we would not print: RFC 8941 §4.2 obliges us to.
3. Values stay text until they are asked for, by `parse_string`, `parse_bytes`, `parse_integer`.
4. Text that does not parse raises RequestError, naming the field and the position.

The patterns match in linear time: what may follow a repetition never begins like what repeats.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from gateway.crypto.digest import b64_decode, b64_encode
from gateway.errors import RequestError
from gateway.httpsig.spelling import BYTES, KEY, STRING, WORD, respell_dictionary

_NUMBER: Final = (
    r"-?(?:0|[1-9][0-9]{0,11})\.[0-9]{0,2}[1-9]|-?[1-9][0-9]{0,11}\.0|0\.0"
    r"|@?(?:-?[1-9][0-9]{0,14}|0)(?![0-9.])"
)
# Of a display string: the bytes that are escaped, and UTF-8 as RFC 3629 §4 has it.
_TAIL: Final = "%[89ab][0-9a-f]"
_DISPLAY: Final = (
    r'%"(?:[ !#$&-~]|%[01][0-9a-f]|%2[25]|%7f'
    rf"|%(?:c[2-9a-f]|d[0-9a-f]){_TAIL}"
    rf"|(?:%e0%[ab][0-9a-f]|%e[1-9abcef]{_TAIL}|%ed%[89][0-9a-f]){_TAIL}"
    rf'|(?:%f0%[9ab][0-9a-f]|%f[1-3]{_TAIL}|%f4%8[0-9a-f]){_TAIL}{_TAIL})*"'
)
# `?1` is printed only where a value stands alone; elsewhere true is a key without a value.
_BARE: Final = rf"(?:{STRING}|{BYTES}|{_NUMBER}|{WORD}|\?0|{_DISPLAY})"
_PARAMETERS: Final = rf"(?:;{KEY}(?:={_BARE})?)*"
_ITEM: Final = rf"(?:{_BARE}|\?1){_PARAMETERS}"
_INNER_LIST: Final = rf"\((?:{_ITEM}(?: {_ITEM})*)?\)"

_PARAMETER_PATTERN: Final = re.compile(rf";({KEY})(?:=({_BARE}))?")
_ITEM_PATTERN: Final = re.compile(rf"({_BARE}|\?1)({_PARAMETERS})")
_MEMBER_PATTERN: Final = re.compile(rf"({KEY})(?:=({_INNER_LIST}|{_BARE}))?({_PARAMETERS})")
_STRING_PATTERN: Final = re.compile(r"[ -~]*")
_INTEGER_PATTERN: Final = re.compile(r"-?[0-9]+")

TRUE: Final = "?1"


class Member(NamedTuple):
    """An item or an inner list, with its parameters.

    Attributes:
        text: all of it, as §4.1 prints it, whatever was received.
        value: without the parameters; an inner list begins with `(`.
        parameters: the text of each value by key, in order; not to be changed.
    """

    text: str
    value: str
    parameters: Mapping[str, str]


_NO_PARAMETERS: Final[Mapping[str, str]] = {}


class _OtherSpelling(ValueError):
    """The text is not what §4.1 prints; it may be valid all the same."""


def parse_dictionary(
    lines: Sequence[str], *, field: str, code: str = "SIGNATURE_MALFORMED", unique: bool = True
) -> dict[str, Member]:
    """Parse a dictionary (RFC 8941 §3.2) of items and inner lists.

    Args:
        lines: the field's lines in order.
        field: the field's name, for the refusal.
        code: the code of the refusal.
        unique: whether a repeated key or parameter is refused; otherwise the last one counts.

    Raises:
        RequestError: `code`; not a dictionary, or something is repeated.
    """
    text = (lines[0] if len(lines) == 1 else ", ".join(lines)).strip(" ")
    try:
        return _read(text)
    except _OtherSpelling:
        return _read(respell_dictionary(text, field=field, code=code, unique=unique))


def format_dictionary(members: Mapping[str, Member]) -> str:
    """Inverse of `parse_dictionary`: the members on one line."""
    return ", ".join(
        f"{key}={member.text}" if member.value != TRUE else key + member.text[len(TRUE) :]
        for key, member in members.items()
    )


@lru_cache(maxsize=256)
def parse_items(value: str) -> tuple[Member, ...]:
    """Parse the items of an inner list: `Member.value`.

    Cached: the lists that clients sign are few, and a peer that varies them gains nothing.
    """
    return tuple(
        Member(match[0], match[1], _parse_parameters(match[2]))
        for match in _ITEM_PATTERN.finditer(value, 1, len(value) - 1)
    )


def parse_string(text: str, what: str) -> str:
    """Parse a String; `what` names it in the refusal.

    Raises:
        RequestError: SIGNATURE_MALFORMED; another type.
    """
    if text[0] != '"':
        raise RequestError("SIGNATURE_MALFORMED", f"{what} is not a quoted String")
    content = text[1:-1]
    return re.sub(r"\\(.)", r"\1", content) if "\\" in content else content


def format_string(content: str) -> str:
    """Inverse of `parse_string`.

    Raises:
        RequestError: SIGNATURE_MALFORMED; characters other than printable ASCII.
    """
    if _STRING_PATTERN.fullmatch(content) is None:
        raise RequestError("SIGNATURE_MALFORMED", "a String holds printable ASCII only")
    if "\\" in content or '"' in content:
        content = content.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{content}"'


def parse_bytes(text: str, what: str, *, code: str = "SIGNATURE_MALFORMED") -> bytes:
    """Parse a Byte Sequence; `what` names it in the refusal.

    Raises:
        RequestError: `code`; another type, or parameters behind it.
    """
    try:
        if text[0] == text[-1] == ":":
            return b64_decode(text[1:-1])
    except ValueError:  # `:YQ==:;a=:YQ==:`
        pass
    raise RequestError(code, f"{what} is not base64 between colons")


def format_bytes(content: bytes) -> str:
    """Inverse of `parse_bytes`."""
    return f":{b64_encode(content)}:"


def parse_integer(text: str, what: str) -> int:
    """Parse an Integer; `what` names it in the refusal.

    Raises:
        RequestError: SIGNATURE_MALFORMED; another type.
    """
    if _INTEGER_PATTERN.fullmatch(text) is None:
        raise RequestError("SIGNATURE_MALFORMED", f"{what} is not an Integer")
    return int(text)


def _read(text: str) -> dict[str, Member]:
    members: dict[str, Member] = {}
    at, end = 0, len(text)
    while at < end or members:
        match = _MEMBER_PATTERN.match(text, at)
        if match is None:
            raise _OtherSpelling
        key, value, parameters = match.groups()
        if key in members:
            raise _OtherSpelling
        members[key] = _member(value, parameters)
        at = match.end()
        if at == end:
            break
        if not text.startswith(", ", at):
            raise _OtherSpelling
        at += 2
    return members


def _member(value: str | None, parameters: str) -> Member:
    if value is None:
        value = TRUE
    elif value[0] == "(":
        parse_items(value)
    if not parameters:
        return Member(value, value, _NO_PARAMETERS)
    return Member(value + parameters, value, _parse_parameters(parameters))


def _parse_parameters(text: str) -> Mapping[str, str]:
    if not text:
        return _NO_PARAMETERS
    pairs = _PARAMETER_PATTERN.findall(text)
    parameters = {key: value or TRUE for key, value in pairs}
    if len(parameters) != len(pairs):
        raise _OtherSpelling
    return parameters
