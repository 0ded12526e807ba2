# SPDX-License-Identifier: Apache-2.0
"""From a record of the log to its row of the index.

A row is made of the record alone (`gateway.audit.index.schema`), so an index that is lost, or not
trusted, is derived again from a log that is proved.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from gateway.crypto.digest import b64url_decode
from gateway.model.act import Act, Event
from gateway.model.entry import Entry, HolderMark
from gateway.model.record import Record

Value = int | str | bytes | None
Row = tuple[Value, ...]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_NOBODY: Final = (None, None, None, None)
_IX_BYTES: Final = 32


def row_of(index: int, record: Record) -> Row:
    """The row of a record, in the order of `COLUMNS`.

    Raises:
        ValueError: its time is no instant.
    """
    match record:
        case Entry():
            return _row_of_access(index, record)
        case Act():
            return _row_of_act(index, record)
        case Event():
            head = (index, record.kind, record.id, time_ms_of(record.time))
            return (
                *head,
                *(None,) * 8,
                *_holder_columns(record.holder or None),
                *(None,) * 7,
                record.event,
                *(None,) * 7,
                record.detail or None,
                *(None,) * 3,
            )


def time_ms_of(time: str) -> int:
    """Milliseconds since 1970 UTC of an RFC 3339 instant.

    Raises:
        ValueError: it is none.
    """
    return (datetime.fromisoformat(time) - _EPOCH) // _MILLISECOND


def _row_of_access(index: int, entry: Entry) -> Row:
    return (
        index,
        entry.kind,
        entry.id,
        time_ms_of(entry.time),
        entry.agency,
        entry.keyid,
        entry.operator,
        entry.terminal,
        entry.division,
        entry.item,
        entry.case,
        entry.purpose,
        *_holder_columns(entry.holder),
        entry.certificate,
        entry.operation,
        " ".join(entry.fields_requested) or None,
        " ".join(entry.fields_released) or None,
        entry.grant,
        entry.decision.result,
        entry.decision.rule,
        entry.outcome,
        entry.code,
        entry.served_from,
        entry.as_of,
        entry.adapter,
        entry.adapter_ms,
        None,
        None,
        None,
        None,
        None,
        None,
    )


def _row_of_act(index: int, act: Act) -> Row:
    return (
        index,
        act.kind,
        act.id,
        time_ms_of(act.time),
        None,
        act.keyid,
        *(None,) * 6,
        *_holder_columns(act.holder),
        *(None,) * 7,
        act.outcome,
        act.code,
        *(None,) * 4,
        act.actor,
        act.action,
        act.reason,
        act.subject,
        act.query,
        act.count,
    )


def _holder_columns(mark: HolderMark | None) -> Row:
    """Epoch, scheme, blind index and mask. An index that is none is kept as nothing."""
    if mark is None:
        return _NOBODY
    try:
        ix: bytes | None = b64url_decode(mark.ix)
    except ValueError:
        ix = None
    if ix is not None and len(ix) != _IX_BYTES:
        ix = None
    return mark.epoch, mark.scheme, ix, mark.masked
