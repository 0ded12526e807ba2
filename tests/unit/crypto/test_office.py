# SPDX-License-Identifier: Apache-2.0
"""What the office store may know of a person: only who has the key knows more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.crypto.office import OfficeCipher
from gateway.errors import TrustError

CIPHER = OfficeCipher(bytes(range(32)))
NUMBER = "140302190001010017"


@given(st.text(max_size=80), st.binary(max_size=200))
def test_what_is_sealed_for_a_place_opens_there(place: str, content: bytes) -> None:
    assert CIPHER.open(place, CIPHER.seal(place, content)) == content


def test_it_opens_nowhere_else_and_under_no_other_key() -> None:
    sealed = CIPHER.seal("case_holders|a|1", NUMBER.encode())
    for cipher, place in (
        (CIPHER, "case_holders|a|2"),
        (OfficeCipher(b"x" * 32), "case_holders|a|1"),
    ):
        with pytest.raises(TrustError):
            cipher.open(place, sealed)


def test_no_flipped_bit_and_no_shorter_text_opens() -> None:
    sealed = CIPHER.seal("here", NUMBER.encode())
    for at in range(len(sealed) * 8):
        flipped = bytearray(sealed)
        flipped[at // 8] ^= 1 << at % 8
        with pytest.raises(TrustError):
            CIPHER.open("here", bytes(flipped))
    for length in range(len(sealed)):
        with pytest.raises(TrustError):
            CIPHER.open("here", sealed[:length])


def test_an_index_is_keyed_and_tells_schemes_apart() -> None:
    index = CIPHER.index_of("cn-id", NUMBER)
    assert index == OfficeCipher(bytes(range(32))).index_of("cn-id", NUMBER)
    others = {
        CIPHER.index_of("cn-uscc", NUMBER),
        CIPHER.digest(f"cn-id:{NUMBER}".encode()),
        OfficeCipher(b"x" * 32).index_of("cn-id", NUMBER),
    }
    assert len({index, *others}) == 4


def test_it_does_not_show_its_keys_and_takes_32_bytes_only() -> None:
    assert repr(CIPHER) == "OfficeCipher()"
    with pytest.raises(ValueError, match="32 bytes"):
        OfficeCipher(b"short")
