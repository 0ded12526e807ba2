# SPDX-License-Identifier: Apache-2.0
"""Ed25519 public keys as 32 raw bytes (RFC 8032 §5.1.5), as signed notes hold them."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from gateway.crypto.keys import Verifier, load_verifier
from gateway.errors import RequestError


def raw_public(public_pem: str) -> bytes:
    """Return the 32 bytes of an Ed25519 public key in SubjectPublicKeyInfo PEM.

    Raises:
        RequestError: KEY_UNUSABLE; another kind of key.
    """
    load_verifier(public_pem, "ed25519")
    key = load_pem_public_key(public_pem.encode())
    assert isinstance(key, Ed25519PublicKey)
    return key.public_bytes_raw()


def verifier_from_raw(raw: bytes) -> Verifier:
    """Load an Ed25519 public key of 32 bytes; examined as `load_verifier` examines it.

    Raises:
        RequestError: KEY_UNUSABLE.
    """
    try:
        key = Ed25519PublicKey.from_public_bytes(raw)
    except ValueError:
        raise RequestError("KEY_UNUSABLE", "not an Ed25519 public key of 32 bytes") from None
    return load_verifier(
        key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), "ed25519"
    )
