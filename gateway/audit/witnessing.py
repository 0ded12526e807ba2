# SPDX-License-Identifier: Apache-2.0
"""Asking one witness for a cosignature (c2sp.org/tlog-witness, the log's side).

Rules:

1. The witness says what it knows: a conflict (409) names the size, and the proof starts there.
2. A cosignature is verified over our checkpoint before it is worth anything.
3. A witness that knows a longer log than we have, or finds no continuation, has seen another log.
   That is TrustError, and no reason to try other proofs.
"""

from collections.abc import Callable, Sequence
from typing import Final, final

import aiohttp

from gateway.audit.outside import OutsideAnswer, post
from gateway.errors import AuditError, TrustError
from gateway.tlog.cosignature import verify_cosignature
from gateway.tlog.note import NoteVerifier, format_signature, parse_signature
from gateway.tlog.submission import SIZE_TYPE, Submission, format_submission, parse_size

LIMIT_S: Final = 5.0
_TRY_COUNT: Final = 3
_OK: Final = 200
_CONFLICT: Final = 409
_TOO_MANY: Final = 429
_FAULT: Final = 500

#: Proves that the tree of the first size begins that of the second.
Prover = Callable[[int, int], Sequence[bytes]]


@final
class WitnessClient:
    """One witness, and what it is known to have seen.

    Args:
        url: its submission prefix.
        key: of type 0x04.
        prove: reads the log.
    """

    def __init__(
        self, url: str, key: NoteVerifier, session: aiohttp.ClientSession, prove: Prover
    ) -> None:
        self._key: Final = key
        self._url: Final = f"{url.rstrip('/')}/add-checkpoint"
        self._session: Final = session
        self._prove: Final = prove
        self._known_size = 0

    async def cosign(self, size: int, note: bytes) -> tuple[str, int]:
        """Have a checkpoint cosigned.

        Returns:
            The signature line, without its newline, and its time in UNIX seconds.

        Raises:
            AuditError: the witness is away, or the log cannot be read.
            TrustError: it refuses, or what it answers does not verify.
        """
        old_size = min(self._known_size, size)
        for _ in range(_TRY_COUNT):
            proof = tuple(self._prove(old_size, size))
            answer = await post(
                self._session,
                self._url,
                format_submission(Submission(old_size, proof, note)),
                content_type="text/plain; charset=utf-8",
                limit_s=LIMIT_S,
            )
            if answer.status == _OK:
                taken = self._take(answer.body, note)
                self._known_size = size
                return taken
            old_size = self._told_size(answer, old_size, size)
        raise AuditError("AUDIT_UNAVAILABLE", "the witness says another size each time")

    def _told_size(self, answer: OutsideAnswer, old_size: int, size: int) -> int:
        """The size to start from instead, if that is what the answer tells."""
        if answer.status >= _FAULT or answer.status == _TOO_MANY:
            raise AuditError("AUDIT_UNAVAILABLE", f"the witness answers {answer.status}")
        if answer.status != _CONFLICT or answer.content_type != SIZE_TYPE:
            raise TrustError("PROOF_INVALID", f"the witness refuses with {answer.status}")
        told = parse_size(answer.body)
        if told > size or told == old_size:
            raise TrustError("PROOF_INVALID", f"the witness knows another log of {told} entries")
        return told

    def _take(self, body: bytes, note: bytes) -> tuple[str, int]:
        try:
            lines = [parse_signature(line) for line in body.decode().removesuffix("\n").split("\n")]
        except UnicodeDecodeError:
            raise TrustError("PROOF_INVALID", "the witness answers no signature lines") from None
        key = self._key
        for signature in lines:
            if (signature.name, signature.key_id) == (key.name, key.key_id):
                line = format_signature(signature)
                return line, verify_cosignature(note + f"{line}\n".encode(), key)
        raise TrustError("PROOF_INVALID", "the witness answers no cosignature of its key")
