# SPDX-License-Identifier: Apache-2.0
"""Whether what others vouched for (`gateway.audit.store.notary`) is about this very log.

Rules:

1. Whatever was cosigned or timestamped is a checkpoint that the log has, byte for byte.
2. A timestamp by an authority that nobody names any more can neither be verified nor fail. It is
   counted apart, and stands for nothing.
"""

import msgspec

from gateway.audit.store.notary import NotaryReader
from gateway.audit.store.reader import LogReader
from gateway.crypto.digest import sha256
from gateway.crypto.timestamp import TimestampAuthority
from gateway.errors import TrustError
from gateway.tlog.note import parse_note
from gateway.tlog.policy import Policy, verify_witnessed


class Vouchers(msgspec.Struct, frozen=True):
    """What was verified.

    Attributes:
        witnessed_size: entries under the newest checkpoint that the quorum cosigned.
        witness_count: witnesses that did.
        stamped_size: entries under the newest timestamp that was verified.
        timestamp_count: timestamps that were verified.
        by_others_count: timestamps by an authority whose X.509 certificate is not configured.
    """

    witnessed_size: int = 0
    witness_count: int = 0
    stamped_size: int = 0
    timestamp_count: int = 0
    by_others_count: int = 0


def verify_vouchers(
    log: LogReader,
    notary: NotaryReader,
    *,
    policy: Policy | None,
    authority: TimestampAuthority | None,
) -> Vouchers:
    """Verify cosignatures and timestamps against the log's own checkpoints.

    Raises:
        TrustError: PROOF_INVALID; names the checkpoint that others saw differently.
        AuditError: something cannot be read.
    """
    witnessed_size = witness_count = stamped_size = timestamp_count = by_others_count = 0
    newest = notary.witnessed()
    if policy is not None and newest is not None:
        text = parse_note(_checkpoint(log, newest.size)).text
        if parse_note(newest.note).text != text:
            raise _other(newest.size, "the witnesses cosigned another")
        witness_count = len(verify_witnessed(newest.note, policy))
        witnessed_size = newest.size
    if authority is not None:
        for timestamp in notary.timestamps():
            note = _checkpoint(log, timestamp.size)
            if timestamp.digest != sha256(note):
                raise _other(timestamp.size, "another was timestamped")
            try:
                if not authority.is_named_in(timestamp.reply):
                    by_others_count += 1
                    continue
                authority.verify(timestamp.reply, note)
            except TrustError as error:
                raise _other(timestamp.size, f"its timestamp: {error.detail}") from None
            stamped_size, timestamp_count = timestamp.size, timestamp_count + 1
    return Vouchers(witnessed_size, witness_count, stamped_size, timestamp_count, by_others_count)


def _checkpoint(log: LogReader, size: int) -> bytes:
    found = next(log.checkpoints(size), None)
    if found is None or found[0] != size:
        raise _other(size, "others vouched for it, and the log does not have it")
    return found[1]


def _other(size: int, why: str) -> TrustError:
    return TrustError("PROOF_INVALID", f"checkpoint {size}: {why}")
