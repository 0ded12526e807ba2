# SPDX-License-Identifier: Apache-2.0
"""Digests, and the two base64 alphabets in which they travel (RFC 4648 §4 and §5).

Standard library only, so that light packages may import it. The decoders refuse whatever their
encoder would not print: other characters, other padding, spare bits that are not zero.
"""

import binascii
import hashlib  # noqa: TID251 -- the one place that the rule points to
import hmac
from collections.abc import Iterable
from typing import Final

_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
_FROM_URL: Final = bytes.maketrans(b"-_", b"+/")


def sha256(content: bytes) -> bytes:
    """SHA-256 (FIPS 180-4), 32 bytes."""
    return hashlib.sha256(content).digest()


def sha256_of(chunks: Iterable[bytes]) -> bytes:
    """SHA-256 of everything that comes, so that a file need not fit into memory."""
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.digest()


def sha512(content: bytes) -> bytes:
    """SHA-512 (FIPS 180-4), 64 bytes."""
    return hashlib.sha512(content).digest()


def md5_insecure(content: bytes) -> bytes:
    """MD5 (RFC 1321), 16 bytes; broken, and here for systems that know nothing else."""
    return hashlib.md5(content, usedforsecurity=False).digest()


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    """HMAC with SHA-256 (RFC 2104), 32 bytes."""
    return hmac.digest(key, message, "sha256")


class KeyedHash:
    """Keyed BLAKE2b (RFC 7693 §2.9) with 16 bytes of output: a MAC, prepared once for its key.

    A fifth of the time of HMAC-SHA-256, for what is derived for each request and leaves no process.
    """

    __slots__ = ("_keyed",)

    def __init__(self, key: bytes) -> None:
        self._keyed: Final = hashlib.blake2b(key=key, digest_size=16)

    def __call__(self, message: bytes) -> bytes:
        """The MAC of a message."""
        state = self._keyed.copy()
        state.update(message)
        return state.digest()


def b64_encode(content: bytes) -> str:
    """Base64 with padding, on one line."""
    return binascii.b2a_base64(content, newline=False).decode("ascii")


def b64_decode(text: str) -> bytes:
    """Inverse of `b64_encode`.

    Raises:
        ValueError: text that `b64_encode` does not print.
    """
    content = binascii.a2b_base64(text)
    if b64_encode(content) != text:
        raise ValueError("not canonical base64")
    return content


def b64url_encode(content: bytes) -> str:
    """Base64url without padding."""
    return binascii.b2a_base64(content, newline=False).translate(_TO_URL, b"=").decode("ascii")


def b64url_decode(text: str) -> bytes:
    """Inverse of `b64url_encode`.

    Raises:
        ValueError: text that `b64url_encode` does not print.
    """
    padded = text.encode("ascii").translate(_FROM_URL) + b"=" * (-len(text) % 4)
    content = binascii.a2b_base64(padded)
    if b64url_encode(content) != text:
        raise ValueError("not canonical base64url")
    return content
