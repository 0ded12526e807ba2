# SPDX-License-Identifier: Apache-2.0
"""ECDSA signatures in DER (RFC 3279 §2.2.3), as many libraries return them."""

from typing import Final

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

_COORDINATE_BYTES: Final = 32


def raw_from_der(signature: bytes) -> bytes | None:
    """Return r || s, 64 bytes, of a P-256 signature in DER; None when it is none."""
    try:
        r, s = decode_dss_signature(signature)
        return r.to_bytes(_COORDINATE_BYTES, "big") + s.to_bytes(_COORDINATE_BYTES, "big")
    except (ValueError, OverflowError):
        return None
