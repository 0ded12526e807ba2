# SPDX-License-Identifier: Apache-2.0
"""Logs in memory that say whatever a test has them say."""

from collections.abc import Sequence

from gateway.crypto.keys import generate_private_key
from gateway.tlog.checkpoint import sign_checkpoint
from gateway.tlog.merkle import Frontier, consistency_proof, leaf_hash
from gateway.tlog.note import COSIGNER_KEY, NoteSigner
from gateway.tlog.submission import Submission, format_submission

ORIGIN = "audit.example/node-1"
SIGNER = NoteSigner.from_pem(ORIGIN, generate_private_key("ed25519"))
WITNESS = NoteSigner.from_pem("witness.example/w1", generate_private_key("ed25519"), COSIGNER_KEY)


class MemoryLog:
    """A log that keeps every node; `fork_at` has entries from there on differ by `branch`."""

    def __init__(self, size: int, *, fork_at: int = 1 << 60, branch: str = "b") -> None:
        self._nodes: dict[tuple[int, int], bytes] = {}
        self._roots = [Frontier().root()]
        frontier = Frontier()
        for index in range(size):
            entry = f"{index}{branch if index >= fork_at else ''}".encode()
            for level, node in enumerate(frontier.append(leaf_hash(entry))):
                self._nodes[level, index >> level] = node
            self._roots.append(frontier.root())

    def root(self, size: int) -> bytes:
        return self._roots[size]

    def note(self, size: int, signer: NoteSigner = SIGNER) -> bytes:
        return sign_checkpoint(size, self._roots[size], signer)

    def proof(self, old: int, new: int) -> Sequence[bytes]:
        return consistency_proof(old, new, lambda level, n: self._nodes[level, n])

    def body(self, old: int, new: int) -> bytes:
        return format_submission(Submission(old, tuple(self.proof(old, new)), self.note(new)))
