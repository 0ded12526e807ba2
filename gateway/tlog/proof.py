# SPDX-License-Identifier: Apache-2.0
"""Proofs that an entry is in a log, to be verified offline (c2sp.org/tlog-proof@v1).

::

    c2sp.org/tlog-proof@v1
    extra <base64>                       only where there is any; nothing vouches for it
    index <decimal>
    <base64 of a hash>                   0 to 63, from the leaf's sibling to the root's child
    <empty line>
    <checkpoint: a signed note, verbatim>

Rules:

1. `parse_proof` refuses what `format_proof` would not write, the checkpoint included.
2. What was parsed is not verified: for that the entry and the log's key come from elsewhere.
"""

import re
from typing import Final

import msgspec

from gateway.crypto.digest import b64_decode, b64_encode
from gateway.errors import TrustError
from gateway.tlog.checkpoint import MAX_SIZE, Checkpoint, parse_checkpoint, verify_checkpoint
from gateway.tlog.merkle import HASH_BYTES, HashReader, inclusion_proof, leaf_hash, verify_inclusion
from gateway.tlog.note import NoteVerifier, parse_note
from gateway.tlog.policy import Policy, verify_witnessed

MAX_HASH_COUNT: Final = 63
_HEADER: Final = "c2sp.org/tlog-proof@v1"
_HEAD: Final = re.compile(
    rf"{re.escape(_HEADER)}\n(?:extra ([A-Za-z0-9+/]+={{0,2}})\n)?index (0|[1-9][0-9]{{0,18}})\n"
    r"((?:[A-Za-z0-9+/]{43}=\n)*)"
)


class Proof(msgspec.Struct, frozen=True):
    """A proof of inclusion with the checkpoint that it leads to.

    Attributes:
        index: of the entry.
        hashes: of 32 bytes, from the leaf's sibling to the root's child.
        checkpoint: a signed note.
        extra: not authenticated; None where there is nothing, never empty.
    """

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None


def make_proof(index: int, checkpoint: bytes, read: HashReader) -> Proof:
    """Prove that an entry is in the tree of a checkpoint.

    Args:
        checkpoint: a signed note.
        read: hashes of that tree.

    Raises:
        TrustError: the checkpoint is malformed, or does not reach so far.
    """
    size = parse_checkpoint(parse_note(checkpoint).text).size
    return Proof(index, tuple(inclusion_proof(index, size, read)), checkpoint)


def format_proof(proof: Proof) -> bytes:
    """Write a proof.

    Raises:
        TrustError: `parse_proof` would not read it.
    """
    extra = [] if proof.extra is None else [f"extra {b64_encode(proof.extra)}"]
    lines = [_HEADER, *extra, f"index {proof.index}", *map(b64_encode, proof.hashes), "", ""]
    written = "\n".join(lines).encode() + proof.checkpoint
    if parse_proof(written) != proof:
        raise TrustError("PROOF_INVALID", "not a proof that can be read again")
    return written


def parse_proof(content: bytes) -> Proof:
    """Read a proof. Nothing is verified.

    Raises:
        TrustError: malformed.
    """
    head, blank, checkpoint = content.partition(b"\n\n")
    match = _HEAD.fullmatch(head.decode("latin-1") + "\n")
    if match is None or not blank:
        raise TrustError("PROOF_INVALID", "proof: not a header, an index, hashes and a checkpoint")
    try:
        extra = None if match[1] is None else b64_decode(match[1])
        hashes = tuple(map(b64_decode, match[3].split()))
    except ValueError:
        raise TrustError("PROOF_INVALID", "proof: base64 is not canonical") from None
    index = int(match[2])
    if len(hashes) > MAX_HASH_COUNT or index >= MAX_SIZE:
        raise TrustError("PROOF_INVALID", "proof: an index or a number of hashes out of range")
    assert all(len(one) == HASH_BYTES for one in hashes)  # 43 characters and one sign
    parse_checkpoint(parse_note(checkpoint).text)
    return Proof(index, hashes, checkpoint, extra)


def verify_proof(
    proof: Proof, entry: bytes, key: NoteVerifier, policy: Policy | None = None
) -> Checkpoint:
    """Check that an entry is in a log.

    Args:
        entry: its exact bytes.
        key: of the log.
        policy: which witnesses must have cosigned; None where there are none.

    Returns:
        The checkpoint, signed by the log, that the entry is under.

    Raises:
        TrustError: it is not proved; names what does not hold.
    """
    checkpoint = verify_checkpoint(proof.checkpoint, key)
    if policy is not None:
        verify_witnessed(proof.checkpoint, policy)
    verify_inclusion(leaf_hash(entry), proof.index, checkpoint.size, proof.hashes, checkpoint.root)
    return checkpoint
