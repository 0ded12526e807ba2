# SPDX-License-Identifier: Apache-2.0
"""A public key out of a file that somebody sent: PEM, JWK (RFC 7517) or X.509 certificate in PEM.

1. A file holds exactly one key. A private one is refused, whatever its form: it has left its owner.
2. The result is SubjectPublicKeyInfo in PEM, written anew and examined as `load_verifier` does.
3. The algorithm follows from the key; a JWK that says otherwise is refused.
"""

from datetime import datetime
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from gateway.crypto.digest import b64url_decode
from gateway.crypto.keys import PublicKey, load_verifier, thumbprint, verifier_from_jwk
from gateway.crypto.x509 import read_certificate
from gateway.errors import RequestError
from gateway.model.agency import Algorithm

_MAX_FILE_BYTES: Final = 65536
_ALGORITHMS: Final[dict[str, Algorithm]] = {"EC": "ecdsa-p256-sha256", "OKP": "ed25519"}
_JWK_ALGS: Final = {"EC": (None, "ES256"), "OKP": (None, "EdDSA", "Ed25519")}


class ReadKey(msgspec.Struct, frozen=True):
    """A public key that can be registered.

    Attributes:
        public: SubjectPublicKeyInfo in PEM.
        thumbprint: of RFC 7638, equal for equal keys.
        not_before: aware, of the certificate.
        not_after: aware, of the certificate.
    """

    public: str
    algorithm: Algorithm
    thumbprint: str
    not_before: datetime | None = None
    not_after: datetime | None = None


def read_public_key(content: bytes) -> ReadKey:
    """Read a file that should hold one public key.

    Raises:
        RequestError: KEY_PRIVATE or KEY_UNUSABLE.
    """
    if len(content) > _MAX_FILE_BYTES:
        raise RequestError("KEY_UNUSABLE", "the file is too large for a key")
    if b"PRIVATE KEY-----" in content:
        raise RequestError("KEY_PRIVATE")
    if content.lstrip()[:1] == b"{":
        return _examined(_from_jwk(content))
    if content.count(b"-----BEGIN ") > 1:
        raise RequestError("KEY_UNUSABLE", "the file holds more than one PEM block")
    if b"-----BEGIN CERTIFICATE-----" in content:
        found = read_certificate(content)
        return _examined(found.public, found.not_before, found.not_after)
    thumbprint(content)  # refuses whatever is not one sound key
    key = load_pem_public_key(content)
    return _examined(
        key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")
    )


def _examined(
    public: str, not_before: datetime | None = None, not_after: datetime | None = None
) -> ReadKey:
    digest = thumbprint(public)
    key = load_pem_public_key(public.encode())
    algorithm = _ALGORITHMS["OKP" if isinstance(key, Ed25519PublicKey) else "EC"]
    load_verifier(public, algorithm)
    return ReadKey(public, algorithm, digest, not_before, not_after)


def _from_jwk(content: bytes) -> str:
    try:
        jwk = msgspec.json.decode(content, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise RequestError("KEY_UNUSABLE", "the JWK is not JSON") from None
    if "d" in jwk or "k" in jwk:
        raise RequestError("KEY_PRIVATE")
    if "keys" in jwk:
        raise RequestError("KEY_UNUSABLE", "a JWK set was given; take one key out of it")
    if jwk.get("use") not in (None, "sig"):
        raise RequestError("KEY_UNUSABLE", "the JWK's `use` is not `sig`")
    verifier_from_jwk(jwk)  # refuses whatever is not one sound key
    if jwk.get("alg") not in _JWK_ALGS[jwk["kty"]]:
        raise RequestError("KEY_UNUSABLE", "the JWK's `alg` is not of this kind of key")
    x = b64url_decode(jwk["x"])
    key: PublicKey = (
        Ed25519PublicKey.from_public_bytes(x)
        if jwk["kty"] == "OKP"
        else ec.EllipticCurvePublicKey.from_encoded_point(
            ec.SECP256R1(), b"\x04" + x + b64url_decode(jwk["y"])
        )
    )
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")
