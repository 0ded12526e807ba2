# SPDX-License-Identifier: Apache-2.0
"""The RFC 6962 §2.1 Merkle tree over SHA-256: growing it, and proofs about it.

Rules:

1. A leaf hash is SHA-256(0x00 ‖ entry), a node SHA-256(0x01 ‖ left ‖ right); the root of the empty
   tree is SHA-256 of nothing. A tree of n leaves splits at the largest power of two below n.
2. Every complete subtree has a name: `(level, index)` spans the 2**level leaves from
   `index << level`. Those hashes never change once they exist, so proofs are made from them alone.
3. `verify_` functions raise and return nothing; they follow RFC 9162 §2.1.3.2 and §2.1.4.2.

No clock, no I/O. Where hashes are kept is the caller's affair (`HashReader`).
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, Self, final

from gateway.crypto.digest import sha256
from gateway.errors import TrustError

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = sha256(b"")

#: Reads the root of a complete subtree by `(level, index)`.
HashReader = Callable[[int, int], bytes]


def leaf_hash(entry: bytes) -> bytes:
    """Hash one entry as a leaf, 32 bytes."""
    return sha256(b"\x00" + entry)


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two subtree roots into their parent, 32 bytes."""
    return sha256(b"\x01" + left + right)


@final
class Frontier:
    """A growing tree as the roots of its complete subtrees, largest first: one a bit of size."""

    __slots__ = ("_hashes", "_size")

    def __init__(self) -> None:
        self._hashes: list[bytes] = []
        self._size = 0

    @classmethod
    def from_hashes(cls, size: int, hashes: Iterable[bytes]) -> Self:
        """Take up a tree of that many leaves again.

        Raises:
            TrustError: not one 32-byte hash for each bit that is set in `size`.
        """
        frontier = cls()
        frontier._hashes = list(hashes)
        frontier._size = size
        if size < 0 or [len(h) for h in frontier._hashes] != [HASH_BYTES] * size.bit_count():
            raise TrustError("PROOF_INVALID", f"frontier does not fit a tree of {size} leaves")
        return frontier

    @property
    def size(self) -> int:
        """Number of leaves."""
        return self._size

    @property
    def hashes(self) -> tuple[bytes, ...]:
        """What `from_hashes` takes."""
        return tuple(self._hashes)

    def append(self, leaf: bytes) -> list[bytes]:
        """Add one leaf hash, amortised O(1).

        Returns:
            Roots of the subtrees that this leaf completes: element l spans 2**l leaves.
        """
        completed = [leaf]
        carry = self._size
        while carry & 1:
            leaf = node_hash(self._hashes.pop(), leaf)
            completed.append(leaf)
            carry >>= 1
        self._hashes.append(leaf)
        self._size += 1
        return completed

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Add leaf hashes, as `append` does one."""
        hashes, size = self._hashes, self._size
        for node in leaves:
            carry = size
            while carry & 1:
                node = node_hash(hashes.pop(), node)  # noqa: PLW2901 - the subtree it completes
                carry >>= 1
            hashes.append(node)
            size += 1
        self._size = size

    def root(self) -> bytes:
        """The root over all leaves so far, 32 bytes."""
        return _fold(self._hashes)

    def copy(self) -> "Frontier":
        """A tree that grows apart from this one."""
        frontier = Frontier()
        frontier._hashes = self._hashes.copy()
        frontier._size = self._size
        return frontier


def inclusion_proof(index: int, size: int, read: HashReader) -> list[bytes]:
    """Prove that leaf `index` is in the tree of `size` leaves (RFC 6962 §2.1.1), leaf to root.

    Raises:
        TrustError: there is no such leaf.
    """
    if not 0 <= index < size:
        raise TrustError("PROOF_INVALID", f"no leaf {index} in a tree of {size}")
    proof: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            proof.append(_range_root(middle, end, read))
            end = middle
        else:
            proof.append(_range_root(start, middle, read))
            start = middle
    return proof[::-1]


def consistency_proof(old: int, new: int, read: HashReader) -> list[bytes]:
    """Prove that the tree of `old` leaves is the beginning of that of `new` (RFC 6962 §2.1.2).

    Raises:
        TrustError: not 0 <= old <= new.
    """
    if not 0 <= old <= new:
        raise TrustError("PROOF_INVALID", f"no consistency from {old} to {new} leaves")
    if old in (0, new):
        return []
    proof: list[bytes] = []
    start, end = 0, new
    while end != old:
        middle = start + _split(end - start)
        if old <= middle:
            proof.append(_range_root(middle, end, read))
            end = middle
        else:
            proof.append(_range_root(start, middle, read))
            start = middle
    if start:
        proof.append(_range_root(start, end, read))  # else it is the old root, which they know
    return proof[::-1]


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Check that `leaf` is leaf `index` of the tree of `size` leaves with that root.

    Raises:
        TrustError: it is not proved.
    """
    if not 0 <= index < size:
        raise TrustError("PROOF_INVALID", f"no leaf {index} in a tree of {size}")
    at, last, found = index, size - 1, leaf
    for sibling in _hashes_of(proof):
        if last == 0:
            raise TrustError("PROOF_INVALID", "inclusion proof is too long")
        if at & 1 or at == last:
            found = node_hash(sibling, found)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        at, last = at >> 1, last >> 1
    if last or found != root:
        raise TrustError("PROOF_INVALID", f"leaf {index} is not proved by this root")


