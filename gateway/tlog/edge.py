# SPDX-License-Identifier: Apache-2.0
"""The right edge of a tree in tiles: all that a log keeps in memory in order to grow.

Rules:

1. An `Edge` is a value: `grow` returns another one and leaves this one as it is, so that a log
   whose commit failed simply keeps the old.
2. The partial tiles of a tree determine its frontier; nothing else has to be read to go on.
3. A tile of level 0 is due to be kept when it is full: until then the newest entries tell it. The
   tiles above it change only then, and are due each time (ADR 0017).
"""

from collections.abc import Sequence
from typing import Self, final

from gateway.errors import TrustError
from gateway.tlog.merkle import HASH_BYTES, Frontier
from gateway.tlog.tile import (
    TILE_BYTES,
    TILE_HEIGHT,
    TILE_WIDTH,
    Tile,
    edge_tiles,
    node_in_tile,
)


@final
class Edge:
    """A tree of `size` leaves, ready to grow.

    Args:
        size: number of leaves.
        tiles: hashes of the last tile of each level, lowest first; empty where it is not begun.

    Raises:
        TrustError: the tiles are not those of a tree of that size.
    """

    __slots__ = ("_frontier", "_tiles")

    def __init__(self, size: int = 0, tiles: Sequence[bytes] = ()) -> None:
        widths = [tile.width for tile in edge_tiles(size)]
        if [len(hashes) for hashes in tiles] != [width * HASH_BYTES for width in widths]:
            raise TrustError("PROOF_INVALID", f"tiles do not fit a tree of {size} leaves")
        self._tiles = tuple(tiles)
        self._frontier = Frontier.from_hashes(size, _frontier_hashes(tiles, widths))

    @property
    def size(self) -> int:
        """Number of leaves."""
        return self._frontier.size

    def root(self) -> bytes:
        """The root over all leaves, 32 bytes."""
        return self._frontier.root()

    def grow(self, leaves: Sequence[bytes]) -> tuple[Self, dict[Tile, bytes]]:
        """Add leaf hashes.

        Returns:
            The grown edge, and the tiles that are due to be kept now, with their hashes.
        """
        frontier = self._frontier.copy()
        due: dict[Tile, bytes] = {}
        tiles = list(self._tiles) or [b""]
        tiles[0] += b"".join(leaves)
        start, last = 0, TILE_WIDTH - 1 - frontier.size % TILE_WIDTH  # which fills the tile
        while last < len(leaves):
            frontier.extend(leaves[start:last])
            completed = frontier.append(leaves[last])
            _carry(tiles, completed[TILE_HEIGHT::TILE_HEIGHT], frontier.size, due)
            start, last = last + 1, last + TILE_WIDTH
        frontier.extend(leaves[start:])
        if due:
            due |= {
                place: hashes
                for place, hashes in zip(edge_tiles(frontier.size), tiles, strict=True)
                if place.level and hashes
            }
        return self._made(frontier, tuple(tiles)), due

    @classmethod
    def _made(cls, frontier: Frontier, tiles: tuple[bytes, ...]) -> Self:
        edge = cls()
        edge._frontier = frontier
        edge._tiles = tiles
        return edge


def _carry(tiles: list[bytes], roots: Sequence[bytes], size: int, due: dict[Tile, bytes]) -> None:
    """Cut off the tiles that are full at that size, lowest first, and hand their roots up."""
    for level, root in enumerate(roots):
        n = (size >> TILE_HEIGHT * (level + 1)) - 1
        due[Tile(level, n)] = tiles[level][:TILE_BYTES]
        tiles[level] = tiles[level][TILE_BYTES:]
        if level + 1 == len(tiles):
            tiles.append(b"")
        tiles[level + 1] += root


def _frontier_hashes(tiles: Sequence[bytes], widths: Sequence[int]) -> list[bytes]:
    """Complete subtrees of the tree, largest first: each level's tile gives those of 8 bits."""
    hashes: list[bytes] = []
    for tile, width in zip(reversed(tiles), reversed(widths), strict=True):
        first = 0
        for height in reversed(range(TILE_HEIGHT)):
            if width >> height & 1:
                hashes.append(node_in_tile(tile, first, 1 << height))
                first += 1 << height
    return hashes
