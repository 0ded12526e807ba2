# SPDX-License-Identifier: Apache-2.0
"""Whichever library signs and verifies: the same signatures are taken and the same are refused."""

from typing import cast

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from gateway.crypto import primitives
from gateway.crypto.primitives import (
    HAS_FAST,
    Ed25519Signer,
    Ed25519Verifier,
    FastEd25519Signer,
    FastEd25519Verifier,
    FastP256Signer,
    FastP256Verifier,
    P256Signer,
    P256Verifier,
    Signer,
    Verifier,
    signer_of,
    verifier_of,
)
from gateway.errors import TrustError

P256 = ec.derive_private_key(0x1234_5678_9ABC_DEF0, ec.SECP256R1())
ED25519 = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
MESSAGE = b"one message"

SIGNERS: dict[str, tuple[Signer, ...]] = {
    "P-256": (P256Signer(P256, "k"), FastP256Signer(P256, "k")),
    "Ed25519": (Ed25519Signer(ED25519, "k"), FastEd25519Signer(ED25519, "k")),
}
VERIFIERS: dict[str, tuple[Verifier, ...]] = {
    "P-256": (P256Verifier(P256.public_key()), FastP256Verifier(P256.public_key())),
    "Ed25519": (Ed25519Verifier(ED25519.public_key()), FastEd25519Verifier(ED25519.public_key())),
}
KINDS = tuple(SIGNERS)


def accepts(verifier: Verifier, signature: bytes, message: bytes = MESSAGE) -> bool:
    try:
        verifier.verify(signature, message)
    except TrustError:
        return False
    return True


@pytest.mark.parametrize("kind", KINDS)
@given(message=st.binary(max_size=300))
def test_what_one_signs_every_one_verifies(kind: str, message: bytes) -> None:
    for signer in SIGNERS[kind]:
        signature = signer.sign(message)
        assert (type(signature), len(signature)) == (bytes, 64)
        assert all(accepts(verifier, signature, message) for verifier in VERIFIERS[kind])
        assert not any(accepts(verifier, signature, message + b"x") for verifier in VERIFIERS[kind])


@pytest.mark.parametrize("kind", KINDS)
@given(at=st.integers(0, 511))
def test_a_flipped_bit_is_refused_by_every_one(kind: str, at: int) -> None:
    signature = bytearray(SIGNERS[kind][0].sign(MESSAGE))
    signature[at // 8] ^= 1 << at % 8
    assert not any(accepts(verifier, bytes(signature)) for verifier in VERIFIERS[kind])


@pytest.mark.parametrize("kind", KINDS)
@given(signature=st.binary(max_size=80))
def test_any_bytes_are_refused_by_every_one(kind: str, signature: bytes) -> None:
    assert not any(accepts(verifier, signature) for verifier in VERIFIERS[kind])


# After Project Wycheproof, ecdsa_secp256r1_sha256_p1363: values at the borders of the group.
@pytest.mark.parametrize("r", [0, 1, ORDER - 1, ORDER, ORDER + 1, 2**256 - 1])
@pytest.mark.parametrize("s", [0, 1, ORDER - 1, ORDER, ORDER + 1, 2**256 - 1])
def test_r_and_s_at_the_borders_are_refused_by_every_one(r: int, s: int) -> None:
    signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    assert not any(accepts(verifier, signature) for verifier in VERIFIERS["P-256"])


def test_ed25519_is_not_malleable() -> None:
    """RFC 8032 §5.1.7: s is below the group's order, or the signature is none."""
    signature = SIGNERS["Ed25519"][0].sign(MESSAGE)
    order = 2**252 + 27742317777372353535851937790883648493
    s = int.from_bytes(signature[32:], "little") + order
    assert not any(
        accepts(v, signature[:32] + s.to_bytes(32, "little")) for v in VERIFIERS["Ed25519"]
    )


@given(r=st.integers(1, 2**256 - 1), s=st.integers(1, 2**256 - 1))
def test_der_is_written_as_the_library_writes_it(r: int, s: int) -> None:
    signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    assert primitives._der_of(signature) == encode_dss_signature(r, s)


@pytest.mark.parametrize("fast", [True, False])
def test_the_faster_library_is_taken_where_it_is_installed(
    monkeypatch: pytest.MonkeyPatch, fast: bool
) -> None:
    for algorithm in HAS_FAST:
        monkeypatch.setitem(HAS_FAST, algorithm, fast)
    for key, keyid in ((P256, "p"), (ED25519, "e")):
        signer = signer_of(cast("ec.EllipticCurvePrivateKey", key), keyid)
        verifier = verifier_of(cast("ec.EllipticCurvePublicKey", key.public_key()))
        assert signer.keyid == keyid
        assert type(signer).__name__.startswith("Fast") == fast
        assert type(verifier).__name__.startswith("Fast") == fast
        assert signer.algorithm == verifier.algorithm
        assert accepts(verifier, signer.sign(MESSAGE))
