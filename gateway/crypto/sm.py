# SPDX-License-Identifier: Apache-2.0
"""The Chinese commercial algorithms: SM2 (GB/T 32918), SM3 (GB/T 32905) and SM4 (GB/T 32907).

=====  ==================================================  ===========================
SM2    signatures and encryption on a curve of 256 bits    `gmssl_pyx`, the extra `sm`
SM3    a digest of 32 bytes                                `cryptography`
SM4    a block cipher; CBC with the padding of PKCS #7     `cryptography`
=====  ==================================================  ===========================

They are for systems that demand them; what the gateway signs and seals by itself is in `keys`.

Rules:

1. A signature is DER, a SEQUENCE of r and s (GM/T 0009), over SM3(Z ‖ message), where Z is made of
   the signer's key and the identity `1234567812345678` that GM/T 0009 gives who has none.
2. A ciphertext is 04 ‖ C1 ‖ C3 ‖ C2 (GB/T 32918.4): a point, a digest, as many bytes as went in.
3. Keys are examined once, when they are loaded: a public key lies on the curve, and the halves of a
   pair belong together.
4. No error quotes a key or a content. GmSSL writes to standard error where in its source it refused
   something, and nothing of what it refused.

A signature takes 3 to 10 ms of a core, a hundred times one on P-256, and holds the event loop for
as long.
"""

import re
from contextlib import suppress
from importlib import import_module
from typing import Annotated, Any, Final

import msgspec
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes, padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.x509 import ObjectIdentifier

from gateway.crypto.digest import b64_decode
from gateway.errors import SetupError
from gateway.model.discreet import Discreet

SM4_BYTES: Final = 16
_COORDINATE_BYTES: Final = 32
_SM3_BYTES: Final = 32
#: A point: one byte that says how, and two coordinates.
_C1_BYTES: Final = 1 + 2 * _COORDINATE_BYTES
_UNCOMPRESSED: Final = b"\x04"
_SM2_CURVE: Final = ObjectIdentifier("1.2.156.10197.1.301")
_PEM: Final = re.compile(r"-----BEGIN ([A-Z ]+)-----([A-Za-z0-9+/=\s]+)-----END \1-----")


def sm3(content: bytes) -> bytes:
    """SM3, 32 bytes."""
    digest = hashes.Hash(hashes.SM3())
    digest.update(content)
    return digest.finalize()


def sm4_encrypt(key: bytes, iv: bytes, content: bytes) -> bytes:
    """SM4 in CBC mode, padded; key and IV are 16 bytes each. It hides, and proves nothing."""
    padder = padding.PKCS7(8 * SM4_BYTES).padder()
    cipher = Cipher(algorithms.SM4(key), modes.CBC(iv)).encryptor()
    return cipher.update(padder.update(content) + padder.finalize()) + cipher.finalize()


def sm4_decrypt(key: bytes, iv: bytes, sealed: bytes) -> bytes:
    """The reverse of `sm4_encrypt`; only for what a signature covers, see there.

    Raises:
        ValueError: a key or IV of another length, or what is no such ciphertext under this key.
    """
    cipher = Cipher(algorithms.SM4(key), modes.CBC(iv)).decryptor()
    padded = cipher.update(sealed) + cipher.finalize()
    unpadder = padding.PKCS7(8 * SM4_BYTES).unpadder()
    return unpadder.update(padded) + unpadder.finalize()


