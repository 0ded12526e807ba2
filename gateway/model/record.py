# SPDX-License-Identifier: Apache-2.0
"""Any record of the log: an access, an act or an event, told apart by `kind`.

Records are deterministic, so the kind stands at a fixed place and is read without parsing.
"""

from typing import Final

import msgspec

from gateway.model.act import Act, Event
from gateway.model.entry import Entry, parse_entry

Record = Entry | Act | Event

_encode = msgspec.json.Encoder().encode
_ACT: Final = b'{"v":1,"kind":"act",'
_EVENT: Final = b'{"v":1,"kind":"event",'
_decode_act = msgspec.json.Decoder(Act).decode
_decode_event = msgspec.json.Decoder(Event).decode


def format_record(record: Record) -> bytes:
    """Write the deterministic bytes of a record."""
    return _encode(record)


def parse_record(line: bytes) -> Record:
    """Read a record and refuse bytes that `format_record` would not have written.

    Raises:
        ValueError: not a record, or not in the deterministic form. The text names no value.
    """
    if not line.startswith((_ACT, _EVENT)):
        return parse_entry(line)
    try:
        record = _decode_act(line) if line.startswith(_ACT) else _decode_event(line)
    except msgspec.DecodeError as error:
        raise ValueError(f"not an audit record: {type(error).__name__}") from None
    if _encode(record) != line:
        raise ValueError("not in deterministic form")
    return record
