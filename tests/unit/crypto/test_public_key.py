# SPDX-License-Identifier: Apache-2.0
"""A file with one public key, in each form that agencies send, and what else they send."""

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from gateway.crypto.digest import b64url_encode
from gateway.crypto.keys import generate_private_key, public_jwk, public_pem, thumbprint
from gateway.crypto.public_key import read_public_key
from gateway.errors import RequestError
from gateway.model.agency import Algorithm

ALGORITHMS: tuple[Algorithm, ...] = ("ecdsa-p256-sha256", "ed25519")
PRIVATE = {algorithm: generate_private_key(algorithm) for algorithm in ALGORITHMS}
P256 = public_pem(PRIVATE["ecdsa-p256-sha256"])
JWK = public_jwk(P256, "k")
START = datetime(2026, 1, 1, tzinfo=UTC)
RSA = rsa.generate_private_key(65537, 2048)


def certificate(
    private: bytes | rsa.RSAPrivateKey, *, signs: bool | None = None, encoding: Any = Encoding.PEM
) -> bytes:
    key: Any = (
        serialization.load_pem_private_key(private, None) if isinstance(private, bytes) else private
    )
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    issuer = ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(START)
        .not_valid_after(START + timedelta(days=365))
    )
    if signs is not None:
        others = dict.fromkeys(
            (
                "content_commitment",
                "data_encipherment",
                "key_agreement",
                "key_cert_sign",
                "crl_sign",
                "encipher_only",
                "decipher_only",
            ),
            False,
        )
        usage = x509.KeyUsage(digital_signature=signs, key_encipherment=not signs, **others)
        builder = builder.add_extension(usage, critical=True)
    return builder.sign(issuer, hashes.SHA256()).public_bytes(encoding)


def rsa_pem() -> bytes:
    return RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def p384_pem() -> bytes:
    key = ec.generate_private_key(ec.SECP384R1()).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def ed25519_pem(raw: bytes) -> bytes:
    der = bytes.fromhex("302a300506032b6570032100") + raw
    return b"-----BEGIN PUBLIC KEY-----\n%b\n-----END PUBLIC KEY-----\n" % b64encode(der)


def jwk(**changes: Any) -> bytes:
    return msgspec.json.encode({**JWK, **changes})


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_same_key_comes_out_of_each_form(algorithm: Algorithm) -> None:
    pem = public_pem(PRIVATE[algorithm])
    found = [
        read_public_key(content)
        for content in (
            pem.encode(),
            msgspec.json.encode(public_jwk(pem, "k")),
            certificate(PRIVATE[algorithm]),
            certificate(PRIVATE[algorithm], signs=True),
        )
    ]
    assert {(key.public, key.algorithm, key.thumbprint) for key in found} == {
        (pem, algorithm, thumbprint(pem))
    }
    assert (found[0].not_before, found[1].not_after) == (None, None)
    assert (found[2].not_before, found[2].not_after) == (START, START + timedelta(days=365))


@pytest.mark.parametrize(
    "content",
    [
        PRIVATE["ed25519"],
        PRIVATE["ecdsa-p256-sha256"] + P256.encode(),
        certificate(PRIVATE["ed25519"]) + PRIVATE["ed25519"],
        jwk(d="AAAA"),
        b"-----BEGIN RSA PRIVATE KEY-----\n",
        b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n",
    ],
)
def test_a_private_key_is_refused_for_what_it_is(content: bytes) -> None:
    with pytest.raises(RequestError, match="KEY_PRIVATE"):
        read_public_key(content)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "PEM"),
        (b"\xff" * 100, "PEM"),
        (b" " * 70_000, "too large"),
        (rsa_pem(), "neither"),
        (p384_pem(), "neither"),
        (ed25519_pem(bytes(32)), "small order"),
        (ed25519_pem(b"\x01" + bytes(31)), "small order"),
        (ed25519_pem(b"\xff" * 32), "canonically"),
        (P256.encode() * 2, "more than one"),
        (certificate(PRIVATE["ed25519"]) * 2, "more than one"),
        (certificate(RSA), "neither"),
        (certificate(PRIVATE["ed25519"], signs=False), "does not let"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "cannot be read"),
        (b"{", "not JSON"),
        (b'{"kty": "\xff"}', "not JSON"),
        (b'{"keys": []}', "JWK set"),
        (jwk(use="enc"), "`use`"),
        (jwk(alg="RS256"), "`alg`"),
        (jwk(alg=[]), "`alg`"),
        (jwk(use={}), "`use`"),
        (jwk(kty="RSA"), "JWK"),
        (jwk(crv="P-384"), "canonically"),
        (jwk(x=JWK["y"]), "JWK"),
        (jwk(x=7), "JWK"),
        (msgspec.json.encode({"kty": "OKP", "crv": "Ed25519", "x": b64url_encode(bytes(32))}),
         "small order"),
    ],
)  # fmt: skip
def test_anything_else_is_refused_with_what_is_wrong(content: bytes, words: str) -> None:
    with pytest.raises(RequestError, match="KEY_UNUSABLE") as caught:
        read_public_key(content)
    assert words in caught.value.detail


@given(st.binary(max_size=200) | st.binary(max_size=80).map(lambda b: P256.encode()[:-40] + b))
def test_no_bytes_raise_anything_but_a_refusal(content: bytes) -> None:
    try:
        found = read_public_key(content)
    except RequestError:
        return
    assert read_public_key(found.public.encode()) == found