class Sm2PublicKey(msgspec.Struct, frozen=True):
    """Whose signatures we verify, and who alone opens what we encrypt.

    Attributes:
        point: x ‖ y, 64 bytes, on the curve.
    """

    point: bytes

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether this key signed this message; False for what is no signature at all."""
        gmssl = _gmssl()
        try:
            return bool(gmssl.sm2_verify(self.point, message, signature))
        except gmssl.GmsslInnerError:
            return False

    def encrypt(self, content: bytes) -> bytes:
        """Encrypt 1 to 255 bytes, commonly a key; 97 bytes more come out."""
        parts = asn1.decode_der(_Ciphertext, _gmssl().sm2_encrypt(self.point, content))
        c1 = b"".join(number.to_bytes(_COORDINATE_BYTES, "big") for number in (parts.x, parts.y))
        return _UNCOMPRESSED + c1 + parts.digest + parts.content


class Sm2KeyPair(Discreet, msgspec.Struct, frozen=True):
    """Ours. In no repr.

    Attributes:
        public: what others have of it.
        secret: the private number, 32 bytes, big-endian.
    """

    public: Sm2PublicKey
    secret: bytes

    def sign(self, message: bytes) -> bytes:
        """Sign a message; 70 to 72 bytes, another each time."""
        return bytes(_gmssl().sm2_sign(self.secret, self.public.point, message))

    def decrypt(self, sealed: bytes) -> bytes:
        """Open what was encrypted to our public key.

        Raises:
            ValueError: it was not, or it was changed.
        """
        c1_end, c3_end = _C1_BYTES, _C1_BYTES + _SM3_BYTES
        half = 1 + _COORDINATE_BYTES
        if sealed[:1] != _UNCOMPRESSED:
            raise ValueError("not encrypted to this key")
        parts = _Ciphertext(
            x=int.from_bytes(sealed[1:half], "big"),
            y=int.from_bytes(sealed[half:c1_end], "big"),
            digest=sealed[c1_end:c3_end],
            content=sealed[c3_end:],
        )
        gmssl = _gmssl()
        try:
            return bytes(gmssl.sm2_decrypt(self.secret, asn1.encode_der(parts)))
        except gmssl.GmsslInnerError:
            raise ValueError("not encrypted to this key") from None


def load_sm2_key_pair(pem: str) -> Sm2KeyPair:
    """Read a private key with its public half, PKCS #8 in PEM, as `openssl genpkey` writes it.

    Raises:
        SetupError: the extra is missing, or the text is no such key.
    """
    gmssl = _gmssl()
    with suppress(ValueError, gmssl.GmsslInnerError):
        outer = asn1.decode_der(_PrivateKeyInfo, _der("PRIVATE KEY", pem))
        inner = asn1.decode_der(_EcPrivateKey, outer.key)
        pair = Sm2KeyPair(_public(outer.algorithm, inner.point), inner.secret)
        if pair.public.verify(b"a pair", pair.sign(b"a pair")):
            return pair
    raise SetupError(
        "not usable as an SM2 private key",
        remedy="give PEM text of PKCS #8, as `openssl genpkey -algorithm SM2` writes it.",
    )


def load_sm2_public_key(pem: str) -> Sm2PublicKey:
    """Read a public key, PEM, as `openssl pkey -pubout` writes it.

    Raises:
        SetupError: the extra is missing, or the text is no such key.
    """
    gmssl = _gmssl()
    with suppress(ValueError, gmssl.GmsslInnerError):
        found = asn1.decode_der(_PublicKeyInfo, _der("PUBLIC KEY", pem))
        return _public(found.algorithm, found.point)
    raise SetupError(
        "not usable as an SM2 public key",
        remedy="give PEM text, as `openssl pkey -pubout` writes it of an SM2 key.",
    )


@asn1.sequence
class _Ciphertext:
    """GM/T 0009: what GmSSL makes of a ciphertext."""

    x: int
    y: int
    digest: bytes
    content: bytes


@asn1.sequence
class _Algorithm:
    kind: ObjectIdentifier
    curve: ObjectIdentifier


@asn1.sequence
class _PublicKeyInfo:
    """RFC 5280 §4.1."""

    algorithm: _Algorithm
    point: asn1.BitString


@asn1.sequence
class _PrivateKeyInfo:
    """RFC 5208 §5."""

    version: int
    algorithm: _Algorithm
    key: bytes


@asn1.sequence
class _EcPrivateKey:
    """RFC 5915 §3."""

    version: int
    secret: bytes
    curve: Annotated[ObjectIdentifier | None, asn1.Explicit(0)]
    point: Annotated[asn1.BitString | None, asn1.Explicit(1)]


def _public(algorithm: _Algorithm, point: asn1.BitString | None) -> Sm2PublicKey:
    if algorithm.curve != _SM2_CURVE or point is None:
        raise ValueError
    content = point.as_bytes()
    if len(content) != _C1_BYTES or content[:1] != _UNCOMPRESSED:
        raise ValueError
    return Sm2PublicKey(_gmssl().normalize_sm2_public_key(content))


def _der(label: str, pem: str) -> bytes:
    found = _PEM.fullmatch(pem.strip())
    if found is None or found[1] != label:
        raise ValueError
    return b64_decode("".join(found[2].split()))


def _gmssl() -> Any:
    try:
        return import_module("gmssl_pyx")
    except ImportError:
        raise SetupError(
            "the SM2 algorithms are not installed", remedy="install `yizheng-gateway[sm]`."
        ) from None
