# SPDX-License-Identifier: Apache-2.0
"""A request to a department as bytes, and the body of its answer out of its coding. Pure; no I/O.

1. What frames a message (`Content-Length`, `Connection`, …) is written here and by nobody else, and
   no field can end before its line does: a value of a caller's cannot become a second request.
2. We ask for the body as it is. A department that packs it all the same is understood where the
   coding is `gzip` or `deflate`; the bound on its size holds for what was packed.
"""

import re
import zlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Final
from urllib.parse import quote

from gateway.errors import AdapterContractBroken

#: RFC 3986 §3.3 and §3.4, and `%` of what is escaped already.
_TARGET_MARKS: Final = "-._~:/?@!$&'()*+,;=%"
_TARGET: Final = re.compile(rf"[A-Za-z0-9{re.escape(_TARGET_MARKS)}]+")
_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # RFC 9110 §5.6.2
_FRAMING: Final = frozenset(
    ("connection", "content-length", "expect", "host", "te", "trailer", "transfer-encoding",
     "upgrade")
)  # fmt: skip
_OURS: Final = {
    "Accept": "*/*",
    "Accept-Encoding": "identity",
    "User-Agent": "yizheng-gateway",
}
#: Of zlib: takes the head of gzip as well as its own.
_EITHER_HEAD: Final = zlib.MAX_WBITS | 32


def quote_target(target: str) -> str:
    """A path, and perhaps a query, as they are sent; what is escaped stays as it is."""
    return target if _TARGET.fullmatch(target) else quote(target, safe=_TARGET_MARKS)


def format_request(
    method: str, host: str, target: str, headers: Mapping[str, str], body: bytes | None
) -> bytes:
    """Write a request.

    Args:
        host: as the `Host` field has it.
        target: of `quote_target`.
        headers: of the caller; what everyone sends is added.

    Raises:
        AdapterContractBroken: a header that is none, or that is not the caller's to set.
    """
    fixed, line_count = _fixed_fields(host, tuple(headers))
    lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
    if body is not None or method == "POST":
        lines.append(f"Content-Length: {len(body or b'')}\r\n")
    head = f"{method} {target} HTTP/1.1\r\n{fixed}{''.join(lines)}\r\n"
    line_count += len(lines) + 2
    if head.count("\n") != line_count or head.count("\r") != line_count or "\0" in head:
        raise AdapterContractBroken("a header's value is not one line")
    try:
        return head.encode() + (body or b"")
    except UnicodeEncodeError:
        raise AdapterContractBroken("a header's value is no text") from None


@lru_cache(maxsize=256)
def _fixed_fields(host: str, names: tuple[str, ...]) -> tuple[str, int]:
    """The fields that do not differ between calls which bring these, and how many they are."""
    brought = {name.lower() for name in names}
    if brought & _FRAMING or not all(map(_NAME.fullmatch, names)):
        raise AdapterContractBroken("a header that cannot be sent")
    lines = [f"Host: {host}\r\n"]
    lines += [f"{name}: {text}\r\n" for name, text in _OURS.items() if name.lower() not in brought]
    return "".join(lines), len(lines)


def unpack(content: bytes, coding: bytes, max_bytes: int) -> bytes:
    """Take a body out of its coding.

    Raises:
        AdapterContractBroken: a coding that nobody asked for, broken, or larger than `max_bytes`.
    """
    if not coding or coding == b"identity":
        return content
    if coding not in {b"gzip", b"x-gzip", b"deflate"}:
        raise AdapterContractBroken("a coding that was not asked for")
    unpacking = zlib.decompressobj(_EITHER_HEAD)
    try:
        plain = unpacking.decompress(content, max_bytes + 1)
    except zlib.error:
        raise AdapterContractBroken("its coding is broken") from None
    if len(plain) > max_bytes:
        raise AdapterContractBroken(f"more than {max_bytes} bytes")
    if not unpacking.eof:
        raise AdapterContractBroken("its coding is broken")
    return plain
