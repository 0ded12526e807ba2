# SPDX-License-Identifier: Apache-2.0
"""The RFC 6962 tree: published roots and proofs, an independent tree as oracle, refusals."""

import random
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree, InvalidProof

from gateway.errors import TrustError
from gateway.tlog.merkle import (
    EMPTY_ROOT,
    Frontier,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
)

# Certificate Transparency's reference tree (RFC 6962 test data of the CT project).
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    bytes.fromhex(text)
    for text in (
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    )
]
PROOF_5_OF_8 = [
    bytes.fromhex(text)
    for text in (
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    )
]
PROOF_6_TO_8 = [
    bytes.fromhex(text)
    for text in (
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    )
]
MOST = 300


@cache
def nodes(entries: tuple[bytes, ...]) -> dict[tuple[int, int], bytes]:
    frontier, found = Frontier(), {}
    for index, entry in enumerate(entries):
        for level, node in enumerate(frontier.append(leaf_hash(entry))):
            found[level, index >> level] = node
    return found


@cache
def numbered() -> tuple[tuple[bytes, ...], list[bytes]]:
    """Entries, and the root at each size from 0 on."""
    entries = tuple(str(number).encode() for number in range(MOST))
    frontier = Frontier()
    roots = [frontier.root()]
    for entry in entries:
        frontier.append(leaf_hash(entry))
        roots.append(frontier.root())
    return entries, roots


def read(level: int, index: int) -> bytes:
    return nodes(numbered()[0])[level, index]


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert Frontier().root() == EMPTY_ROOT
    assert EMPTY_ROOT.hex().startswith("e3b0c44298fc1c14")


def test_roots_are_the_published_ones() -> None:
    frontier = Frontier()
    for entry, root in zip(LEAVES, ROOTS, strict=True):
        frontier.append(leaf_hash(entry))
        assert frontier.root() == root


def test_proofs_are_the_published_ones() -> None:
    known = nodes(tuple(LEAVES))
    assert inclusion_proof(5, 8, lambda level, at: known[level, at]) == PROOF_5_OF_8
    assert consistency_proof(6, 8, lambda level, at: known[level, at]) == PROOF_6_TO_8
    verify_inclusion(leaf_hash(LEAVES[5]), 5, 8, PROOF_5_OF_8, ROOTS[7])
    verify_consistency(6, 8, PROOF_6_TO_8, ROOTS[5], ROOTS[7])


def test_roots_are_those_of_an_independent_tree() -> None:
    entries, roots = numbered()
    oracle = InmemoryTree(algorithm="sha256")
    for size, entry in enumerate(entries, 1):
        oracle.append_entry(entry)
        assert oracle.get_root(size) == roots[size]


@given(st.lists(st.integers(0, 70), max_size=4))
def test_many_leaves_make_the_tree_that_one_after_the_other_makes(counts: list[int]) -> None:
    one_by_one, together = Frontier(), Frontier()
    for count in counts:
        leaves = [leaf_hash(b"%d %d" % (count, number)) for number in range(count)]
        together.extend(leaves)
        for leaf in leaves:
            one_by_one.append(leaf)
    assert (together.size, together.hashes) == (one_by_one.size, one_by_one.hashes)


def test_every_leaf_is_proved_in_every_tree() -> None:
    entries, roots = numbered()
    for size in [*range(1, 40), 127, 128, 129, 255, 256, 257, MOST]:
        for index in range(size):
            proof = inclusion_proof(index, size, read)
            verify_inclusion(leaf_hash(entries[index]), index, size, proof, roots[size])


def test_every_tree_is_the_beginning_of_every_later_one() -> None:
    _, roots = numbered()
    for new in [*range(40), 255, 256, 257, MOST]:
        for old in range(new + 1):
            verify_consistency(old, new, consistency_proof(old, new, read), roots[old], roots[new])


