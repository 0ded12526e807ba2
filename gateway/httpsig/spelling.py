# SPDX-License-Identifier: Apache-2.0
"""Every spelling of a dictionary that RFC 8941 §4.2 reads, printed in the one spelling of §4.1.

This is the slow path of `gateway.httpsig.sfv`, for peers whose printer is not strict. Rules:

1. Read: spaces after a semicolon and inside a list, tabs and spaces around commas, `01`, `-0`,
   `1.50`, `a=?1`; the dates and display strings of RFC 9651 too, since they may stand beside ours.
2. A key or parameter that is repeated keeps its first place and its last value (§4.2.2, §4.2.3.2),
   unless the caller asks that each be `unique`: signatures and digests do, for a reader that takes
   the first value would otherwise see another signature than we do (RFC 9421 §4.1 wants labels
   that identify).
3. Base64 is canonical or refused, though RFC 8941 §4.2.7 says SHOULD NOT: signatures, digests are
   all the bytes that we read, and a signature that has two spellings is malleable.
"""

import re
from typing import Final, Never
from urllib.parse import unquote_to_bytes

from gateway.errors import RequestError

INTEGER_MAX_DIGITS: Final = 15
DECIMAL_MAX_DIGITS: Final = 12
FRACTION_MAX_DIGITS: Final = 3

# No possessive quantifiers here or in `sfv`: Python before 3.11.5, Debian 12's among them, gets
# those over groups wrong (CPython issue 106052).
KEY: Final = r"[a-z*][a-z0-9_.*-]*"
STRING: Final = r'"[ !#-\[\]-~]*(?:\\["\\][ !#-\[\]-~]*)*"'
WORD: Final = r"[A-Za-z*][A-Za-z0-9!#$%&'*+.^_`|~:/-]*"
BYTES: Final = (
    r":(?:[A-Za-z0-9+/]{4})*"
    r"(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?:"
)

_KEY_PATTERN: Final = re.compile(KEY)
_VALUE_PATTERN: Final = re.compile(
    rf"(?P<same>{STRING}|{BYTES}|\?[01]|{WORD})"
    r"|(?P<number>@?-?[0-9]+(?:\.[0-9]*)?)"
    r'|%"(?P<display>(?:[ !#$&-~]|%[0-9a-f]{2})*)"'
)
_BLANKS_PATTERN: Final = re.compile(r"[ \t]*")
_SPACES_PATTERN: Final = re.compile(r" *")
_NUMBER_PATTERN: Final = re.compile(r"(@?)(-?)([0-9]+)(?:(\.)([0-9]*))?")

_TRUE: Final = "?1"
_PLAIN_BYTES: Final = frozenset(range(0x20, 0x7F)) - {0x22, 0x25}


def respell_dictionary(text: str, *, field: str, code: str, unique: bool) -> str:
    """Print a dictionary canonically.

    Args:
        text: the field's lines joined, without spaces at its ends.
        field: its name, for the refusal.
        code: of the refusal.
        unique: whether a repeated key or parameter is refused.

    Raises:
        RequestError: `code`; the detail says what is expected and where.
    """
    return _Reader(text, field, code, unique=unique).dictionary()


class _Reader:
    """A position in a text; each method reads one production and prints it."""

    def __init__(self, text: str, field: str, code: str, *, unique: bool) -> None:
        self._text: Final = text
        self._field: Final = field
        self._code: Final = code
        self._unique: Final = unique
        self._at = 0

    def dictionary(self) -> str:
        members: dict[str, str] = {}
        while self._at < len(self._text) or members:
            start = self._at
            key = self._key("no member can be read")
            if self._unique and key in members:
                self._refuse("a key is there twice,", start)
            members[key] = self._member()
            self._skip(_BLANKS_PATTERN)
            if self._at == len(self._text):
                break
            if not self._take(","):
                self._refuse("a comma is expected")
            self._skip(_BLANKS_PATTERN)
        return ", ".join(key + member for key, member in members.items())

    def _member(self) -> str:
        value = _TRUE
        if self._take("="):
            value = self._inner_list() if self._take("(") else self._value()
        parameters = self._parameters()
        return parameters if value == _TRUE else f"={value}{parameters}"

    def _inner_list(self) -> str:
        items: list[str] = []
        self._skip(_SPACES_PATTERN)
        while not self._take(")"):
            items.append(self._value() + self._parameters())
            if not self._text.startswith((" ", ")"), self._at):
                self._refuse("a space or a closing parenthesis is expected")
            self._skip(_SPACES_PATTERN)
        return f"({' '.join(items)})"

    def _parameters(self) -> str:
        parameters: dict[str, str] = {}
        while self._take(";"):
            self._skip(_SPACES_PATTERN)
            start = self._at
            key = self._key("no parameter can be read")
            if self._unique and key in parameters:
                self._refuse("a parameter is there twice,", start)
            parameters[key] = self._value() if self._take("=") else _TRUE
        return "".join(
            f";{key}" if value == _TRUE else f";{key}={value}" for key, value in parameters.items()
        )

    def _key(self, otherwise: str) -> str:
        match = _KEY_PATTERN.match(self._text, self._at)
        if match is None:
            self._refuse(otherwise)
        self._at = match.end()
        return match[0]

    def _value(self) -> str:
        match = _VALUE_PATTERN.match(self._text, self._at)
        if match is None:
            self._refuse("no value can be read")
        try:
            printed = match["same"] or (
                _respell_number(match["number"])
                if match["number"]
                else _respell_display(match["display"])
            )
        except ValueError as error:
            self._refuse(str(error))
        self._at = match.end()
        return printed

    def _take(self, character: str) -> bool:
        taken = self._text.startswith(character, self._at)
        self._at += taken
        return taken

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self._text, self._at)
        self._at = self._at if match is None else match.end()

    def _refuse(self, why: str, at: int | None = None) -> Never:
        where = (self._at if at is None else at) + 1
        raise RequestError(self._code, f"{self._field}: {why} at character {where}")


def _respell_number(text: str) -> str:
    match = _NUMBER_PATTERN.fullmatch(text)
    assert match is not None  # `_VALUE_PATTERN` has matched it
    date, minus, whole, point, fraction = match.groups(default="")
    if date and point:
        raise ValueError("a date has no fraction,")
    if len(whole) > (DECIMAL_MAX_DIGITS if point else INTEGER_MAX_DIGITS):
        raise ValueError("a number has too many digits")
    if not point:
        return f"{date}{int(minus + whole)}"
    if not 0 < len(fraction) <= FRACTION_MAX_DIGITS:
        raise ValueError("a decimal has one to three digits of fraction,")
    digits = f"{int(whole)}.{fraction.rstrip('0') or '0'}"
    return digits if digits == "0.0" else minus + digits


def _respell_display(text: str) -> str:
    try:
        content = unquote_to_bytes(text)
        content.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("a display string is not UTF-8") from None
    printed = "".join(chr(byte) if byte in _PLAIN_BYTES else f"%{byte:02x}" for byte in content)
    return f'%"{printed}"'
