# SPDX-License-Identifier: Apache-2.0
"""Structured fields (RFC 8941; RFC 9651 without dates and display strings) for signatures.

Rules:

1. A member is accepted only in the one spelling that RFC 8941 §4.1 prints: no `00`, no `1.50`, no
   `a=?1`, no second space, no base64 with spare bits, no key twice. So the text on the wire *is*
   the serialisation, and what was signed needs no printing again.
2. Between members the wire may have what §4.2 allows: whitespace around commas, several lines.
3. Values stay text until they are asked for, by `parse_string`, `parse_bytes`, `parse_integer`.
4. Text that does not parse raises RequestError, naming the field and the position.

The patterns match in linear time: what may repeat is possessive, or ends where nothing else fits.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from gateway.crypto.digest import b64_decode, b64_encode
from gateway.errors import RequestError

_KEY: Final = r"[a-z*][a-z0-9_.*-]*+"
_NUMBER: Final = (
    r"-?(?:0|[1-9][0-9]{0,11})\.[0-9]{0,2}[1-9]|-?[1-9][0-9]{0,11}\.0|0\.0"
    r"|-?[1-9][0-9]{0,14}|0"
)
_STRING: Final = r'"[ !#-\[\]-~]*+(?:\\["\\][ !#-\[\]-~]*+)*+"'
_WORD: Final = r"[A-Za-z*][A-Za-z0-9!#$%&'*+.^_`|~:/-]*+"
_BYTES: Final = (
    r":(?:[A-Za-z0-9+/]{4})*+"
    r"(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?:"
)
# `?1` is printed only where a value stands alone; elsewhere true is a key without a value.
_BARE: Final = rf"(?:{_STRING}|{_BYTES}|{_NUMBER}|{_WORD}|\?0)"
_PARAMETERS: Final = rf"(?:;{_KEY}(?:={_BARE})?)*+"
_ITEM: Final = rf"(?:{_BARE}|\?1){_PARAMETERS}"
_INNER_LIST: Final = rf"\((?:{_ITEM}(?: {_ITEM})*+)?\)"

_PARAMETER_PATTERN: Final = re.compile(rf";({_KEY})(?:=({_BARE}))?")
_ITEM_PATTERN: Final = re.compile(rf"({_BARE}|\?1)({_PARAMETERS})")
_MEMBER_PATTERN: Final = re.compile(rf"({_KEY})(?:=({_INNER_LIST}|{_BARE}))?({_PARAMETERS})")
_COMMA_PATTERN: Final = re.compile(r"[ \t]*+,[ \t]*+")
_STRING_PATTERN: Final = re.compile(r"[ -~]*")
_INTEGER_PATTERN: Final = re.compile(r"-?[0-9]+")

TRUE: Final = "?1"


class Member(NamedTuple):
    """An item or an inner list, with its parameters.

    Attributes:
        text: all of it, as printed.
        value: without the parameters; an inner list begins with `(`.
        parameters: the text of each value by key, in order; not to be changed.
    """

    text: str
    value: str
    parameters: Mapping[str, str]


_NO_PARAMETERS: Final[Mapping[str, str]] = {}


def parse_dictionary(
    lines: Sequence[str], *, field: str, code: str = "SIGNATURE_MALFORMED"
) -> dict[str, Member]:
    """Parse a dictionary (RFC 8941 §3.2) of items and inner lists.

    Args:
        lines: the field's lines in order.
        field: the field's name, for the refusal.
        code: the code of the refusal.

    Raises:
        RequestError: `code`; not a dictionary, or a key twice.
    """
    text = (lines[0] if len(lines) == 1 else ", ".join(lines)).strip(" ")
    members: dict[str, Member] = {}
    at, end = 0, len(text)
    while at < end or members:
        match = _MEMBER_PATTERN.match(text, at)
        if match is None:
            raise RequestError(code, f"{field}: no member can be read at character {at + 1}")
        key, value, parameters = match.groups()
        if key in members:
            raise RequestError(code, f"{field}: a key is there twice, at character {at + 1}")
        members[key] = _member(value, parameters, field, code)
        at = match.end()
        if at == end:
            break
        comma = _COMMA_PATTERN.match(text, at)
        if comma is None:
            raise RequestError(code, f"{field}: a comma is expected at character {at + 1}")
        at = comma.end()
    return members


def format_dictionary(members: Mapping[str, Member]) -> str:
    """Inverse of `parse_dictionary`: the members on one line."""
    return ", ".join(
        f"{key}={member.text}" if member.value != TRUE else key + member.text[len(TRUE) :]
        for key, member in members.items()
    )


@lru_cache(maxsize=256)
def parse_items(value: str, field: str, code: str = "SIGNATURE_MALFORMED") -> tuple[Member, ...]:
    """Parse the items of an inner list that `parse_dictionary` has matched.

    Cached: the lists that clients sign are few, and a peer that varies them gains nothing.

    Raises:
        RequestError: `code`; a parameter twice.
    """
    return tuple(
        Member(match[0], match[1], _parse_parameters(match[2], field, code))
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


def _member(value: str | None, parameters: str, field: str, code: str) -> Member:
    if value is None:
        value = TRUE
    elif value[0] == "(":
        parse_items(value, field, code)
    if not parameters:
        return Member(value, value, _NO_PARAMETERS)
    return Member(value + parameters, value, _parse_parameters(parameters, field, code))


def _parse_parameters(text: str, field: str, code: str) -> Mapping[str, str]:
    if not text:
        return _NO_PARAMETERS
    pairs = _PARAMETER_PATTERN.findall(text)
    parameters = {key: value or TRUE for key, value in pairs}
    if len(parameters) != len(pairs):
        raise RequestError(code, f"{field}: a parameter is there twice")
    return parameters
