# SPDX-License-Identifier: Apache-2.0
"""Digests give the published values; decoders refuse what their encoder would not print."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.crypto.digest import (
    KeyedHash,
    b64_decode,
    b64_encode,
    b64url_decode,
    b64url_encode,
    hmac_sha256,
    sha256,
    sha512,
)


def test_sha256_and_sha512_of_abc_are_those_of_fips_180() -> None:
    assert sha256(b"abc").hex() == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )
    assert sha512(b"abc").hex() == (
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
    )


def test_hmac_is_that_of_rfc_4231_case_2() -> None:
    assert hmac_sha256(b"Jefe", b"what do ya want for nothing?").hex() == (
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    )


@given(st.binary())
def test_encoded_bytes_decode_to_themselves(content: bytes) -> None:
    assert b64_decode(b64_encode(content)) == content
    assert b64url_decode(b64url_encode(content)) == content


@given(st.text(alphabet="AQgw09-_+/= \nß", max_size=12))
def test_whatever_decodes_is_what_would_be_printed(text: str) -> None:
    for decode, encode in ((b64_decode, b64_encode), (b64url_decode, b64url_encode)):
        try:
            content = decode(text)
        except ValueError:
            continue
        assert encode(content) == text


@pytest.mark.parametrize("text", ["AA", "AB==", "AA==\n", "A A==", "-_8=", "AAAA====", "ÀA=="])
def test_base64_in_another_spelling_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        b64_decode(text)


@pytest.mark.parametrize("text", ["AA==", "AB", "A", "+/8", "A A", "AA\n"])
def test_base64url_in_another_spelling_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        b64url_decode(text)


@given(st.binary(min_size=1, max_size=64), st.lists(st.binary(max_size=200), max_size=3))
def test_a_keyed_hash_is_keyed_blake2b_however_often_it_is_used(
    key: bytes, messages: list[bytes]
) -> None:
    keyed = KeyedHash(key)
    for message in messages:
        assert keyed(message) == hashlib.blake2b(message, key=key, digest_size=16).digest()
