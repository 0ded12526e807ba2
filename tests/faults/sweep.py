# SPDX-License-Identifier: Apache-2.0
"""Looking for persons and keys in bytes, however they are written.

What is searched is decoded in each way that a leak could have been encoded in, and the words are
looked for in the result; so a word is found wherever it begins, and at whatever offset of base64.
Sealed bytes are searched like any others, and say nothing.
"""

import re
from binascii import Error, a2b_base64, unhexlify
from collections.abc import Iterable, Iterator
from urllib.parse import unquote_to_bytes

_RUN_64 = re.compile(rb"[A-Za-z0-9+/_-]{8,}")
_RUN_16 = re.compile(rb"[0-9A-Fa-f]{12,}")
_ESCAPED = re.compile(rb"\\u([0-9A-Fa-f]{4})")
_STANDARD = bytes.maketrans(b"-_", b"+/")
_GAP = b"\x00\xff"
_CHARSETS = ("utf-8", "utf-16-le", "utf-16-be", "gb18030")
#: 18 characters of a citizen number, overlapping ones too, in one and in two bytes each.
_NUMBERS = (
    re.compile(rb"(?=([0-9]{17}[0-9Xx]))"),
    re.compile(rb"(?=((?:[0-9]\x00){17}[0-9Xx]))"),
)


class Sweep:
    """What must be nowhere.

    Args:
        numbers: citizen numbers.
        names: of three characters at least; shorter ones would be found by chance.
        secrets: bytes of keys, by name.
    """

    def __init__(
        self, numbers: Iterable[str], names: Iterable[str], secrets: dict[str, bytes]
    ) -> None:
        self._numbers = {number.encode() for number in numbers}
        words = {name.encode(charset) for name in names for charset in _CHARSETS}
        self._names = re.compile(b"|".join(map(re.escape, sorted(words))))
        self._secrets = secrets

    def find(self, content: bytes) -> set[str]:
        """What is there: `number`, `name`, or the name of a secret."""
        found = set()
        for view in views(content):
            if self._has_number(view):
                found.add("number")
            if self._names.search(view):
                found.add("name")
            found |= {name for name, secret in self._secrets.items() if secret in view}
        return found

    def _has_number(self, view: bytes) -> bool:
        return any(
            match[1].replace(b"\0", b"").upper() in self._numbers
            for pattern in _NUMBERS
            for match in pattern.finditer(view)
        )


def views(content: bytes) -> Iterator[bytes]:
    """The content as it is, and read as percent-encoding, JSON escapes, base64 and hexadecimal."""
    yield content
    if b"%" in content:
        yield unquote_to_bytes(content)
    if b"\\u" in content:
        yield _ESCAPED.sub(lambda found: chr(int(found[1], 16)).encode(errors="replace"), content)
    runs = [run.translate(_STANDARD) for run in _RUN_64.findall(content)]
    for shift in range(4):
        yield _GAP.join(_from_64(run[shift:]) for run in runs)
    runs = _RUN_16.findall(content)
    for shift in range(2):
        yield _GAP.join(unhexlify(run[shift : shift + (len(run) - shift) // 2 * 2]) for run in runs)


def _from_64(run: bytes) -> bytes:
    whole = len(run) // 4 * 4
    rest = run[whole:]
    try:
        tail = a2b_base64(rest + b"=" * (4 - len(rest))) if len(rest) > 1 else b""
    except Error:
        tail = b""
    return a2b_base64(run[:whole]) + tail
