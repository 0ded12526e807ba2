# SPDX-License-Identifier: Apache-2.0
"""Suspicions about Content-Digest: how it is written, and of which bytes it might be."""

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from gateway.crypto.digest import b64_decode, sha256
from gateway.explain.capture import Capture

_STATED: Final = re.compile(r"sha-256=([:\"']?)([A-Za-z0-9+/_=-]+)[:\"']?")
_HEX: Final = re.compile(r"[0-9A-Fa-f]{64}")
_ESCAPE: Final = re.compile(r"[^\x00-\x7f]")
_DIGEST_BYTES: Final = 32


def suspect_digest(capture: Capture) -> str | None:
    """Name the mistake behind a Content-Digest that is malformed or does not match."""
    stated = _STATED.search(", ".join(capture.lines("content-digest")))
    if stated is None:
        return "digest-algorithm"
    spelling, digest = _read(stated[1], stated[2])
    if spelling is not None:
        return spelling
    for cause, content in _other_bodies(capture.body):
        if sha256(content) == digest:
            return cause
    return "body-other"


def _read(mark: str, text: str) -> tuple[str | None, bytes]:
    """The mistake in the spelling, if any, and the digest."""
    if _HEX.fullmatch(text):
        return "digest-hex", bytes.fromhex(text)
    standard = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        digest = b64_decode(standard + "=" * (-len(standard) % 4))
    except ValueError:
        return None, b""
    if len(digest) == 2 * _DIGEST_BYTES and _HEX.fullmatch(digest.decode("latin-1")):
        return "digest-hex-in-base64", b""
    if len(digest) != _DIGEST_BYTES:
        return None, b""
    if text != standard + "=" * (-len(standard) % 4):
        return "digest-base64url", digest
    return (None if mark == ":" else "digest-colons"), digest


def _other_bodies(body: bytes) -> Iterator[tuple[str, bytes]]:
    """What may have been digested instead of these bytes."""
    yield "digest-empty", b""
    unix = body.replace(b"\r\n", b"\n")
    for text in (body.strip(), unix, unix.replace(b"\n", b"\r\n")):
        for end in (b"", b"\n", b"\r\n"):
            yield "body-newline", text + end
    yield from _in_other_charsets(body)
    try:
        value = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return
    for text in (body, msgspec.json.encode(value), msgspec.json.encode(value, order="sorted")):
        for indent in (-1, 0, 1, 2, 3, 4, 8):
            printed = msgspec.json.format(text, indent=indent)
            yield from _in_other_spellings(printed)


def _in_other_spellings(printed: bytes) -> Iterator[tuple[str, bytes]]:
    escaped = _ESCAPE.sub(lambda match: _escape(match[0]), printed.decode()).encode()
    for text in (printed, escaped, printed.replace(b"/", b"\\/"), escaped.replace(b"/", b"\\/")):
        yield "body-reserialised", text
        yield "body-reserialised", text + b"\n"
        yield "body-reserialised", text.replace(b"\n", b"\r\n")


def _in_other_charsets(body: bytes) -> Iterator[tuple[str, bytes]]:
    yield "body-charset", b"\xef\xbb\xbf" + body
    yield "body-charset", body.removeprefix(b"\xef\xbb\xbf")
    for sent, digested in (("utf-8", "gb18030"), ("gb18030", "utf-8"), ("utf-8", "utf-16-le")):
        try:
            yield "body-charset", body.decode(sent).encode(digested)
        except UnicodeError:
            continue


def _escape(character: str) -> str:
    """As a JSON writer that keeps to ASCII prints it, in surrogates where need be."""
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
