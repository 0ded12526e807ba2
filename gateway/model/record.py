# SPDX-License-Identifier: Apache-2.0
"""Any record of the log: an access, an act or an event, told apart by `kind`.

Records are deterministic, so the kind stands at a fixed place and is read without parsing.
"""

from typing import Final

import msgspec

from gateway.model.act import Act, Event
from gateway.model.entry import Entry

Record = Entry | Act | Event

_encode = msgspec.json.Encoder().encode
_ACT: Final = b'{"v":1,"kind":"act",'
_EVENT: Final = b'{"v":1,"kind":"event",'
_decode_entry = msgspec.json.Decoder(Entry).decode
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
    try:
        if line.startswith(_ACT):
            record: Record = _decode_act(line)
        elif line.startswith(_EVENT):
            record = _decode_event(line)
        else:
            record = _decode_entry(line)
    except msgspec.DecodeError as error:
        raise ValueError(f"not an audit record: {type(error).__name__}") from None
    if _encode(record) != line:
        raise ValueError("not in deterministic form")
    return record


def is_act(line: bytes) -> bool:
    """Whether the line is an act's, by the place at which its kind stands."""
    return line.startswith(_ACT)
