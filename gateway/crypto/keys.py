# SPDX-License-Identifier: Apache-2.0
"""Signing keys: P-256 with SHA-256 (FIPS 186-5) and Ed25519 (RFC 8032), from and to PEM and JWK.

Rules:

1. A signature is 64 bytes: r || s, big-endian, for P-256 (RFC 9421 §3.3.4); as RFC 8032 has it for
   Ed25519. DER is never accepted in its place.
2. The algorithm comes from the key record, never from a message.
3. A public key is examined once, when it is loaded. Ed25519 keys of small order are refused there:
   with them the library accepts one signature for every message.
4. Signers and verifiers hold what a call needs; a call parses no key
   (`gateway.crypto.primitives`).
"""

from collections.abc import Mapping
from typing import Final

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gateway.crypto.digest import b64url_decode, b64url_encode, sha256
from gateway.crypto.primitives import Signer, Verifier, signer_of, verifier_of
from gateway.errors import RequestError
from gateway.model.agency import Algorithm

__all__ = [
    "Signer",
    "Verifier",
    "generate_private_key",
    "keyid_of",
    "load_signer",
    "load_verifier",
    "public_jwk",
    "public_pem",
    "thumbprint",
    "verifier_from_jwk",
]

#: Ed25519 (RFC 8032 §5.1): field prime, curve constant, and the y of the eight points whose order
#: divides the cofactor 8: y = 1, -1, 0 and the two of order 8, which differ by sign only.
_P: Final = 2**255 - 19
_D: Final = -121665 * pow(121666, -1, _P) % _P
_Y8: Final = int.from_bytes(
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little"
)
_SMALL_ORDER_Y: Final = frozenset({1, _P - 1, 0, _Y8, _P - _Y8})

#: Of 43 characters; 96 bits tell the keys of one gateway apart.
_KEYID_THUMBPRINT_LENGTH: Final = 16
_COORDINATE_BYTES: Final = 32

PrivateKey = ec.EllipticCurvePrivateKey | Ed25519PrivateKey
PublicKey = ec.EllipticCurvePublicKey | Ed25519PublicKey


