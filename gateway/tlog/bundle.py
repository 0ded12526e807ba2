# SPDX-License-Identifier: Apache-2.0
"""Bundles of entries (c2sp.org/tlog-tiles, `tile/entries/<N>`): what the hashes of a tile are of.

A bundle is 1 to 256 entries, each behind its length in bytes as uint16, big-endian.
"""

import struct
from collections.abc import Sequence
from typing import Final

from gateway.errors import TrustError
from gateway.tlog.tile import TILE_WIDTH

_LENGTH: Final = struct.Struct(">H")
MAX_BUNDLED_BYTES: Final = (1 << 16) - 1


def format_bundle(entries: Sequence[bytes]) -> bytes:
    """Write a bundle.

    Raises:
        TrustError: no entries, too many, or one that is too long.
    """
    if not 0 < len(entries) <= TILE_WIDTH or max(map(len, entries)) > MAX_BUNDLED_BYTES:
        raise TrustError("PROOF_INVALID", "bundle: not 1 to 256 entries of at most 65,535 bytes")
    return b"".join(_LENGTH.pack(len(entry)) + entry for entry in entries)


def parse_bundle(content: bytes) -> list[bytes]:
    """Read a bundle.

    Raises:
        TrustError: malformed.
    """
    entries: list[bytes] = []
    at = 0
    while at < len(content):
        start = at + _LENGTH.size
        if start > len(content):
            raise TrustError("PROOF_INVALID", "bundle: broken off in a length")
        at = start + _LENGTH.unpack_from(content, at)[0]
        entries.append(content[start:at])
    if at != len(content) or not 0 < len(entries) <= TILE_WIDTH:
        raise TrustError("PROOF_INVALID", "bundle: not 1 to 256 whole entries")
    return entries
