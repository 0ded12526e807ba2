# SPDX-License-Identifier: Apache-2.0
"""Keys sign and verify by the published vectors, and keys that prove nothing are refused."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st
from jwcrypto import jwk

from gateway.crypto.digest import b64url_encode
from gateway.crypto.keys import (
    generate_private_key,
    load_signer,
    load_verifier,
    public_jwk,
    public_pem,
    thumbprint,
    verifier_from_jwk,
)
from gateway.errors import RequestError, TrustError
from gateway.model.agency import Algorithm

ALGORITHMS: tuple[Algorithm, ...] = ("ecdsa-p256-sha256", "ed25519")
PRIVATE = {algorithm: generate_private_key(algorithm) for algorithm in ALGORITHMS}
PUBLIC = {algorithm: public_pem(PRIVATE[algorithm]) for algorithm in ALGORITHMS}

# RFC 8032 §7.1, test 1
RFC8032_SECRET = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
RFC8032_SIGNATURE = bytes.fromhex(
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555"
    "fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
)
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

SMALL_ORDER = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
]
NOT_CANONICAL = [
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
]
NOT_ON_THE_CURVE = "0200000000000000000000000000000000000000000000000000000000000000"


def pem(spki: bytes) -> str:
    return (
        f"-----BEGIN PUBLIC KEY-----\n{base64.encodebytes(spki).decode()}-----END PUBLIC KEY-----\n"
    )


def ed25519_pem(point: bytes) -> str:
    return pem(bytes.fromhex("302a300506032b6570032100") + point)


def p256_pem(point: bytes) -> str:
    algorithm = bytes.fromhex("301306072a8648ce3d020106082a8648ce3d030107")
    bits = bytes([0x03, len(point) + 1, 0]) + point
    return pem(bytes([0x30, len(algorithm) + len(bits)]) + algorithm + bits)


def private_pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def spki_pem(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> str:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


OTHER_KEYS = [
    rsa.generate_private_key(public_exponent=65537, key_size=2048),
    ec.generate_private_key(ec.SECP384R1()),
    ec.generate_private_key(ec.SECP256K1()),
]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@given(message=st.binary(max_size=300))
def test_a_signature_of_64_bytes_verifies(algorithm: Algorithm, message: bytes) -> None:
    signer = load_signer(PRIVATE[algorithm], "test-key")
    verifier = load_verifier(PUBLIC[algorithm], algorithm)
    signature = signer.sign(message)
    assert (signer.keyid, signer.algorithm, verifier.algorithm) == (
        "test-key",
        algorithm,
        algorithm,
    )
    assert len(signature) == 64
    verifier.verify(signature, message)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@given(at=st.integers(0, 63), flip=st.integers(1, 255))
def test_a_signature_with_one_byte_changed_is_refused(
    algorithm: Algorithm, at: int, flip: int
) -> None:
    signature = bytearray(load_signer(PRIVATE[algorithm], "k").sign(b"message"))
    signature[at] ^= flip
    with pytest.raises(TrustError) as refused:
        load_verifier(PUBLIC[algorithm], algorithm).verify(bytes(signature), b"message")
    assert refused.value.code == "SIGNATURE_INVALID"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("length", [0, 32, 63, 65, 72])
def test_a_signature_of_another_length_is_refused(algorithm: Algorithm, length: int) -> None:
    with pytest.raises(TrustError, match="64 are expected"):
        load_verifier(PUBLIC[algorithm], algorithm).verify(bytes(length), b"message")


def test_a_p256_signature_in_der_is_refused_and_named() -> None:
    raw = load_signer(PRIVATE["ecdsa-p256-sha256"], "k").sign(b"message")
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    with pytest.raises(TrustError, match="in DER; 64 are expected"):
        load_verifier(PUBLIC["ecdsa-p256-sha256"], "ecdsa-p256-sha256").verify(der, b"message")


@pytest.mark.parametrize(("r", "s"), [(0, 1), (1, 0), (0, 0), (P256_ORDER, 1), (1, P256_ORDER)])
def test_p256_scalars_out_of_range_are_refused(r: int, s: int) -> None:
    raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    with pytest.raises(TrustError):
        load_verifier(PUBLIC["ecdsa-p256-sha256"], "ecdsa-p256-sha256").verify(raw, b"message")


def test_ed25519_signs_as_rfc_8032_does() -> None:
    key = ed25519.Ed25519PrivateKey.from_private_bytes(RFC8032_SECRET)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    assert load_signer(private, "k").sign(b"") == RFC8032_SIGNATURE
    assert public_jwk(public_pem(private), "k")["x"] == (
        "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"  # RFC 8037 A.2
    )
    assert thumbprint(public_pem(private)) == (
        "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"  # RFC 8037 A.3
    )


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_thumbprint_and_jwk_are_those_of_another_implementation(algorithm: Algorithm) -> None:
    peer = jwk.JWK.from_pem(PUBLIC[algorithm].encode())
    ours = public_jwk(PUBLIC[algorithm], "gw-1")
    assert thumbprint(PUBLIC[algorithm]) == peer.thumbprint()
    expected = {**peer.export_public(as_dict=True), "kid": "gw-1", "use": "sig"}
    assert ours == {**expected, "alg": {"EC": "ES256", "OKP": "EdDSA"}[ours["kty"]]}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_verifier_comes_from_a_jwk_as_from_its_pem(algorithm: Algorithm) -> None:
    verifier = verifier_from_jwk(public_jwk(PUBLIC[algorithm], "gw-1"))
    assert verifier.algorithm == algorithm
    verifier.verify(load_signer(PRIVATE[algorithm], "k").sign(b"message"), b"message")


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"kty": "RSA"}, id="another kind"),
        pytest.param({"crv": "P-384"}, id="another curve"),
        pytest.param({"x": "AA"}, id="short"),
        pytest.param({"x": "AA=="}, id="padding"),
        pytest.param({"x": b64url_encode(bytes.fromhex(SMALL_ORDER[4]))}, id="another point"),
        pytest.param({"x": 5}, id="no text"),
    ],
)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_public_jwk_would_not_print_is_refused(
    algorithm: Algorithm, changed: dict[str, str]
) -> None:
    with pytest.raises(RequestError) as refused:
        verifier_from_jwk({**public_jwk(PUBLIC[algorithm], "gw-1"), **changed})
    assert refused.value.code == "KEY_UNUSABLE"


@pytest.mark.parametrize("point", SMALL_ORDER)
def test_ed25519_keys_of_small_order_are_refused(point: str) -> None:
    with pytest.raises(RequestError, match="small order") as refused:
        load_verifier(ed25519_pem(bytes.fromhex(point)), "ed25519")
    assert refused.value.code == "KEY_UNUSABLE"


@pytest.mark.parametrize("point", NOT_CANONICAL)
def test_ed25519_keys_in_another_encoding_are_refused(point: str) -> None:
    with pytest.raises(RequestError, match=r"canonically|small order"):
        load_verifier(ed25519_pem(bytes.fromhex(point)), "ed25519")


def test_an_ed25519_key_off_the_curve_is_refused() -> None:
    with pytest.raises(RequestError, match="not a point of the curve"):
        load_verifier(ed25519_pem(bytes.fromhex(NOT_ON_THE_CURVE)), "ed25519")


@pytest.mark.parametrize(
    "point", [b"\x00", b"\x04" + bytes(64), b"\x04" + bytes([1]) * 64], ids=len
)
def test_p256_at_infinity_or_off_the_curve_is_refused(point: bytes) -> None:
    with pytest.raises(RequestError) as refused:
        load_verifier(p256_pem(point), "ecdsa-p256-sha256")
    assert refused.value.code == "KEY_UNUSABLE"


def test_the_algorithm_is_that_of_the_record() -> None:
    with pytest.raises(RequestError, match="the key is ed25519, not ecdsa-p256-sha256"):
        load_verifier(PUBLIC["ed25519"], "ecdsa-p256-sha256")
    with pytest.raises(RequestError, match="the key is ecdsa-p256-sha256, not ed25519"):
        load_verifier(PUBLIC["ecdsa-p256-sha256"].encode(), "ed25519")


@pytest.mark.parametrize("key", OTHER_KEYS, ids=["rsa", "p384", "k1"])
def test_other_kinds_of_key_are_refused(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
) -> None:
    with pytest.raises(RequestError, match="neither P-256 nor Ed25519"):
        load_signer(private_pem(key), "k")
    with pytest.raises(RequestError, match="neither P-256 nor Ed25519"):
        thumbprint(spki_pem(key.public_key()))


@pytest.mark.parametrize("text", ["", "not a key", PUBLIC["ed25519"][:40], "钥匙"])
def test_what_is_no_pem_is_refused(text: str) -> None:
    with pytest.raises(RequestError, match="not a public key"):
        load_verifier(text, "ed25519")
    with pytest.raises(RequestError, match="not a private key"):
        load_signer(text.encode(), "k")


def test_an_encrypted_private_key_is_refused() -> None:
    encrypted = ed25519.Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    )
    with pytest.raises(RequestError, match="encrypted"):
        load_signer(encrypted, "k")