def generate_private_key(algorithm: Algorithm) -> bytes:
    """Make a new private key; PKCS #8 PEM, not encrypted."""
    key: PrivateKey = (
        ec.generate_private_key(ec.SECP256R1())
        if algorithm == "ecdsa-p256-sha256"
        else Ed25519PrivateKey.generate()
    )
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def public_pem(private_pem: bytes) -> str:
    """Return the public half of a private key; SubjectPublicKeyInfo PEM.

    Raises:
        RequestError: KEY_UNUSABLE.
    """
    spki = (
        _load_private(private_pem)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return spki.decode("ascii")


def load_signer(private_pem: bytes, keyid: str) -> Signer:
    """Load a private key, PEM and not encrypted.

    Raises:
        RequestError: KEY_UNUSABLE.
    """
    return signer_of(_load_private(private_pem), keyid)


def load_verifier(public_pem: str | bytes, algorithm: Algorithm) -> Verifier:
    """Load a public key, SubjectPublicKeyInfo PEM, for the algorithm of its record.

    Raises:
        RequestError: KEY_UNUSABLE: another kind of key, not the record's algorithm, or a point
            with which signatures mean nothing.
    """
    verifier = verifier_of(_load_public(public_pem))
    if verifier.algorithm != algorithm:
        raise RequestError("KEY_UNUSABLE", f"the key is {verifier.algorithm}, not {algorithm}")
    return verifier


def thumbprint(public_pem: str | bytes) -> str:
    """Return the JWK SHA-256 thumbprint (RFC 7638, RFC 8037), base64url, 43 characters.

    Raises:
        RequestError: KEY_UNUSABLE.
    """
    members = _jwk_members(_load_public(public_pem))
    return b64url_encode(sha256(msgspec.json.encode(members, order="sorted")))


def keyid_of(role: str, public_pem: str | bytes) -> str:
    """Return the id under which a key of a gateway is known: its role and its thumbprint.

    Raises:
        RequestError: KEY_UNUSABLE.
    """
    return f"{role}-{thumbprint(public_pem)[:_KEYID_THUMBPRINT_LENGTH]}"


def public_jwk(public_pem: str | bytes, keyid: str) -> dict[str, str]:
    """Return the key as a JWK (RFC 7517) with kid, use and alg.

    Raises:
        RequestError: KEY_UNUSABLE.
    """
    members = _jwk_members(_load_public(public_pem))
    alg = "ES256" if members["kty"] == "EC" else "EdDSA"
    return {**members, "kid": keyid, "use": "sig", "alg": alg}


def verifier_from_jwk(jwk: Mapping[str, str]) -> Verifier:
    """Load what `public_jwk` prints; members that it does not need are ignored.

    Raises:
        RequestError: KEY_UNUSABLE.
    """
    try:
        x = b64url_decode(str(jwk["x"]))  # a JWK from outside may hold anything
        key: PublicKey = (
            Ed25519PublicKey.from_public_bytes(x)
            if jwk["kty"] == "OKP"
            else ec.EllipticCurvePublicKey.from_encoded_point(
                ec.SECP256R1(), b"\x04" + x + b64url_decode(str(jwk["y"]))
            )
        )
    except (KeyError, TypeError, ValueError):
        raise RequestError("KEY_UNUSABLE", "not a P-256 or Ed25519 key as a JWK") from None
    if not _jwk_members(key).items() <= jwk.items():
        raise RequestError("KEY_UNUSABLE", "the JWK is not written canonically")
    _check(key)
    return verifier_of(key)


def _jwk_members(key: PublicKey) -> dict[str, str]:
    if isinstance(key, Ed25519PublicKey):
        return {"kty": "OKP", "crv": "Ed25519", "x": b64url_encode(key.public_bytes_raw())}
    point = key.public_numbers()
    x, y = (
        b64url_encode(coordinate.to_bytes(_COORDINATE_BYTES, "big"))
        for coordinate in (point.x, point.y)
    )
    return {"kty": "EC", "crv": "P-256", "x": x, "y": y}


def _load_private(pem: bytes) -> PrivateKey:
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except TypeError:
        raise RequestError("KEY_UNUSABLE", "the private key is encrypted") from None
    except (ValueError, UnsupportedAlgorithm):
        raise RequestError("KEY_UNUSABLE", "not a private key in PEM") from None
    if isinstance(key, Ed25519PrivateKey) or (
        isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1)
    ):
        return key
    raise RequestError("KEY_UNUSABLE", "neither P-256 nor Ed25519")


def _load_public(pem: str | bytes) -> PublicKey:
    try:
        key = serialization.load_pem_public_key(pem.encode() if isinstance(pem, str) else pem)
    except (ValueError, UnsupportedAlgorithm):
        raise RequestError("KEY_UNUSABLE", "not a public key in PEM, or not on its curve") from None
    if isinstance(key, Ed25519PublicKey) or (
        isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)
    ):
        _check(key)
        return key
    raise RequestError("KEY_UNUSABLE", "neither P-256 nor Ed25519")


def _check(key: PublicKey) -> None:
    if not isinstance(key, Ed25519PublicKey):
        return  # the library has checked that a P-256 point is on its curve
    y = int.from_bytes(key.public_bytes_raw(), "little") & (2**255 - 1)
    if y >= _P:
        raise RequestError("KEY_UNUSABLE", "the Ed25519 key is not encoded canonically")
    if y in _SMALL_ORDER_Y:
        raise RequestError("KEY_UNUSABLE", "the Ed25519 key is a point of small order")
    # Euler's criterion: some x has x² = (y² - 1) / (d·y² + 1).
    if pow((y * y - 1) * (_D * y * y + 1), (_P - 1) // 2, _P) != 1:
        raise RequestError("KEY_UNUSABLE", "the Ed25519 key is not a point of the curve")
