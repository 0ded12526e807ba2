# SPDX-License-Identifier: Apache-2.0
"""Bitmaps of records: what rests is what was put there, and sets behave as sets."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audit.index.bits import (
    BLOCK,
    BlockCount,
    add_places,
    bits_of,
    count_of,
    cut,
    format_bits,
    full,
    indices_of,
    intersect,
    parse_bits,
    places_of,
)

PLACES = st.sets(st.integers(0, BLOCK - 1), max_size=60)
INDICES = st.sets(st.integers(0, 5 * BLOCK), max_size=60)
MANY = set(range(0, BLOCK, 7))  # enough to rest as a bitmap


def block(places: set[int]) -> int:
    return sum(1 << place for place in places)


MANY_BITS = block(MANY)


def places_of_text(bits: int) -> list[int]:
    return [place for place, digit in enumerate(f"{bits:b}"[::-1]) if digit == "1"]


@settings(deadline=None, max_examples=30)
@given(PLACES)
def test_a_block_survives_its_rest(places: set[int]) -> None:
    for bits in (block(places), block(places) | MANY_BITS):
        assert parse_bits(format_bits(bits)) == bits
        assert places_of(bits) == places_of_text(bits)


def test_a_block_never_rests_in_more_than_its_bitmap() -> None:
    assert len(format_bits(full(4095))) == 8190
    assert len(format_bits(full(4096))) == 8192
    assert len(format_bits(full(BLOCK))) == 8192


@pytest.mark.parametrize("before", [0, 1, 4000, 4095, 4096, 9000])
@pytest.mark.parametrize("added", [1, 95, 96, 5000])
def test_a_block_grows_at_its_end(before: int, added: int) -> None:
    stored = format_bits(full(before))
    grown = add_places(stored, list(range(before, before + added)))
    assert grown == format_bits(full(before + added))


@settings(deadline=None, max_examples=30)
@given(INDICES, INDICES)
def test_sets_meet_and_are_counted_as_sets(one: set[int], other: set[int]) -> None:
    both = intersect(bits_of(one), bits_of(other))
    assert list(indices_of(both)) == sorted(one & other)
    assert list(indices_of(bits_of(one), newest_first=True)) == sorted(one, reverse=True)
    assert count_of(both) == len(one & other)


@settings(deadline=None, max_examples=30)
@given(INDICES, st.integers(0, 5 * BLOCK), st.integers(0, 5 * BLOCK))
def test_a_range_is_cut_out(indices: set[int], start: int, end: int) -> None:
    found = indices_of(cut(bits_of(indices), start, end))
    assert list(found) == sorted(index for index in indices if start <= index < end)


@settings(deadline=None, max_examples=30)
@given(PLACES, PLACES)
def test_common_records_are_counted_in_either_form(selected: set[int], stored: set[int]) -> None:
    counter = BlockCount(block(selected), whole=False)
    assert counter.count(format_bits(block(stored))) == len(selected & stored)
    assert counter.count(format_bits(block(stored) | MANY_BITS)) == len(selected & (stored | MANY))
    assert BlockCount(full(BLOCK), whole=True).count(format_bits(block(stored))) == len(stored)
