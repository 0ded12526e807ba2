# SPDX-License-Identifier: Apache-2.0
"""What a log sends to a witness (c2sp.org/tlog-witness, `add-checkpoint`).

::

    old <size, decimal>
    <base64 of a hash of the consistency proof>      0 to 63
    <empty line>
    <checkpoint: a signed note>

`parse_submission` refuses what `format_submission` would not write. Nothing is verified.
"""

import re
from typing import Final

import msgspec

from gateway.crypto.digest import b64_decode, b64_encode
from gateway.errors import TrustError
from gateway.tlog.checkpoint import MAX_SIZE

MAX_PROOF_COUNT: Final = 63
#: What a witness answers with where the old size is not the one that it knows: that size.
SIZE_TYPE: Final = "text/x.tlog.size"
_OLD: Final = re.compile(r"old (0|[1-9][0-9]{0,18})")
_HASH: Final = re.compile(r"[A-Za-z0-9+/]{43}=")
_SIZE: Final = re.compile(rb"(0|[1-9][0-9]{0,18})\n")


class Submission(msgspec.Struct, frozen=True):
    """A checkpoint, and the proof that the log has only grown since.

    Attributes:
        old_size: of the checkpoint that the witness knows; 0 for none.
        proof: RFC 6962 consistency proof, hashes of 32 bytes.
        note: the signed checkpoint, as bytes.
    """

    old_size: int
    proof: tuple[bytes, ...]
    note: bytes


def format_submission(submission: Submission) -> bytes:
    """Write the body of a request."""
    lines = [f"old {submission.old_size}", *map(b64_encode, submission.proof), "", ""]
    return "\n".join(lines).encode() + submission.note


def parse_submission(body: bytes) -> Submission:
    """Read the body of a request.

    Raises:
        TrustError: malformed.
    """
    head, blank, note = body.partition(b"\n\n")
    try:
        old, *lines = head.decode("ascii").split("\n")
        proof = tuple(b64_decode(line) for line in lines if _HASH.fullmatch(line))
    except ValueError:
        raise TrustError("PROOF_INVALID", "submission: not ASCII, or not canonical") from None
    size = _OLD.fullmatch(old)
    if not blank or size is None or len(proof) != len(lines) or len(proof) > MAX_PROOF_COUNT:
        raise TrustError("PROOF_INVALID", "submission: not an old size, hashes and a checkpoint")
    if int(size[1]) > MAX_SIZE:
        raise TrustError("PROOF_INVALID", "submission: size out of range")
    return Submission(int(size[1]), proof, note)


def format_size(size: int) -> bytes:
    """Write the body of a conflict: the size that the witness knows."""
    return b"%d\n" % size


def parse_size(body: bytes) -> int:
    """Read the body of a conflict.

    Raises:
        TrustError: malformed.
    """
    match = _SIZE.fullmatch(body)
    if match is None or int(match[1]) > MAX_SIZE:
        raise TrustError("PROOF_INVALID", "conflict: not a size")
    return int(match[1])
