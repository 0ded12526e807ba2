# SPDX-License-Identifier: Apache-2.0
"""Checkpoints (c2sp.org/tlog-checkpoint@v1.0.0): what a log vouches for, in a signed note.

::

    <origin>
    <size, decimal>
    <base64 of the root>

Rules:

1. The origin is the name of the log's key. No extension lines: nothing audits them.
2. Sizes are below 2**63, so that they fit everywhere.
3. `parse_checkpoint` refuses what `format_checkpoint` would not write.
"""

import re
from typing import Final

import msgspec

from gateway.crypto.digest import b64_decode, b64_encode
from gateway.errors import TrustError
from gateway.tlog.note import NoteSigner, NoteVerifier, sign_note, verify_note

MAX_SIZE: Final = (1 << 63) - 1
_TEXT: Final = re.compile(r"([^\s+]+)\n(0|[1-9][0-9]{0,18})\n([A-Za-z0-9+/]{43}=)\n")


class Checkpoint(msgspec.Struct, frozen=True):
    """The state of a log.

    Attributes:
        origin: the log's name.
        size: number of entries.
        root: RFC 6962 root over them, 32 bytes.
    """

    origin: str
    size: int
    root: bytes


def format_checkpoint(checkpoint: Checkpoint) -> str:
    """Write the text of a checkpoint."""
    return f"{checkpoint.origin}\n{checkpoint.size}\n{b64_encode(checkpoint.root)}\n"


def parse_checkpoint(text: str) -> Checkpoint:
    """Read the text of a checkpoint.

    Raises:
        TrustError: malformed.
    """
    match = _TEXT.fullmatch(text)
    if match is None:
        raise TrustError("PROOF_INVALID", "checkpoint: not origin, size and root")
    try:
        checkpoint = Checkpoint(match[1], int(match[2]), b64_decode(match[3]))
    except ValueError:
        raise TrustError("PROOF_INVALID", "checkpoint: root is not canonical base64") from None
    if checkpoint.size > MAX_SIZE:
        raise TrustError("PROOF_INVALID", "checkpoint: size out of range")
    return checkpoint


def sign_checkpoint(size: int, root: bytes, signer: NoteSigner) -> bytes:
    """Sign a state of the log whose origin is the signer's name."""
    return sign_note(format_checkpoint(Checkpoint(signer.public.name, size, root)), signer)


def verify_checkpoint(note: bytes, key: NoteVerifier) -> Checkpoint:
    """Check a signed checkpoint of the log whose origin is the key's name.

    Raises:
        TrustError: malformed, of another log, or not signed by its key.
    """
    checkpoint = parse_checkpoint(verify_note(note, key))
    if checkpoint.origin != key.name:
        raise TrustError("PROOF_INVALID", "checkpoint: of another log")
    return checkpoint
