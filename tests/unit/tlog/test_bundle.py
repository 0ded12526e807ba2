# SPDX-License-Identifier: Apache-2.0
"""Bundles of entries are read as they were written, and nothing else is read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import TrustError
from gateway.tlog.bundle import MAX_BUNDLED_BYTES, format_bundle, parse_bundle

entries = st.lists(st.binary(max_size=40), min_size=1, max_size=8)


def test_each_entry_stands_behind_its_length() -> None:
    assert format_bundle([b"one", b""]) == b"\x00\x03one\x00\x00"


@given(entries)
def test_a_bundle_is_read_as_it_was_written(written: list[bytes]) -> None:
    assert parse_bundle(format_bundle(written)) == written


@given(st.binary(max_size=60))
def test_what_is_read_is_written_the_same(content: bytes) -> None:
    try:
        found = parse_bundle(content)
    except TrustError:
        return
    assert format_bundle(found) == content


@given(entries, st.integers(1, 60))
def test_a_bundle_that_is_broken_off_is_never_read_as_the_whole(
    written: list[bytes], cut: int
) -> None:
    content = format_bundle(written)[:-cut]
    try:
        assert len(parse_bundle(content)) < len(written)
    except TrustError:
        return


def test_the_longest_entry_and_the_fullest_bundle_fit() -> None:
    longest = [bytes(MAX_BUNDLED_BYTES)]
    assert parse_bundle(format_bundle(longest)) == longest
    assert len(parse_bundle(format_bundle([b"x"] * 256))) == 256


@pytest.mark.parametrize("written", [[], [b"x"] * 257, [bytes(MAX_BUNDLED_BYTES + 1)]])
def test_what_could_not_be_read_is_not_written(written: list[bytes]) -> None:
    with pytest.raises(TrustError, match="PROOF_INVALID"):
        format_bundle(written)


@pytest.mark.parametrize(
    "content", [b"", b"\x00", b"\x00\x02x", b"\x00\x01x\x00", b"\x00\x01x" * 257]
)
def test_malformed_bundles_are_refused(content: bytes) -> None:
    with pytest.raises(TrustError, match="PROOF_INVALID"):
        parse_bundle(content)
