# SPDX-License-Identifier: Apache-2.0
"""SM2, SM3 and SM4 are those of the standards: each by its published example."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.crypto.sm import (
    Sm2KeyPair,
    Sm2PublicKey,
    load_sm2_key_pair,
    load_sm2_public_key,
    sm3,
    sm4_decrypt,
    sm4_encrypt,
)
from gateway.errors import SetupError

# GB/T 32918.5 annexes A and C: one key, a signature of "message digest", and a ciphertext.
POINT = bytes.fromhex(
    "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
    "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
)
PAIR = Sm2KeyPair(
    Sm2PublicKey(POINT),
    bytes.fromhex("3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8"),
)
R = "F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3"
S = "B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA"
SIGNATURE = bytes.fromhex(f"3046022100{R}022100{S}")
CIPHERTEXT = bytes.fromhex(
    "04"
    "04EBFC718E8D1798620432268E77FEB6415E2EDE0E073C0F4F640ECD2E149A73"
    "E858F9D81E5430A57B36DAAB8F950A3C64E6EE6A63094D99283AFF767E124DF0"
    "59983C18F809E262923C53AEC295D30383B54E39D609D160AFCB1908D0BD8766"
    "21886CA989CA9C7D58087307CA93092D651EFA"
)

# GB/T 32907 annex A: the key is also the block.
BLOCK = bytes.fromhex("0123456789abcdeffedcba9876543210")


@pytest.mark.parametrize(
    ("content", "digest"),
    [  # GB/T 32905 annex A
        (b"abc", "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"),
        (b"abcd" * 16, "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"),
    ],
)
def test_sm3(content: bytes, digest: str) -> None:
    assert sm3(content).hex() == digest


def test_sm4() -> None:
    # Under an IV of zeros the first block of CBC is the block cipher's own.
    sealed = sm4_encrypt(BLOCK, bytes(16), BLOCK)
    assert sealed[:16].hex() == "681edf34d206965e86b3e94f536e4246"
    assert len(sealed) == 32


@given(st.binary(max_size=100), st.binary(min_size=16, max_size=16))
def test_what_sm4_seals_it_opens(content: bytes, iv: bytes) -> None:
    assert sm4_decrypt(BLOCK, iv, sm4_encrypt(BLOCK, iv, content)) == content


@pytest.mark.parametrize("sealed", [b"", b"x", bytes(15), bytes(16)])
def test_sm4_opens_nothing_else(sealed: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        sm4_decrypt(BLOCK, bytes(16), sealed)


def test_the_published_signature_is_one() -> None:
    assert PAIR.public.verify(b"message digest", SIGNATURE)
    assert not PAIR.public.verify(b"message digesT", SIGNATURE)


@pytest.mark.parametrize("junk", [b"", b"junk", SIGNATURE[:-1], bytes(70)])
def test_anything_else_is_no_signature(junk: bytes) -> None:
    assert not PAIR.public.verify(b"message digest", junk)


def test_the_published_ciphertext_is_opened() -> None:
    assert PAIR.decrypt(CIPHERTEXT) == b"encryption standard"


@pytest.mark.parametrize("place", [0, 1, 40, 70, 100, -1])
def test_a_ciphertext_that_was_changed_is_not(place: int) -> None:
    changed = bytearray(CIPHERTEXT)
    changed[place] ^= 1
    with pytest.raises(ValueError, match="not encrypted to this key"):
        PAIR.decrypt(bytes(changed))


@pytest.mark.parametrize("sealed", [b"", b"\x04", CIPHERTEXT[:97]])
def test_nor_is_one_that_is_too_short(sealed: bytes) -> None:
    with pytest.raises(ValueError, match="not encrypted to this key"):
        PAIR.decrypt(sealed)


@pytest.mark.parametrize("length", [1, 16, 255])
def test_what_is_encrypted_and_signed_comes_back(length: int) -> None:
    content = bytes(range(length % 256)) or b"\0"
    sealed = PAIR.public.encrypt(content)
    assert len(sealed) == len(content) + 97
    assert PAIR.decrypt(sealed) == content
    assert PAIR.public.verify(content, PAIR.sign(content))


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    openssl(folder, "genpkey", "-algorithm", "SM2", "-out", "key.pem")
    openssl(folder, "pkey", "-in", "key.pem", "-pubout", "-out", "public.pem")
    openssl(folder, "genpkey", "-algorithm", "EC", "-pkeyopt", "group:P-256", "-out", "p256.pem")
    openssl(folder, "pkey", "-in", "p256.pem", "-pubout", "-out", "p256-public.pem")
    return folder


def test_openssl_believes_our_signature(keys: Path) -> None:
    pair = load_sm2_key_pair((keys / "key.pem").read_text())
    (keys / "message").write_bytes(b"message")
    (keys / "signature").write_bytes(pair.sign(b"message"))
    openssl(
        keys, "pkeyutl", "-verify", "-pubin", "-inkey", "public.pem", "-rawin", "-in", "message",
        "-digest", "sm3", "-sigfile", "signature", "-pkeyopt", "distid:1234567812345678",
    )  # fmt: skip


def test_we_believe_openssls_signature(keys: Path) -> None:
    public = load_sm2_public_key((keys / "public.pem").read_text())
    assert public == load_sm2_key_pair((keys / "key.pem").read_text()).public
    (keys / "message").write_bytes(b"message")
    openssl(
        keys, "pkeyutl", "-sign", "-inkey", "key.pem", "-rawin", "-in", "message",
        "-digest", "sm3", "-out", "signature", "-pkeyopt", "distid:1234567812345678",
    )  # fmt: skip
    assert public.verify(b"message", (keys / "signature").read_bytes())


@pytest.mark.parametrize("name", ["public.pem", "p256.pem", "nothing"])
def test_another_text_is_no_pair(keys: Path, name: str) -> None:
    (keys / "nothing").write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----")
    with pytest.raises(SetupError, match="not usable as an SM2 private key"):
        load_sm2_key_pair((keys / name).read_text())


@pytest.mark.parametrize("name", ["key.pem", "p256-public.pem"])
def test_another_text_is_no_public_key(keys: Path, name: str) -> None:
    with pytest.raises(SetupError, match="not usable as an SM2 public key"):
        load_sm2_public_key((keys / name).read_text())


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gmssl_pyx", None)
    with pytest.raises(SetupError) as caught:
        load_sm2_public_key("")
    assert "yizheng-gateway[sm]" in caught.value.remedy


def test_a_pair_is_in_no_repr() -> None:
    assert repr(PAIR) == "Sm2KeyPair(…)"