@given(st.data())
def test_an_inclusion_proof_proves_nothing_else(data: st.DataObject) -> None:
    entries, roots = numbered()
    size = data.draw(st.integers(2, MOST))
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(index, size, read)
    leaf = leaf_hash(entries[index])
    at = data.draw(st.integers(0, len(proof) - 1))
    broken = [*proof[:at], bytes(32), *proof[at + 1 :]]
    for wrong in (broken, proof[:-1], [*proof, bytes(32)], [*proof[:-1], proof[-1][:31]]):
        with pytest.raises(TrustError, match="PROOF_INVALID"):
            verify_inclusion(leaf, index, size, wrong, roots[size])
    other = data.draw(st.integers(0, size - 1).filter(lambda at: at != index))
    with pytest.raises(TrustError):
        verify_inclusion(leaf, other, size, proof, roots[size])
    with pytest.raises(TrustError):
        verify_inclusion(leaf_hash(b"another"), index, size, proof, roots[size])


@given(st.data())
def test_a_consistency_proof_proves_nothing_else(data: st.DataObject) -> None:
    _, roots = numbered()
    new = data.draw(st.integers(2, MOST))
    old = data.draw(st.integers(1, new - 1))
    proof = consistency_proof(old, new, read)
    at = data.draw(st.integers(0, len(proof) - 1))
    broken = [*proof[:at], bytes(32), *proof[at + 1 :]]
    for wrong in (broken, proof[:-1], [*proof, bytes(32)], []):
        with pytest.raises(TrustError, match="PROOF_INVALID"):
            verify_consistency(old, new, wrong, roots[old], roots[new])
    with pytest.raises(TrustError):
        verify_consistency(old, new, proof, roots[new], roots[new])
    with pytest.raises(TrustError):
        verify_consistency(old, new, proof, roots[old], roots[old])


@pytest.mark.parametrize(("index", "size"), [(-1, 4), (4, 4), (0, 0)])
def test_there_is_no_proof_of_a_leaf_that_is_not_there(index: int, size: int) -> None:
    with pytest.raises(TrustError):
        inclusion_proof(index, size, read)
    with pytest.raises(TrustError):
        verify_inclusion(bytes(32), index, size, [], bytes(32))


@pytest.mark.parametrize(("old", "new"), [(-1, 4), (5, 4)])
def test_a_tree_does_not_shrink(old: int, new: int) -> None:
    with pytest.raises(TrustError):
        consistency_proof(old, new, read)
    with pytest.raises(TrustError):
        verify_consistency(old, new, [], EMPTY_ROOT, EMPTY_ROOT)


def test_the_empty_tree_begins_every_tree_and_has_one_root() -> None:
    _, roots = numbered()
    verify_consistency(0, 7, [], EMPTY_ROOT, roots[7])
    with pytest.raises(TrustError):
        verify_consistency(0, 7, [], roots[1], roots[7])


@given(st.integers(0, MOST), st.integers(0, MOST))
def test_a_frontier_goes_on_where_another_ended(first: int, second: int) -> None:
    whole, part = Frontier(), Frontier()
    for number in range(first):
        whole.append(leaf_hash(b"%d" % number))
        part.append(leaf_hash(b"%d" % number))
    resumed = Frontier.from_hashes(part.size, part.hashes)
    for number in range(second):
        whole.append(leaf_hash(b"%d" % number))
        resumed.append(leaf_hash(b"%d" % number))
    assert resumed.root() == whole.root()
    assert part.size == first


def test_a_frontier_that_does_not_fit_its_size_is_refused() -> None:
    with pytest.raises(TrustError, match="tree of 3 leaves"):
        Frontier.from_hashes(3, [bytes(32)])
    with pytest.raises(TrustError):
        Frontier.from_hashes(1, [bytes(31)])


def test_an_independent_tree_finds_the_same_pairs_consistent() -> None:
    """All old <= new <= 70, and random ones of larger trees."""
    entries, roots = numbered()
    oracle = InmemoryTree(algorithm="sha256")
    oracle.append_entries(list(entries))
    drawn = random.Random(6962)
    chosen = [(old, new) for new in range(1, 71) for old in range(1, new + 1)]
    chosen += [(drawn.randint(1, new), new) for new in drawn.choices(range(71, MOST + 1), k=300)]
    for old, new in chosen:
        ours, theirs = consistency_proof(old, new, read), oracle.prove_consistency(old, new)
        theirs.verify(roots[old], roots[new], prior_size=old, later_size=new)
        verify_consistency(old, new, ours, roots[old], roots[new])
        if old < new:
            with pytest.raises(TrustError):
                verify_consistency(old, new, ours, roots[old - 1], roots[new])
            with pytest.raises(InvalidProof):
                theirs.verify(roots[old - 1], roots[new])
