# SPDX-License-Identifier: Apache-2.0
"""tlog-tiles geometry (c2sp.org/tlog-tiles): how the hashes of a tree lie in tiles.

Rules:

1. A full tile holds 256 hashes; tile level L holds the roots of subtrees of 256**L leaves, so
   level L+1 holds only roots of *full* tiles of level L.
2. The last tile of a level may be partial, 1 to 255 wide. There is no empty tile.
3. Hashes between two tile levels are not kept: a tile yields them (`node_in_tile`).
4. The path of a tile is `tile/<L>/<N>[.p/<W>]`, N in groups of three digits, all but the last
   with an `x` before it. Bundles of entries have `entries` in the place of L.
"""

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from gateway.errors import TrustError
from gateway.tlog.merkle import HASH_BYTES, node_hash

TILE_HEIGHT: Final = 8
TILE_WIDTH: Final = 1 << TILE_HEIGHT
TILE_BYTES: Final = TILE_WIDTH * HASH_BYTES
MAX_LEVEL: Final = 63
#: The level that stands for bundles of entries in a path.
ENTRIES_LEVEL: Final = -1

_PATH: Final = re.compile(
    r"tile/(entries|0|[1-9][0-9]?)/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?"
)


class Tile(msgspec.Struct, frozen=True):
    """One tile by its place.

    Attributes:
        level: tile level, or `ENTRIES_LEVEL`.
        n: index within the level.
        width: number of hashes, 1 to 256; 256 is full.
    """

    level: int
    n: int
    width: int = TILE_WIDTH


def format_tile_path(tile: Tile) -> str:
    """Write the path under which a log publishes the tile."""
    level = "entries" if tile.level == ENTRIES_LEVEL else str(tile.level)
    digits = str(tile.n)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    index = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
    return f"tile/{level}/{index}" + ("" if tile.width == TILE_WIDTH else f".p/{tile.width}")


def parse_tile_path(path: str) -> Tile:
    """Read a tile path and refuse what `format_tile_path` would not write.

    Raises:
        TrustError: not the path of a tile.
    """
    match = _PATH.fullmatch(path)
    if match is None:
        raise TrustError("PROOF_INVALID", "not a tile path")
    level, index, width = match.groups()
    tile = Tile(
        ENTRIES_LEVEL if level == "entries" else int(level),
        int(index.replace("x", "").replace("/", "")),
        int(width or TILE_WIDTH),
    )
    if tile.level > MAX_LEVEL or format_tile_path(tile) != path:
        raise TrustError("PROOF_INVALID", "not a tile path")
    return tile


def tile_of_node(level: int, index: int) -> tuple[int, int, int, int]:
    """Where subtree `(level, index)` is found.

    Returns:
        Tile level, tile index, first hash in the tile, and count of hashes under the subtree.
    """
    tile_level, height = divmod(level, TILE_HEIGHT)
    first = index << height
    return tile_level, first >> TILE_HEIGHT, first % TILE_WIDTH, 1 << height


def node_in_tile(hashes: bytes, first: int, count: int) -> bytes:
    """Root over `count` hashes of a tile from `first` on; `count` is a power of two.

    Raises:
        TrustError: the tile does not hold that many.
    """
    if len(hashes) < (first + count) * HASH_BYTES:
        raise TrustError("PROOF_INVALID", "the tile is too short")
    row = [hashes[at * HASH_BYTES : (at + 1) * HASH_BYTES] for at in range(first, first + count)]
    while len(row) > 1:
        row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
    return row[0]


def edge_tiles(size: int) -> Iterator[Tile]:
    """The last tile of each level of a tree, lowest level first; width 0 where it is not begun."""
    level, count = 0, size
    while count:
        yield Tile(level, count >> TILE_HEIGHT, count % TILE_WIDTH)
        level, count = level + 1, count >> TILE_HEIGHT


def tile_count(size: int) -> int:
    """Number of tiles that a tree has, the partial ones of its own size included."""
    return sum(tile.n + (tile.width > 0) for tile in edge_tiles(size))
