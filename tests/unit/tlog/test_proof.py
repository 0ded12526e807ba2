# SPDX-License-Identifier: Apache-2.0
"""Proofs of inclusion: the form of the specification, round trips, and what proves nothing."""

import re
from functools import cache
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.crypto.keys import generate_private_key
from gateway.errors import TrustError
from gateway.tlog.checkpoint import sign_checkpoint
from gateway.tlog.merkle import Frontier, leaf_hash
from gateway.tlog.note import NoteSigner, parse_vkey
from gateway.tlog.policy import parse_policy
from gateway.tlog.proof import Proof, format_proof, make_proof, parse_proof, verify_proof

LOG = NoteSigner.from_pem("log.example/a", generate_private_key("ed25519"))
SIZE = 70

# The head of the example of c2sp.org/tlog-proof, whose signatures are cut there; the checkpoint is
# that of c2sp.org/tlog-cosignature. Its `extra` is one character short of base64 and left out.
EXAMPLE = """c2sp.org/tlog-proof@v1
index 73894
gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=
B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=
EKNzoDWG8LGC0Yp9o+sv3qllpMP9uHQ9B20KNL+Q1zs=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
""".encode()  # noqa: E501 - as published


def entry(index: int) -> bytes:
    return b"entry %d" % index


@cache
def tree(size: int) -> tuple[bytes, dict[tuple[int, int], bytes]]:
    """The signed checkpoint of a log of that size, and all its hashes."""
    frontier, found = Frontier(), {}
    for index in range(size):
        for level, node in enumerate(frontier.append(leaf_hash(entry(index)))):
            found[level, index >> level] = node
    return sign_checkpoint(size, frontier.root(), LOG), found


def proof_of(index: int, size: int = SIZE) -> Proof:
    checkpoint, hashes = tree(size)
    return make_proof(index, checkpoint, lambda level, at: hashes[level, at])


def test_the_example_of_the_specification_is_read_and_written_the_same() -> None:
    proof = parse_proof(EXAMPLE)
    assert (proof.index, len(proof.hashes), proof.extra) == (73894, 3, None)
    assert format_proof(proof) == EXAMPLE


def test_every_entry_of_every_small_log_is_proved() -> None:
    for size in (1, 2, 3, 7, 8, 9, SIZE):
        for index in range(size):
            written = format_proof(proof_of(index, size))
            checkpoint = verify_proof(parse_proof(written), entry(index), LOG.public)
            assert (checkpoint.origin, checkpoint.size) == ("log.example/a", size)


@given(
    st.integers(0, 2**62),
    st.lists(st.binary(min_size=32, max_size=32), max_size=63),
    st.none() | st.binary(min_size=1, max_size=50),
)
def test_a_proof_is_read_as_it_was_written(
    index: int, hashes: list[bytes], extra: bytes | None
) -> None:
    proof = Proof(index, tuple(hashes), tree(3)[0], extra)
    assert parse_proof(format_proof(proof)) == proof


@given(st.integers(0, len(EXAMPLE) - 1), st.binary(max_size=2))
def test_what_is_read_is_written_the_same(at: int, put_in: bytes) -> None:
    content = EXAMPLE[:at] + put_in + EXAMPLE[at + 1 :]
    try:
        proof = parse_proof(content)
    except TrustError:
        return
    assert format_proof(proof) == content


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"@v1", b"@v2"),
        (b"c2sp.org", b"\nc2sp.org"),
        (b"index 73894", b"index 073894"),
        (b"index 73894", b"index -1"),
        (b"index 73894", b"index 9223372036854775807"),
        (b"index 73894\n", b""),
        (b"index 73894", b"extra \nindex 73894"),
        (b"index 73894", b"extra QUJ=\nindex 73894"),  # spare bits that are not zero
        (b"index 73894", b"extra QUI=\nextra QUI=\nindex 73894"),
        (b"index 73894", b"index 73894\nextra QUI="),
        (b"PlQ=", b"PlR="),
        (b"PlQ=\n", b"PlQ= \n"),
        (b"PlQ=\n", b"PlQ=\r\n"),
        (b"PlQ=\n", b"PlQ\n"),
        (b"1zs=\n\n", b"1zs=\n"),
        (b"1zs=\n\n", b"1zs=\n\n\n"),
        (b"20852163", b"020852163"),
        (b"\n\n\xe2\x80\x94", b"\nextension\n\n\xe2\x80\x94"),
    ],
)
def test_malformed_proofs_are_refused(old: bytes, new: bytes) -> None:
    assert old in EXAMPLE
    with pytest.raises(TrustError, match="PROOF_INVALID"):
        parse_proof(EXAMPLE.replace(old, new))


@pytest.mark.parametrize(
    "changes",
    [
        {"index": -1},
        {"hashes": (bytes(31),)},
        {"hashes": (bytes(32),) * 64},
        {"extra": b""},
        {"checkpoint": b"text\n"},
    ],
)
def test_what_could_not_be_read_is_not_written(changes: dict[str, object]) -> None:
    with pytest.raises(TrustError):
        format_proof(msgspec.structs.replace(proof_of(3), **changes))


def test_a_proof_proves_its_entry_at_its_index_and_nothing_else() -> None:
    proof = proof_of(3)
    for wrong in (
        msgspec.structs.replace(proof, index=2),
        msgspec.structs.replace(proof, hashes=proof.hashes[:-1]),
        msgspec.structs.replace(proof, hashes=(*proof.hashes, bytes(32))),
        msgspec.structs.replace(proof, checkpoint=tree(69)[0]),
    ):
        with pytest.raises(TrustError):
            verify_proof(wrong, entry(3), LOG.public)
    with pytest.raises(TrustError, match="not proved"):
        verify_proof(proof, entry(2), LOG.public)
    stranger = NoteSigner.from_pem("log.example/a", generate_private_key("ed25519"))
    with pytest.raises(TrustError, match="not signed"):
        verify_proof(proof, entry(3), stranger.public)


def test_where_witnesses_are_asked_for_the_log_alone_is_not_enough() -> None:
    witness = NoteSigner.from_pem("w.example/1", generate_private_key("ed25519"), 4)
    policy = parse_policy(f"witness w {witness.public.vkey}\nquorum w\n".encode())
    with pytest.raises(TrustError, match="no quorum"):
        verify_proof(proof_of(3), entry(3), LOG.public, policy)
    verify_proof(proof_of(3), entry(3), LOG.public, parse_policy(b"quorum none\n"))


def test_there_is_no_proof_beyond_the_checkpoint() -> None:
    with pytest.raises(TrustError, match="no leaf 70"):
        proof_of(SIZE)


def test_the_examples_of_the_documentation_hold() -> None:
    page = Path(__file__).parents[3] / "docs/reference/log.md"
    vkeys, note, _, policy, proof, _ = re.findall(r"(?ms)^```text\n(.*?)^```$", page.read_text())
    parsed = parse_proof(proof.encode())
    assert parsed.checkpoint == note.encode()
    verify_proof(parsed, b"entry 5", parse_vkey(vkeys.split()[0]), parse_policy(policy.encode()))
