# SPDX-License-Identifier: Apache-2.0
"""One struct as a table of Markdown, from its JSON schema and its docstring."""

import inspect
import re
import textwrap
from typing import Any, Final

import msgspec

_BAR: Final = "\\|"  # a bar inside a cell of a Markdown table
#: JSON Schema's words for a bound, and ours.
_BOUNDS: Final = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "> {}",
    "maximum": "≤ {}",
    "minLength": "length ≥ {}",
    "maxLength": "length ≤ {}",
    "minItems": "at least {}",
    "pattern": "`{}`",
}


def struct_table(name: str, schema: dict[str, Any]) -> list[str]:
    """Lines of the table; `schema` is the struct's own definition."""
    summary, meanings = _parse_docstring(schema.get("description", ""))
    lines = ["", f"**{name}**: {summary}", ""]
    lines += ["| key | type | default | meaning |", "|---|---|---|---|"]
    required = schema.get("required", ())
    for key, value in schema.get("properties", {}).items():
        default = "required" if key in required else _default(value)
        meaning = value.get("description") or meanings.get(key, "")
        cells = (f"`{key}`", _kind(value) + _bounds(value), default, meaning)
        lines.append(f"| {' | '.join(cell.replace('|', _BAR) for cell in cells)} |")
    return lines


def _parse_docstring(text: str) -> tuple[str, dict[str, str]]:
    """The first line, and what the section `Attributes:` says of each."""
    summary, _, rest = inspect.cleandoc(text).partition("\n")
    section = textwrap.dedent(rest.partition("Attributes:\n")[2])
    found = re.findall(r"(?m)^(\w+): (.*(?:\n[ ]+.*)*)", section)
    return summary, {name: " ".join(said.split()) for name, said in found}


def _default(value: dict[str, Any]) -> str:
    default = value.get("default")
    if "$ref" in value:
        return "as below"
    return "none" if default is None else f"`{msgspec.json.encode(default).decode()}`"


def _kind(value: dict[str, Any]) -> str:
    if "$ref" in value:
        return str(value["$ref"]).rpartition("/")[2]
    if "anyOf" in value:
        return " or ".join(_kind(v) for v in value["anyOf"] if v.get("type") != "null")
    if "enum" in value:
        return ", ".join(f"`{v}`" for v in value["enum"])
    if value.get("type") == "array":
        return f"array of {_kind(value.get('items', {}))}"
    return str(value.get("format") or value.get("type", "any"))


def _bounds(value: dict[str, Any]) -> str:
    """What a value has to keep to, in words."""
    bounded = next((v for v in value.get("anyOf", ()) if v.get("type") != "null"), value)
    said = [words.format(bounded[name]) for name, words in _BOUNDS.items() if name in bounded]
    return f", {', '.join(said)}" if said else ""
