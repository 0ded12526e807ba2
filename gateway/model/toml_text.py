# SPDX-License-Identifier: Apache-2.0
"""Structs as the text of a TOML file (TOML 1.0).

1. Members stand in the order of the struct, those with their default value are left out, and
   arrays of tables (`[[keys]]`, `[[items.materials]]`) come last, as TOML demands.
2. A single struct or a mapping is an inline table.
3. A text of several lines, such as a key in PEM, is written as a literal between `'''`.
4. Times are written in UTC. Comments are not kept: a struct has none.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Final

import msgspec

#: What a literal of several lines can hold without a change.
_LITERAL: Final = re.compile(r"(?:[^\x00-\x1f\x7f']*\n)+")
_ESCAPED: Final = re.compile(r'[\x00-\x1f\x7f"\\]')
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_BY_NAME: Final = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"} | {
    '"': '\\"',
    "\\": "\\\\",
}


def format_toml(struct: msgspec.Struct) -> str:
    """Write any struct of texts, numbers, times, and tables of such, as TOML."""
    return "\n".join(_table(struct, "")) + "\n"


def format_tables(name: str, structs: Iterable[msgspec.Struct]) -> str:
    """Write an array of tables."""
    blocks = ("\n".join((f"[[{name}]]", *_table(each, f"{name}."))) + "\n" for each in structs)
    return "\n".join(blocks)


def _table(struct: msgspec.Struct, path: str) -> Iterator[str]:
    tables: list[tuple[str, msgspec.Struct]] = []
    for name, value in _members(struct):
        if isinstance(value, tuple) and value and isinstance(value[0], msgspec.Struct):
            tables += ((f"{path}{name}", row) for row in value)
        else:
            yield f"{name} = {_value(value)}"
    for name, row in tables:
        yield f"\n[[{name}]]"
        yield from _table(row, f"{name}.")


def _members(struct: msgspec.Struct) -> Iterator[tuple[str, object]]:
    """What has to be there, or differs from its default."""
    for field in msgspec.structs.fields(struct):
        value = getattr(struct, field.name)
        if field.required or (value != field.default and value not in ({}, ())):
            yield field.encode_name, value


def _value(value: object) -> str:
    match value:
        case tuple():
            return f"[{', '.join(map(_value, value))}]"
        case msgspec.Struct():
            return _inline(dict(_members(value)))
        case dict():
            return _inline(value)
        case _:
            return _scalar(value)


def _scalar(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case str() if _LITERAL.fullmatch(value):
            return f"'''\n{value}'''"
        case _:
            return _quoted(str(value))


def _inline(members: Mapping[str, object]) -> str:
    pairs = (
        f"{name if _BARE.fullmatch(name) else _quoted(name)} = {_value(value)}"
        for name, value in members.items()
    )
    return f"{{{', '.join(pairs)}}}"


def _quoted(text: str) -> str:
    return f'"{_ESCAPED.sub(_escape, text)}"'


def _escape(found: re.Match[str]) -> str:
    return _BY_NAME.get(found[0]) or f"\\u{ord(found[0]):04x}"
