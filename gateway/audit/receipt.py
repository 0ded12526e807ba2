# SPDX-License-Identifier: Apache-2.0
"""Receipts: what an agency is given to prove, offline and for ever, that its access is on record.

Rules:

1. An agency is given its own records only. That another's exists is not told.
2. The proof leads to the newest checkpoint that covers the record; a witnessed one where it does.
"""

from gateway.audit.published import PublishedLog
from gateway.audit.store.reader import LogReader
from gateway.errors import RequestError
from gateway.model.act import Act
from gateway.model.entry import Entry
from gateway.model.receipt import Receipt
from gateway.model.record import Record, parse_record
from gateway.tlog.checkpoint import parse_checkpoint
from gateway.tlog.note import parse_note
from gateway.tlog.proof import format_proof, make_proof


def make_receipt(log: PublishedLog, index: int, agency_id: str) -> Receipt:
    """Give an agency the record of one of its accesses.

    Raises:
        RequestError: RECORD_UNKNOWN; there is none of that index, or it is another's.
        AuditError: the log cannot be read.
        TrustError: it is damaged.
    """
    published = log.checkpoint()
    return log.read(lambda reader: _receipt(reader, index, agency_id, published))


def _receipt(reader: LogReader, index: int, agency_id: str, published: bytes | None) -> Receipt:
    last = reader.last_checkpoint()
    entry = reader.entry(index) if last and index < last[0] else b""
    if last is None or not entry or _owner(parse_record(entry)) != agency_id:
        raise RequestError("RECORD_UNKNOWN", f"this agency has no record at index {index}")
    note = last[1]
    if published and index < parse_checkpoint(parse_note(published).text).size:
        note = published
    proof = format_proof(make_proof(index, note, reader.node))
    origin = parse_checkpoint(parse_note(note).text).origin
    return Receipt(origin, index, entry.decode(), proof.decode())


def _owner(record: Record) -> str | None:
    """The agency that an access, or the taking of a receipt, is of."""
    match record:
        case Entry():
            return record.agency
        case Act(action="receipt"):
            return record.actor
        case _:
            return None
