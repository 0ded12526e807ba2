# SPDX-License-Identifier: Apache-2.0
"""HMAC-SHA-256 by the published vectors, and by the standard library."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.crypto.digest import hmac_sha256
from gateway.crypto.mac import KeyedMac

# RFC 4231 §4.2, §4.3, §4.7
VECTORS = (
    (b"\x0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
    (
        b"Jefe",
        b"what do ya want for nothing?",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ),
    (
        b"\xaa" * 131,
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ),
)


@pytest.mark.parametrize(("key", "message", "expected"), VECTORS)
def test_it_is_hmac_sha256(key: bytes, message: bytes, expected: str) -> None:
    assert KeyedMac(key)(message).hex() == expected


@given(key=st.binary(min_size=1, max_size=100), messages=st.lists(st.binary(), max_size=4))
def test_one_message_leaves_nothing_to_the_next(key: bytes, messages: list[bytes]) -> None:
    mac = KeyedMac(key)
    assert [mac(message) for message in messages] == [hmac_sha256(key, m) for m in messages]
