# SPDX-License-Identifier: Apache-2.0
"""What the store gets opens under its own name, whole, by a node, and in no other way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.crypto.shared import SharedCipher

ONE = SharedCipher(bytes(32))
OTHER = SharedCipher(bytes(31) + b"\x01")
CONTENT = "测试甲 140302190001010017".encode()
NAME = ONE.name(b"question")


@given(st.binary(), st.binary())
def test_what_was_sealed_opens_under_its_name(message: bytes, content: bytes) -> None:
    name = ONE.name(message)
    assert ONE.open(name, ONE.seal(name, content)) == content


@given(st.integers(min_value=0))
def test_no_flipped_bit_opens(position: int) -> None:
    sealed = bytearray(ONE.seal(NAME, CONTENT))
    position %= len(sealed) * 8
    sealed[position // 8] ^= 1 << position % 8
    assert ONE.open(NAME, bytes(sealed)) is None


@given(st.integers(min_value=0))
def test_nothing_cut_short_opens(length: int) -> None:
    sealed = ONE.seal(NAME, CONTENT)
    assert ONE.open(NAME, sealed[: length % len(sealed)]) is None


def test_it_opens_under_no_other_name_and_no_other_key() -> None:
    sealed = ONE.seal(NAME, CONTENT)
    assert ONE.open(ONE.name(b"another"), sealed) is None
    assert OTHER.open(NAME, sealed) is None


def test_the_same_is_never_sealed_alike_and_shows_nothing() -> None:
    first, second = ONE.seal(NAME, CONTENT), ONE.seal(NAME, CONTENT)
    assert first != second
    assert CONTENT[:6] not in first


def test_all_nodes_of_a_key_have_the_same_names_and_tags_and_others_have_others() -> None:
    same = SharedCipher(bytes(32))
    assert (same.name(b"q"), same.tag_secret) == (ONE.name(b"q"), ONE.tag_secret)
    assert OTHER.name(b"q") != ONE.name(b"q")
    assert OTHER.tag_secret != ONE.tag_secret != bytes(32)


def test_a_secret_of_another_length_is_refused_and_none_is_shown() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        SharedCipher(bytes(16))
    assert repr(ONE) == "SharedCipher()"
