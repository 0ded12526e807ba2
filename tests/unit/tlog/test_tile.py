# SPDX-License-Identifier: Apache-2.0
"""tlog-tiles: paths, geometry, and growing a tree by tiles."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import TrustError
from gateway.tlog.edge import Edge
from gateway.tlog.merkle import Frontier, inclusion_proof, leaf_hash, verify_inclusion
from gateway.tlog.tile import (
    ENTRIES_LEVEL,
    MAX_LEVEL,
    Tile,
    edge_tiles,
    format_tile_path,
    node_in_tile,
    parse_tile_path,
    tile_count,
    tile_of_node,
)

LEAVES = [leaf_hash(b"%d" % number) for number in range(700)]


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 1234067), "tile/0/x001/x234/067"),  # the example of tlog-tiles
        (Tile(0, 0), "tile/0/000"),
        (Tile(1, 999, 17), "tile/1/999.p/17"),
        (Tile(63, 1000, 255), "tile/63/x001/000.p/255"),
        (Tile(ENTRIES_LEVEL, 1234067, 1), "tile/entries/x001/x234/067.p/1"),
    ],
)
def test_paths_are_those_of_the_specification(tile: Tile, path: str) -> None:
    assert format_tile_path(tile) == path
    assert parse_tile_path(path) == tile


@given(
    st.builds(
        Tile,
        level=st.integers(ENTRIES_LEVEL, MAX_LEVEL),
        n=st.integers(0, 2**55),
        width=st.integers(1, 256),
    )
)
def test_a_path_names_its_tile(tile: Tile) -> None:
    assert parse_tile_path(format_tile_path(tile)) == tile


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile/0/0",
        "tile/0/0000",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/0/x000/000",
        "tile/0/001/000",
        "tile/0/x001",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "/tile/0/000",
        "tile/0/000/",
        "tile/0/000\n",
        "tile/0/٠٠٠",
        "tile/data/000",
        "tile/0/../000",
    ],
)
def test_other_spellings_are_refused(path: str) -> None:
    with pytest.raises(TrustError, match="not a tile path"):
        parse_tile_path(path)


def test_a_tree_of_70000_has_the_tiles_of_the_specification() -> None:
    assert list(edge_tiles(70_000)) == [Tile(0, 273, 112), Tile(1, 1, 17), Tile(2, 0, 1)]
    assert tile_count(70_000) == 273 + 1 + 1 + 1 + 1


def test_a_tree_of_256_has_a_full_tile_and_one_hash_above_it() -> None:
    assert list(edge_tiles(256)) == [Tile(0, 1, 0), Tile(1, 0, 1)]
    assert tile_count(256) == 2


def test_a_node_lies_in_the_tile_below_it() -> None:
    assert tile_of_node(0, 257) == (0, 1, 1, 1)
    assert tile_of_node(7, 3) == (0, 1, 128, 128)
    assert tile_of_node(8, 3) == (1, 0, 3, 1)


def test_a_tile_that_is_too_short_yields_nothing() -> None:
    with pytest.raises(TrustError, match="too short"):
        node_in_tile(bytes(32 * 3), 2, 2)


@given(st.lists(st.integers(1, 300), max_size=6))
def test_growing_in_any_groups_gives_the_tree_and_its_tiles(groups: list[int]) -> None:
    edge, stored = Edge(), dict[tuple[int, int], bytes]()
    frontier = Frontier()
    bounds = [0, *(sum(groups[: at + 1]) for at in range(len(groups)))]
    leaves = [leaf_hash(b"%d" % number) for number in range(bounds[-1])]
    for start, end in pairwise(bounds):
        edge, due = edge.grow(leaves[start:end])
        assert bool(due) == (start // 256 < end // 256)
        for tile, hashes in due.items():
            assert len(hashes) == tile.width * 32
            assert tile.level or tile.width == 256
            stored[tile.level, tile.n] = hashes
    for leaf in leaves:
        frontier.append(leaf)
    assert edge.size == len(leaves)
    assert edge.root() == frontier.root()
    full = len(leaves) // 256 * 256
    assert len(stored) == tile_count(full)
    assert b"".join(hashes for (level, _), hashes in sorted(stored.items()) if not level) == (
        b"".join(leaves[:full])
    )


def test_an_edge_is_a_value() -> None:
    before, _ = Edge().grow(LEAVES[:300])
    root = before.root()
    after, _ = before.grow(LEAVES[300:])
    assert (before.size, before.root()) == (300, root)
    assert after.size == 700


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 511, 512, 700])
def test_the_last_tiles_are_enough_to_go_on(size: int) -> None:
    grown, due = Edge().grow(LEAVES[:size])
    hashes = {(tile.level, tile.n): content for tile, content in due.items()}
    hashes[0, size // 256] = b"".join(LEAVES[size // 256 * 256 : size])
    resumed = Edge(size, [hashes.get((tile.level, tile.n), b"") for tile in edge_tiles(size)])
    assert resumed.root() == grown.root()
    assert resumed.grow(LEAVES[size:])[0].root() == Edge().grow(LEAVES)[0].root()


def test_tiles_that_do_not_fit_the_size_are_refused() -> None:
    with pytest.raises(TrustError, match="tree of 2 leaves"):
        Edge(2, [bytes(32)])


def test_proofs_are_made_from_tiles_alone() -> None:
    edge, due = Edge().grow(LEAVES)
    hashes = {(tile.level, tile.n): content for tile, content in due.items()}
    hashes[0, 2] = b"".join(LEAVES[512:])

    def read(level: int, index: int) -> bytes:
        tile_level, n, first, count = tile_of_node(level, index)
        return node_in_tile(hashes[tile_level, n], first, count)

    for index in (0, 1, 255, 256, 699):
        proof = inclusion_proof(index, 700, read)
        verify_inclusion(LEAVES[index], index, 700, proof, edge.root())
