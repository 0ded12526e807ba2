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
from typing import Final, final

import msgspec

from gateway.crypto.digest import b64_decode, b64_encode
from gateway.errors import TrustError
from gateway.tlog.note import NoteSigner, NoteVerifier, verify_note

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


@final
class CheckpointSigner:
    """Signs states of the log whose origin is the signer's name.

    What is the same in every note is prepared: a log is signed hundreds of times a second. That it
    can be read again needs no look at each, since a key's name is examined when the key is.
    """

    __slots__ = ("_head", "_key_id", "_line", "_sign")

    def __init__(self, signer: NoteSigner) -> None:
        self._sign: Final = signer.signer.sign
        self._head: Final = f"{signer.public.name}\n"
        self._line: Final = f"\n— {signer.public.name} "
        self._key_id: Final = signer.public.key_id

    def sign(self, size: int, root: bytes) -> bytes:
        """A signed note, as `sign_note` makes it of `format_checkpoint`'s text."""
        text = f"{self._head}{size}\n{b64_encode(root)}\n"
        signature = b64_encode(self._key_id + self._sign(text.encode()))
        return f"{text}{self._line}{signature}\n".encode()


def sign_checkpoint(size: int, root: bytes, signer: NoteSigner) -> bytes:
    """Sign one state of the log whose origin is the signer's name."""
    return CheckpointSigner(signer).sign(size, root)


def verify_checkpoint(note: bytes, key: NoteVerifier) -> Checkpoint:
    """Check a signed checkpoint of the log whose origin is the key's name.

    Raises:
        TrustError: malformed, of another log, or not signed by its key.
    """
    checkpoint = parse_checkpoint(verify_note(note, key))
    if checkpoint.origin != key.name:
        raise TrustError("PROOF_INVALID", "checkpoint: of another log")
    return checkpoint
