# SPDX-License-Identifier: Apache-2.0
"""The one thing that a witness does (c2sp.org/tlog-witness, `add-checkpoint`).

Rules:

1. A checkpoint is cosigned only if the log signed it and it continues, by proof, the newest one
   that was cosigned. What is cosigned has been stored before.
2. The order of the checks is the standard's: form (400), origin (404), signature (403), sizes
   (400), what was seen (409), roots and proof (422).
3. The same checkpoint may be sent again: its sender may have lost the answer.
"""

from collections.abc import Callable
from typing import Final, final

import msgspec
import structlog

from gateway.errors import TrustError
from gateway.tlog.checkpoint import Checkpoint, parse_checkpoint
from gateway.tlog.cosignature import sign_cosignature
from gateway.tlog.merkle import EMPTY_ROOT, verify_consistency
from gateway.tlog.note import (
    Note,
    NoteSigner,
    NoteVerifier,
    parse_note,
    signatures_by,
    verify_note,
)
from gateway.tlog.submission import SIZE_TYPE, Submission, format_size, parse_submission
from gateway.witness.state import Head, State

_TEXT: Final = "text/plain; charset=utf-8"
_log = structlog.get_logger()


class Answer(msgspec.Struct, frozen=True):
    """What is answered: cosignature lines with status 200, or why not."""

    status: int
    body: bytes
    content_type: str = _TEXT


@final
class Witness:
    """A key, and what it has seen.

    Args:
        signer: of type 0x04.
        state: where it is kept.
        clock: UNIX seconds.
    """

    def __init__(self, signer: NoteSigner, state: State, clock: Callable[[], float]) -> None:
        self._signer: Final = signer
        self._state: Final = state
        self._clock: Final = clock

    def add_checkpoint(self, body: bytes) -> Answer:
        """Cosign a checkpoint, or say why not.

        Raises:
            AuditError: the state cannot be read or written; nothing was cosigned.
        """
        try:
            submission = parse_submission(body)
            note = parse_note(submission.note)
            checkpoint = parse_checkpoint(note.text)
        except TrustError as error:
            return _refuse(400, error.detail)
        keys = self._state.keys(checkpoint.origin)
        if not keys:
            return _refuse(404, "this log is not watched here")
        if not _is_signed(submission.note, note, keys):
            return _refuse(403, "not signed by a key of this log")
        if submission.old_size > checkpoint.size:
            return _refuse(400, "the old size is greater than the checkpoint's")
        refused = self._advance(submission, checkpoint)
        if refused is not None:
            return refused
        line = sign_cosignature(submission.note, self._signer, int(self._clock()))
        return Answer(200, f"{line}\n".encode())

    def _advance(self, submission: Submission, checkpoint: Checkpoint) -> Answer | None:
        """Compare with what was seen, and store; the answer if it is refused."""
        contradicted: list[bytes] = []

        def judge(known: Head) -> Head | Answer:
            if submission.old_size != known.size:
                return Answer(409, format_size(known.size), SIZE_TYPE)
            if (known.size, known.root) == (checkpoint.size, checkpoint.root):
                return known if not submission.proof else _refuse(422, "a proof of nothing")
            try:
                _verify(known, checkpoint, submission.proof)
            except TrustError as error:
                if known.note and known.size == checkpoint.size:
                    contradicted.append(known.note)
                return _refuse(422, error.detail)
            return Head(checkpoint.size, checkpoint.root, submission.note)

        ruled = self._state.advance(checkpoint.origin, judge)
        if contradicted:
            _log.error("a log contradicts itself", origin=checkpoint.origin, size=checkpoint.size)
            self._state.keep_evidence(checkpoint.origin, *contradicted, submission.note)
        return ruled if isinstance(ruled, Answer) else None


def _verify(known: Head, checkpoint: Checkpoint, proof: tuple[bytes, ...]) -> None:
    if not checkpoint.size and checkpoint.root != EMPTY_ROOT:
        raise TrustError("PROOF_INVALID", "the root of an empty log is another")
    verify_consistency(known.size, checkpoint.size, proof, known.root, checkpoint.root)


def _is_signed(submitted: bytes, note: Note, keys: tuple[NoteVerifier, ...]) -> bool:
    """Whether keys of the log have signed, and each of those that did rightly."""
    signers = [key for key in keys if signatures_by(note, key)]
    try:
        for key in signers:
            verify_note(submitted, key)
    except TrustError:
        return False
    return bool(signers)


def _refuse(status: int, why: str) -> Answer:
    return Answer(status, f"{why}\n".encode())
