# SPDX-License-Identifier: Apache-2.0
"""Our log against golang.org/x/mod (`sumdb/note`, `sumdb/tlog`), which runs Go's checksum database.

It opens our notes, checks our proofs, and reads an exported folder to the last entry. Debian has it
as golang-golang-x-mod-dev; where Go or the library is missing, the reason is shown.
"""

import os
import random
import shutil
import subprocess
from base64 import b64encode
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.audit.export import export_log, locked
from gateway.audit.log import Log
from gateway.audit.store.sqlite import SqliteStore
from gateway.crypto.keys import generate_private_key
from gateway.tlog.checkpoint import sign_checkpoint
from gateway.tlog.cosignature import sign_cosignature
from gateway.tlog.merkle import (
    Frontier,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
)
from gateway.tlog.note import (
    COSIGNER_KEY,
    Note,
    NoteSigner,
    format_note,
    parse_note,
    parse_signature,
    parse_vkey,
    verify_note,
)

PEER = Path(__file__).parent / "go/main.go"
GOPATH = Path("/usr/share/gocode")
BUILD_S = 120
RUN_S = 60
SIGNER = NoteSigner.from_pem("log.example/a", generate_private_key("ed25519"))
WITNESS = NoteSigner.from_pem("witness.example/1", generate_private_key("ed25519"), COSIGNER_KEY)
MOST = 300

# The example of x/mod's sumdb/note.
VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
NOTE = """If you think cryptography is the answer to your problem,
then you don't know what your problem is.

— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
""".encode()  # noqa: E501 - as published


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Go program, built."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("go is not on the PATH")
    if not (GOPATH / "src/golang.org/x/mod/sumdb").is_dir():
        pytest.skip("golang.org/x/mod is not installed (Debian: golang-golang-x-mod-dev)")
    target = tmp_path_factory.mktemp("go") / "peer"
    subprocess.run(
        [go, "build", "-o", str(target), str(PEER)],
        env={**os.environ, "GO111MODULE": "off", "GOPATH": str(GOPATH), "GOFLAGS": ""},
        check=True,
        timeout=BUILD_S,
    )
    return target


def ask(peer: Path, **order: Any) -> dict[str, int] | str:
    """What the peer counted, or what did not hold."""
    done = subprocess.run(
        [peer],
        input=msgspec.json.encode({"Vkey": SIGNER.public.vkey, **order}),
        capture_output=True,
        check=False,
        timeout=RUN_S,
    )
    if done.returncode:
        return done.stderr.decode()
    counted: dict[str, int] = msgspec.json.decode(done.stdout)
    return counted


class Tree:
    """A log in memory that remembers the root of each size."""

    def __init__(self, size: int) -> None:
        frontier = Frontier()
        self.roots = [frontier.root()]
        self.hashes: dict[tuple[int, int], bytes] = {}
        for index in range(size):
            for level, node in enumerate(frontier.append(leaf_hash(entry(index)))):
                self.hashes[level, index >> level] = node
            self.roots.append(frontier.root())

    def read(self, level: int, index: int) -> bytes:
        return self.hashes[level, index]

    def inclusion(self, index: int, size: int) -> dict[str, Any]:
        hashes = inclusion_proof(index, size, self.read)
        return {
            "Index": index, "Size": size, "Entry": text(entry(index)),
            "Root": text(self.roots[size]), "Hashes": [text(one) for one in hashes],
        }  # fmt: skip

    def consistency(self, old: int, new: int) -> dict[str, Any]:
        hashes = consistency_proof(old, new, self.read)
        return {
            "Old": old, "New": new, "OldRoot": text(self.roots[old]),
            "NewRoot": text(self.roots[new]), "Hashes": [text(one) for one in hashes],
        }  # fmt: skip


def entry(index: int) -> bytes:
    return b'{"entry":%d}' % index


def text(raw: bytes) -> str:
    return b64encode(raw).decode()


TREE = Tree(MOST)


def test_the_note_of_its_documentation_is_ours() -> None:
    assert verify_note(NOTE, parse_vkey(VKEY)).startswith("If you think cryptography")


def test_it_opens_our_checkpoints_also_with_lines_that_it_does_not_know(peer: Path) -> None:
    checkpoint = sign_checkpoint(7, TREE.roots[7], SIGNER)
    parsed = parse_note(checkpoint)
    line = parse_signature(sign_cosignature(checkpoint, WITNESS, 1_795_376_508))
    cosigned = format_note(Note(parsed.text, (line, *parsed.signatures)))
    assert ask(peer, Notes=[text(checkpoint), text(cosigned)]) == {
        "notes": 2,
        "inclusion": 0,
        "consistency": 0,
    }
    forged = checkpoint.replace(b"\n7\n", b"\n8\n")
    assert "invalid signature" in str(ask(peer, Notes=[text(forged)]))


def test_it_accepts_each_of_our_proofs(peer: Path) -> None:
    drawn = random.Random(6962)
    sizes = drawn.choices(range(71, MOST + 1), k=200)
    inclusion = [TREE.inclusion(index, size) for size in range(1, 71) for index in range(size)]
    inclusion += [TREE.inclusion(drawn.randrange(size), size) for size in sizes]
    # Of an empty tree x/mod knows no consistency.
    consistency = [TREE.consistency(old, new) for new in range(1, 71) for old in range(1, new + 1)]
    consistency += [TREE.consistency(drawn.randint(1, new), new) for new in sizes]
    assert ask(peer, Inclusion=inclusion, Consistency=consistency) == {
        "notes": 0,
        "inclusion": 2485 + 200,
        "consistency": 2485 + 200,
    }


def test_it_refuses_what_we_refuse(peer: Path) -> None:
    good = TREE.inclusion(5, 70)
    assert isinstance(ask(peer, Inclusion=[good]), dict)
    for wrong in (
        {"Index": 6},
        {"Size": 64},
        {"Entry": text(b"x")},
        {"Hashes": good["Hashes"][1:]},
    ):
        assert isinstance(ask(peer, Inclusion=[good | wrong]), str), wrong
    proof = TREE.consistency(33, 70)
    for wrong in ({"Old": 32}, {"New": 64}, {"OldRoot": text(bytes(32))}):
        assert isinstance(ask(peer, Consistency=[proof | wrong]), str), wrong


@pytest.mark.parametrize("sizes", [(1,), (255, 256, 257), (700,), (300, 66_000)])
def test_it_reads_an_exported_folder_to_the_last_entry(
    peer: Path, tmp_path: Path, sizes: tuple[int, ...]
) -> None:
    store = SqliteStore.open(tmp_path / "log", SIGNER.public)
    log, folder = Log(store, SIGNER), tmp_path / "export"
    try:
        for size in sizes:
            log.append([entry(index) for index in range(log.size, size)])
            last = log.reader.last_checkpoint()
            assert last is not None
            with locked(folder):
                export_log(log.reader, last[1], SIGNER.public, folder)
    finally:
        store.close()
    counted = ask(peer, Folder=str(folder))
    assert isinstance(counted, dict), counted
    assert counted["entries"] == sizes[-1]
    bundle = max((folder / "tile/entries").rglob("[0-9]*"))
    content = bytearray(bundle.read_bytes())
    content[-1] ^= 1
    bundle.write_bytes(content)
    assert isinstance(ask(peer, Folder=str(folder)), str)
