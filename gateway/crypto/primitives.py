# SPDX-License-Identifier: Apache-2.0
"""Signing and verifying with one key: by the library, or by a faster one where it is installed.

================  ==============================  ==================================
algorithm         always there                    extra `fast`
================  ==============================  ==================================
P-256, SHA-256    `cryptography` (OpenSSL)        `awscrt` (AWS-LC): a quarter less
Ed25519           `cryptography` (OpenSSL)        `pynacl` (libsodium): half
================  ==============================  ==================================

1. All of them take the same signatures and refuse the same: tests run every vector on each.
2. Keys are read and examined by `gateway.crypto.keys` alone, whichever library uses them then.
"""

from importlib.util import find_spec
from typing import Final, NoReturn, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from gateway.crypto.digest import sha256
from gateway.errors import TrustError
from gateway.model.agency import Algorithm

SIGNATURE_BYTES: Final = 64
_COORDINATE_BYTES: Final = 32
_ECDSA: Final = ec.ECDSA(SHA256())

#: Which faster libraries are installed, by algorithm.
HAS_FAST: Final[dict[Algorithm, bool]] = {
    "ecdsa-p256-sha256": find_spec("awscrt") is not None,
    "ed25519": find_spec("nacl") is not None,
}


class Signer(Protocol):
    """A private key ready to sign.

    Attributes:
        keyid: by which the other side finds the public key.
        algorithm: of the key.
    """

    keyid: str
    algorithm: Algorithm

    def sign(self, message: bytes) -> bytes:
        """Sign `message`; 64 bytes."""


class Verifier(Protocol):
    """A public key ready to verify.

    Attributes:
        algorithm: of the key.
    """

    algorithm: Algorithm

    def verify(self, signature: bytes, message: bytes) -> None:
        """Return when `signature` is this key's over `message`.

        Raises:
            TrustError: SIGNATURE_INVALID.
        """


class P256Signer(Signer):
    """By `cryptography`."""

    algorithm: Algorithm = "ecdsa-p256-sha256"

    def __init__(self, key: ec.EllipticCurvePrivateKey, keyid: str) -> None:
        self.keyid = keyid
        self._sign = key.sign

    def sign(self, message: bytes) -> bytes:
        """See `Signer`."""
        r, s = decode_dss_signature(self._sign(message, _ECDSA))
        return (r << 8 * _COORDINATE_BYTES | s).to_bytes(SIGNATURE_BYTES, "big")


class FastP256Signer(Signer):
    """By `awscrt`."""

    algorithm: Algorithm = "ecdsa-p256-sha256"

    def __init__(self, key: ec.EllipticCurvePrivateKey, keyid: str) -> None:
        from awscrt.crypto import EC  # noqa: PLC0415 - where it is installed

        der = key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        self.keyid = keyid
        self._sign = EC.new_key_from_der_data(der).sign
        self._to_pair = EC.decode_der_signature_to_padded_pair

    def sign(self, message: bytes) -> bytes:
        """See `Signer`."""
        return bytes(self._to_pair(self._sign(sha256(message)), _COORDINATE_BYTES))


class P256Verifier(Verifier):
    """By `cryptography`."""

    algorithm: Algorithm = "ecdsa-p256-sha256"

    def __init__(self, key: ec.EllipticCurvePublicKey) -> None:
        self._verify = key.verify

    def verify(self, signature: bytes, message: bytes) -> None:
        """See `Verifier`."""
        try:
            self._verify(_der_of(signature), message, _ECDSA)
        except InvalidSignature:
            raise TrustError("SIGNATURE_INVALID") from None


class FastP256Verifier(Verifier):
    """By `awscrt`."""

    algorithm: Algorithm = "ecdsa-p256-sha256"

    def __init__(self, key: ec.EllipticCurvePublicKey) -> None:
        from awscrt.crypto import EC  # noqa: PLC0415 - where it is installed

        der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self._verify = EC.new_key_from_der_data(der).verify

    def verify(self, signature: bytes, message: bytes) -> None:
        """See `Verifier`."""
        if self._verify(sha256(message), _der_of(signature)) is not True:
            raise TrustError("SIGNATURE_INVALID")


