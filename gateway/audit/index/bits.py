# SPDX-License-Identifier: Apache-2.0
"""Sets of records as bitmaps, in blocks of 65,536 (after Roaring bitmaps, arXiv:1603.06549).

A Python integer is the bitmap of a block: AND, OR and counting cost microseconds, so filters are
joined, and totals and facets counted, exactly and whatever the filters select.

Rules:

1. Bit `i` of block `b` stands for record `b * 65536 + i`. A block without a record is left out.
2. At rest a block with fewer than 4,096 records is the list of their places, 16 bits each, rising,
   little-endian; any other is its 8,192 bytes. The length tells which, and is never more.
3. Records are added in the order of the log, so a block only ever grows at its end.
"""

import sys
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import compress
from typing import Final, final

BLOCK: Final = 1 << 16
_BITMAP_BYTES: Final = BLOCK // 8
_PLACE_BYTES: Final = 2
_LIMIT: Final = _BITMAP_BYTES // _PLACE_BYTES
_FEW_COUNT: Final = 2000
_DIGIT: Final = bytes.maketrans(b"\x00\x01", b"01")
_MASK: Final = bytes.maketrans(b"01", b"\x00\x01")

#: Block → its bitmap, never zero.
Bits = dict[int, int]


def format_bits(bits: int) -> bytes:
    """Write the bitmap of one block as it rests."""
    if bits.bit_count() >= _LIMIT:
        return bits.to_bytes(_BITMAP_BYTES, "little")
    return _format_places(places_of(bits))


def parse_bits(stored: bytes) -> int:
    """Read what `format_bits` wrote."""
    return parse_union([stored])


def parse_union(stored: Iterable[bytes]) -> int:
    """Read several bitmaps of one block as one: records in any of them."""
    bits, places = 0, bytearray()
    for each in stored:
        if len(each) == _BITMAP_BYTES:
            bits |= int.from_bytes(each, "little")
        else:
            places += each
    return bits | _bits_of(_parse_places(bytes(places)))


def add_places(stored: bytes, places: list[int]) -> bytes:
    """What rests, with further places behind its last."""
    if len(stored) + _PLACE_BYTES * len(places) < _BITMAP_BYTES:
        return stored + _format_places(places)
    return format_bits(parse_bits(stored) | _bits_of(places))


@final
class BlockCount:
    """Counts how many records of a block are in a set too.

    Args:
        bits: the set, in that block.
        whole: whether it holds every record of the block.
    """

    def __init__(self, bits: int, *, whole: bool) -> None:
        self._bits: Final = bits
        self._mask: Final = b"" if whole else mask_of(bits)

    def count(self, stored: bytes) -> int:
        """Records in the set and in what rests."""
        if len(stored) == _BITMAP_BYTES:
            return (self._bits & int.from_bytes(stored, "little")).bit_count()
        if not self._mask:
            return len(stored) // _PLACE_BYTES
        return sum(map(self._mask.__getitem__, _parse_places(stored)))


def mask_of(bits: int) -> bytes:
    """One byte a record: 1 where the bit is set."""
    return f"{bits:065536b}".encode().translate(_MASK)[::-1]


def places_of(bits: int) -> list[int]:
    """Places of the bits that are set, rising."""
    return list(compress(range(BLOCK), mask_of(bits)))


def full(count: int) -> int:
    """The bitmap of a block whose first `count` records exist."""
    return (1 << count) - 1


def bits_of(indices: Iterable[int]) -> Bits:
    """The set of those indices, in any order."""
    blocks: dict[int, bytearray] = defaultdict(_no_flags)
    for index in indices:
        blocks[index >> 16][index & 0xFFFF] = 1
    return {block: int(flags.translate(_DIGIT)[::-1], 2) for block, flags in blocks.items()}


def _no_flags() -> bytearray:
    return bytearray(BLOCK)


def intersect(one: Mapping[int, int], other: Mapping[int, int]) -> Bits:
    """Records in both."""
    both = ((block, bits & other.get(block, 0)) for block, bits in one.items())
    return {block: bits for block, bits in both if bits}


def count_of(bits: Mapping[int, int]) -> int:
    """How many records."""
    return sum(block.bit_count() for block in bits.values())


def indices_of(bits: Mapping[int, int], *, newest_first: bool = False) -> Iterator[int]:
    """Indices in order; one block is unfolded at a time."""
    for block in sorted(bits, reverse=newest_first):
        places = places_of(bits[block])
        first = block << 16
        yield from (first + place for place in (reversed(places) if newest_first else places))


def cut(bits: Mapping[int, int], start: int, end: int) -> Bits:
    """Records from index `start` on and below `end`."""
    found = {}
    for block, here in bits.items():
        low, high = max(start - (block << 16), 0), min(max(end - (block << 16), 0), BLOCK)
        if low < high and (kept := here & (full(high) ^ full(low))):
            found[block] = kept
    return found


def _bits_of(places: Sequence[int]) -> int:
    """The bitmap of places; a byte a record is dearer to begin with, and cheaper for each."""
    if len(places) > _FEW_COUNT:
        return bits_of(places)[0]
    found = bytearray(_BITMAP_BYTES)
    for place in places:
        found[place >> 3] |= 1 << (place & 7)
    return int.from_bytes(found, "little")


def _format_places(places: Iterable[int]) -> bytes:
    return _little(array("H", places)).tobytes()


def _parse_places(stored: bytes) -> "array[int]":
    return _little(array("H", stored))


def _little(places: "array[int]") -> "array[int]":
    if sys.byteorder == "big":
        places.byteswap()
    return places
