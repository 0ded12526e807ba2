# SPDX-License-Identifier: Apache-2.0
"""Which words of outsiders go into a case: those about this very log, and about the entry.

The notary's state outlives a log that was restored or made anew. A word counts here only if the log
has that checkpoint, byte for byte, and the word verifies with a key that goes into the case. What
does not is left out: a case holds without it.
"""

from collections.abc import Iterable

from gateway.audit.store.notary import NotaryReader, Timestamp
from gateway.audit.store.reader import LogReader
from gateway.crypto.digest import sha256
from gateway.crypto.timestamp import TimestampAuthority
from gateway.errors import TrustError
from gateway.tlog.checkpoint import verify_checkpoint
from gateway.tlog.cosignature import verify_cosignature
from gateway.tlog.note import COSIGNER_KEY, NoteVerifier, parse_note, parse_vkey, signatures_by


def find_witnessed(
    log: LogReader, notary: NotaryReader, index: int, key: NoteVerifier, vkeys: Iterable[str]
) -> bytes | None:
    """The newest cosigned checkpoint, if it has the entry of that index.

    Args:
        key: of the log.
        vkeys: of the witnesses; one of them at least has to have cosigned it.

    Returns:
        The note with the cosignature lines; None where there is none that counts.

    Raises:
        AuditError: something cannot be read.
    """
    witnessed = notary.witnessed()
    if witnessed is None or witnessed.size <= index:
        return None
    note, ours = witnessed.note, log.checkpoint(witnessed.size)
    if ours is None or not note.startswith(ours):
        return None
    try:
        is_of_size = verify_checkpoint(note, key).size == witnessed.size
        parsed = parse_note(note)
        witnesses = [parse_vkey(vkey, COSIGNER_KEY) for vkey in vkeys]
        cosigners = [witness for witness in witnesses if signatures_by(parsed, witness)]
        for witness in cosigners:
            verify_cosignature(note, witness)
    except TrustError:
        return None
    return note if is_of_size and cosigners else None


def find_timestamp(
    log: LogReader, notary: NotaryReader, index: int, authority: tuple[bytes, bytes]
) -> tuple[Timestamp, bytes] | None:
    """The first timestamp over the entry of that index.

    Args:
        authority: X.509 certificates of the timestamp authority, those that were replaced behind
            the one of now; and their roots. PEM.

    Returns:
        It with the note that was stamped; None where there is none that counts.

    Raises:
        RequestError: X509_UNUSABLE.
        AuditError: something cannot be read.
    """
    for timestamp in notary.timestamps_over(index):
        note = log.checkpoint(timestamp.size)
        if note is None or sha256(note) != timestamp.digest:
            continue
        try:
            TimestampAuthority(*authority).verify(timestamp.reply, note)
        except TrustError:
            continue  # by an authority that nobody names any more
        return timestamp, note
    return None