def verify_consistency(
    old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes
) -> None:
    """Check that the tree of `old` leaves is the beginning of that of `new` leaves.

    Raises:
        TrustError: it is not proved.
    """
    hashes = _hashes_of(proof)
    if not 0 <= old <= new or (old in (0, new)) != (not hashes):
        raise TrustError("PROOF_INVALID", f"not a consistency proof from {old} to {new} leaves")
    if old == 0:
        agrees = old_root == EMPTY_ROOT
    elif old == new:
        agrees = old_root == new_root
    else:
        agrees = _roots(old, new, hashes, old_root) == (old_root, new_root)
    if not agrees:
        raise TrustError("PROOF_INVALID", f"trees of {old} and {new} leaves are not consistent")


def _roots(old: int, new: int, proof: list[bytes], old_root: bytes) -> tuple[bytes, bytes]:
    """The old and the new root as the proof has them (RFC 9162 §2.1.4.2)."""
    if old & (old - 1) == 0:
        proof = [old_root, *proof]
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    first = second = proof[0]
    for sibling in proof[1:]:
        if last == 0:
            raise TrustError("PROOF_INVALID", "consistency proof is too long")
        if at & 1 or at == last:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            second = node_hash(second, sibling)
        at, last = at >> 1, last >> 1
    if last:
        raise TrustError("PROOF_INVALID", "consistency proof is too short")
    return first, second


def _hashes_of(proof: Sequence[bytes]) -> list[bytes]:
    if any(len(sibling) != HASH_BYTES for sibling in proof):
        raise TrustError("PROOF_INVALID", "a proof holds hashes of 32 bytes")
    return list(proof)


def _split(count: int) -> int:
    """The largest power of two below `count`, which is at least 2."""
    return 1 << ((count - 1).bit_length() - 1)


def _range_root(start: int, end: int, read: HashReader) -> bytes:
    """Root over leaves `start` to `end`; `start` is a multiple of a power of two >= the count."""
    hashes: list[bytes] = []
    for level in reversed(range((end - start).bit_length())):
        if (end - start) >> level & 1:
            hashes.append(read(level, start >> level))
            start += 1 << level
    return _fold(hashes)


def _fold(hashes: Sequence[bytes]) -> bytes:
    """Join complete subtrees, largest first, into one root."""
    if not hashes:
        return EMPTY_ROOT
    root = hashes[-1]
    for left in hashes[-2::-1]:
        root = node_hash(left, root)
    return root
