# SPDX-License-Identifier: Apache-2.0
"""Content-Digest (RFC 9530 §2): what ties a body to the signature that covers its digest.

Rules:

1. `sha-256` is required. A `sha-512` beside it must be right too. Other algorithms are ignored.
2. A signature that covers the field says nothing about the body until the digest is computed anew.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from gateway.crypto.digest import sha256, sha512
from gateway.errors import RequestError
from gateway.httpsig import sfv

SHA256_BYTES: Final = 32
SHA512_BYTES: Final = 64

_HEXADECIMAL: Final = re.compile(r"=[:\"]?[0-9A-Fa-f]{64}[:\"]?(?![0-9A-Za-z+/=_-])")
_FOREIGN_BASE64: Final = re.compile(
    r":(?:[A-Za-z0-9+/_-]{43}|(?=[A-Za-z0-9+/]*[_-])[A-Za-z0-9+/_-]{43}=):"
)


def content_digest(body: bytes) -> str:
    """Return the field's value for a body, after any content coding: `sha-256=:…:`."""
    return f"sha-256={sfv.format_bytes(sha256(body))}"


def verify_content_digest(lines: Sequence[str], body: bytes) -> bytes:
    """Compare the field with the body.

    Args:
        lines: of Content-Digest.
        body: exactly as sent.

    Returns:
        SHA-256 of the body, 32 bytes.

    Raises:
        RequestError: DIGEST_MALFORMED or DIGEST_MISMATCH.
    """
    actual = sha256(body)
    if len(lines) == 1 and lines[0] == f"sha-256={sfv.format_bytes(actual)}":
        return actual  # the usual case, without a parser
    try:
        members = sfv.parse_dictionary(lines, field="Content-Digest", code="DIGEST_MALFORMED")
        stated_256 = _digest(members, "sha-256", SHA256_BYTES)
        stated_512 = _digest(members, "sha-512", SHA512_BYTES) if "sha-512" in members else None
    except RequestError as error:
        raise RequestError("DIGEST_MALFORMED", _guess(", ".join(lines)) or error.detail) from None
    if stated_256 != actual:
        raise RequestError("DIGEST_MISMATCH", "sha-256 is of other content")
    if stated_512 is not None and stated_512 != sha512(body):
        raise RequestError("DIGEST_MISMATCH", "sha-512 is of other content")
    return actual


def _digest(members: Mapping[str, sfv.Member], algorithm: str, size_bytes: int) -> bytes:
    member = members.get(algorithm)
    if member is None:
        raise RequestError("DIGEST_MALFORMED", f"Content-Digest has no {algorithm}")
    digest = sfv.parse_bytes(member.text, algorithm, code="DIGEST_MALFORMED")
    if len(digest) != size_bytes:
        raise RequestError("DIGEST_MALFORMED", f"{algorithm} must have {size_bytes} bytes")
    return digest


def _guess(text: str) -> str:
    if _HEXADECIMAL.search(text):
        return "sha-256 looks like hexadecimal; write the base64 of the 32 bytes between colons"
    if _FOREIGN_BASE64.search(text):
        return "sha-256 looks like base64url or unpadded; write standard base64 with its ="
    return ""