class Ed25519Signer(Signer):
    """By `cryptography`."""

    algorithm: Algorithm = "ed25519"

    def __init__(self, key: Ed25519PrivateKey, keyid: str) -> None:
        self.keyid = keyid
        self._sign = key.sign

    def sign(self, message: bytes) -> bytes:
        """See `Signer`."""
        return self._sign(message)


class FastEd25519Signer(Signer):
    """By `pynacl`."""

    algorithm: Algorithm = "ed25519"

    def __init__(self, key: Ed25519PrivateKey, keyid: str) -> None:
        from nacl.bindings import crypto_sign, crypto_sign_seed_keypair  # noqa: PLC0415 - as above

        self.keyid = keyid
        self._sign = crypto_sign
        self._secret = crypto_sign_seed_keypair(key.private_bytes_raw())[1]

    def sign(self, message: bytes) -> bytes:
        """See `Signer`."""
        return self._sign(message, self._secret)[:SIGNATURE_BYTES]


class Ed25519Verifier(Verifier):
    """By `cryptography`."""

    algorithm: Algorithm = "ed25519"

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._verify = key.verify

    def verify(self, signature: bytes, message: bytes) -> None:
        """See `Verifier`."""
        if len(signature) != SIGNATURE_BYTES:
            _refuse_length(signature)
        try:
            self._verify(signature, message)
        except InvalidSignature:
            raise TrustError("SIGNATURE_INVALID") from None


class FastEd25519Verifier(Verifier):
    """By `pynacl`."""

    algorithm: Algorithm = "ed25519"

    def __init__(self, key: Ed25519PublicKey) -> None:
        from nacl.bindings import crypto_sign_open  # noqa: PLC0415 - as above
        from nacl.exceptions import BadSignatureError  # noqa: PLC0415

        self._open = crypto_sign_open
        self._bad = BadSignatureError
        self._point = key.public_bytes_raw()

    def verify(self, signature: bytes, message: bytes) -> None:
        """See `Verifier`."""
        if len(signature) != SIGNATURE_BYTES:
            _refuse_length(signature)
        try:
            self._open(signature + message, self._point)
        except self._bad:
            raise TrustError("SIGNATURE_INVALID") from None


def signer_of(key: ec.EllipticCurvePrivateKey | Ed25519PrivateKey, keyid: str) -> Signer:
    """The fastest signer that is installed, for a key that was examined."""
    if isinstance(key, Ed25519PrivateKey):
        return (FastEd25519Signer if HAS_FAST["ed25519"] else Ed25519Signer)(key, keyid)
    return (FastP256Signer if HAS_FAST["ecdsa-p256-sha256"] else P256Signer)(key, keyid)


def verifier_of(key: ec.EllipticCurvePublicKey | Ed25519PublicKey) -> Verifier:
    """The fastest verifier that is installed, for a key that was examined."""
    if isinstance(key, Ed25519PublicKey):
        return (FastEd25519Verifier if HAS_FAST["ed25519"] else Ed25519Verifier)(key)
    return (FastP256Verifier if HAS_FAST["ecdsa-p256-sha256"] else P256Verifier)(key)


def _der_of(signature: bytes) -> bytes:
    """A P-256 signature as the libraries want it (RFC 3279 §2.2.3)."""
    if len(signature) != SIGNATURE_BYTES:
        _refuse_length(signature)
    r = int.from_bytes(signature[:_COORDINATE_BYTES], "big")
    s = int.from_bytes(signature[_COORDINATE_BYTES:], "big")
    if not r or not s:
        raise TrustError("SIGNATURE_INVALID", "r and s of a P-256 signature are not zero")
    return encode_dss_signature(r, s)


def _refuse_length(signature: bytes) -> NoReturn:
    shape = ", in DER" if signature[:1] == b"\x30" else ""
    raise TrustError(
        "SIGNATURE_INVALID",
        f"the signature has {len(signature)} bytes{shape}; {SIGNATURE_BYTES} are expected",
    )
