# SPDX-License-Identifier: Apache-2.0
"""An agency as the text of `agencies/<id>.toml` (TOML 1.0), and back.

1. Members stand in the order of the struct, those with their default value are left out, and
   tables (`[[keys]]`, `[[operators]]`, `[events]`) come last, as TOML demands.
2. A text of several lines, such as a key in PEM, is written as a literal between `'''`.
3. Times are written in UTC. Comments are not kept: a struct has none.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import msgspec

from gateway.model.agency import Agency

#: What a literal of several lines can hold without a change.
_LITERAL: Final = re.compile(r"(?:[^\x00-\x1f\x7f']*\n)+")
_ESCAPED: Final = re.compile(r'[\x00-\x1f\x7f"\\]')
_BY_NAME: Final = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"} | {
    '"': '\\"',
    "\\": "\\\\",
}


def format_agency(agency: Agency) -> str:
    """Write an agency as TOML."""
    return format_toml(agency)


def format_toml(struct: msgspec.Struct) -> str:
    """Write any struct of texts, numbers, times, and tables of such, as TOML."""
    return "\n".join(_table(struct)) + "\n"


def parse_agency(text: str) -> Agency:
    """Read what `format_agency` writes, and whatever else TOML says of one agency.

    Raises:
        msgspec.DecodeError: not TOML, or not an agency.
    """
    return msgspec.toml.decode(text, type=Agency)


def _table(struct: msgspec.Struct) -> Iterator[str]:
    tables: list[tuple[str, msgspec.Struct]] = []  # by the line that begins them
    for field in msgspec.structs.fields(struct):
        value = getattr(struct, field.name)
        if value == field.default:
            continue
        if isinstance(value, tuple) and isinstance(value[0], msgspec.Struct):
            tables += ((f"[[{field.encode_name}]]", row) for row in value)
        elif isinstance(value, msgspec.Struct):
            tables.append((f"[{field.encode_name}]", value))
        else:
            yield f"{field.encode_name} = {_value(value)}"
    for head, row in tables:
        yield f"\n{head}"
        yield from _table(row)


def _value(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case tuple():
            return f"[{', '.join(map(_value, value))}]"
        case str() if _LITERAL.fullmatch(value):
            return f"'''\n{value}'''"
        case _:
            return f'"{_ESCAPED.sub(_escape, str(value))}"'


def _escape(found: re.Match[str]) -> str:
    return _BY_NAME.get(found[0]) or f"\\u{ord(found[0]):04x}"
