# SPDX-License-Identifier: Apache-2.0
"""Cosignatures of witnesses (c2sp.org/tlog-cosignature@v1.0.1, Ed25519: `cosignature/v1`).

A cosignature says: at this time, the checkpoint was the largest consistent one that the witness had
seen of this log. It stands in the checkpoint's note as one more signature line::

    — <witness name> <base64 of 4-byte key id ‖ uint64 big-endian time ‖ 64-byte signature>

and is over::

    cosignature/v1
    time <the same time, decimal UNIX seconds>
    <the note's text>

Rules:

1. The key has type 0x04, so its id is another than that of the same key in a log's hands.
2. As in any note, one wrong signature of a known key sinks the note.
"""

import struct
from typing import Final

from gateway.errors import TrustError
from gateway.tlog.checkpoint import parse_checkpoint
from gateway.tlog.note import (
    NoteSignature,
    NoteSigner,
    NoteVerifier,
    format_signature,
    parse_note,
    signatures_by,
)

MAX_TIME_S: Final = (1 << 63) - 1
_STAMPED: Final = struct.Struct(">Q64s")


def sign_cosignature(note: bytes, signer: NoteSigner, time_s: int) -> str:
    """Cosign a checkpoint. Whether it may be cosigned is the caller's affair.

    Args:
        note: a signed checkpoint.
        signer: a key of type 0x04 (`COSIGNER_KEY`).
        time_s: UNIX seconds.

    Returns:
        The signature line, without its newline.

    Raises:
        TrustError: not a note of a checkpoint.
    """
    text, public = parse_note(note).text, signer.public
    parse_checkpoint(text)
    stamped = _STAMPED.pack(time_s, signer.signer.sign(_message(text, time_s)))
    return format_signature(NoteSignature(public.name, public.key_id, stamped))


def verify_cosignature(note: bytes, key: NoteVerifier) -> int:
    """Check that a witness cosigned a checkpoint.

    Args:
        key: of type 0x04 (`COSIGNER_KEY`).

    Returns:
        The newest time at which it did, UNIX seconds.

    Raises:
        TrustError: malformed, not cosigned by that key, or cosigned wrongly.
    """
    parsed = parse_note(note)
    times_s = [_verify(parsed.text, line, key) for line in signatures_by(parsed, key)]
    if not times_s:
        raise TrustError("PROOF_INVALID", f"checkpoint: not cosigned by {key.name}")
    return max(times_s)


def _verify(text: str, line: NoteSignature, key: NoteVerifier) -> int:
    if len(line.signature) != _STAMPED.size:
        raise TrustError("PROOF_INVALID", "cosignature: not a time and 64 bytes")
    time_s, signature = _STAMPED.unpack(line.signature)
    try:
        key.verifier.verify(signature, _message(text, time_s))
    except TrustError:
        raise TrustError(
            "PROOF_INVALID", f"cosignature: that of {key.name} does not verify"
        ) from None
    if time_s > MAX_TIME_S:
        raise TrustError("PROOF_INVALID", "cosignature: time out of range")
    return int(time_s)


def _message(text: str, time_s: int) -> bytes:
    return f"cosignature/v1\ntime {time_s}\n{text}".encode()
