# SPDX-License-Identifier: Apache-2.0
"""Messages and keys that the specifications of signatures share: our own, and those of RFC 9421."""

from collections.abc import Mapping, Sequence

from gateway.crypto.keys import generate_private_key, load_signer, load_verifier, public_pem
from gateway.httpsig import (
    FieldLines,
    RequestSignature,
    SignedRequest,
    content_digest,
    parse_request_signature,
    request_signature_headers,
)
from gateway.model.agency import Algorithm

ALGORITHMS: tuple[Algorithm, ...] = ("ecdsa-p256-sha256", "ed25519")
PRIVATE = {algorithm: generate_private_key(algorithm) for algorithm in ALGORITHMS}
SIGNERS = {algorithm: load_signer(PRIVATE[algorithm], "yq-gjj-1") for algorithm in ALGORITHMS}
VERIFIERS = {
    algorithm: load_verifier(public_pem(PRIVATE[algorithm]), algorithm) for algorithm in ALGORITHMS
}

BODY = b'{"certificate":"public_security.identity"}'
NONCE = "AAECAwQFBgcICQoLDA0ODw"
CREATED = 1795348800

Fields = Mapping[str, str | Sequence[str]]


def lines_of(fields: Fields) -> FieldLines:
    """Fields as a message holds them; a sequence is a field of several lines."""
    lines = {name: (text,) if isinstance(text, str) else text for name, text in fields.items()}
    return lambda name: lines.get(name, ())


def request_with(fields: Fields, **changed: str) -> SignedRequest:
    """A lookup with exactly these fields."""
    parts = {"method": "POST", "authority": "gw.example", "path": "/v1/lookups", "query": "?"}
    parts |= changed
    return SignedRequest(**parts, lines=lines_of(fields), has_body="content-digest" in fields)


def body_fields(body: bytes = BODY) -> dict[str, str]:
    """Fields that a body brings along."""
    return {"content-type": "application/json", "content-digest": content_digest(body)}


def signed_fields(
    fields: Fields, algorithm: Algorithm = "ed25519", **changed: str
) -> dict[str, str | Sequence[str]]:
    """These fields, and the signature of the request that has them."""
    headers = request_signature_headers(
        request_with(fields, **changed), signer=SIGNERS[algorithm], created=CREATED, nonce=NONCE
    )
    return {**fields, **{name.lower(): text for name, text in headers.items()}}


def signed_request() -> RequestSignature:
    """The signature of a lookup as the gateway takes it."""
    return parse_request_signature(request_with(signed_fields(body_fields())))


# RFC 9421 appendix B.1.3 and B.1.4: test keys published for everybody.
RFC_P256_PUBLIC = """-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqIVYZVLCrPZHGHjP17CTW0/+D9Lf
w0EkjqF7xB4FivAxzic30tMM4GF+hR6Dxh71Z50VGGdldkkDXZCnTNnoXQ==
-----END PUBLIC KEY-----
"""
RFC_ED25519_PUBLIC = """-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=
-----END PUBLIC KEY-----
"""
RFC_ED25519_PRIVATE = b"""-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF
-----END PRIVATE KEY-----
"""

# RFC 9421 appendix B.2, `test-request`, and the answers of §2.4 and B.2.4.
RFC_REQUEST_DIGEST = (
    "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BN"
    "NyealdVLvRwEmTHWXvJwew==:"
)
RFC_BUSY_DIGEST = (
    "sha-512=:0Y6iCBzGg5rZtoXS95Ijz03mslf6KAMCloESHObfwnHJDbkkWWQz6PhhU9kxsTbA"
    "RtY2PTBOzq24uJFpHsMuAg==:"
)
RFC_GOOD_DOG_DIGEST = (
    "sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5oGX69wWd"
    "XymyU0rjJuahq4l5aGgfLQ==:"
)
RFC_REQUEST = SignedRequest(
    method="POST",
    authority="example.com",
    path="/foo",
    query="?param=Value&Pet=dog",
    lines=lines_of(
        {
            "date": "Tue, 20 Apr 2021 02:07:55 GMT",
            "content-type": "application/json",
            "content-digest": RFC_REQUEST_DIGEST,
            "content-length": "18",
        }
    ),
    has_body=True,
)
