# SPDX-License-Identifier: Apache-2.0
"""One item inside a file of `items/` that people wrote: exchanged without touching the others.

Comments and order of everything else stay. Whether that worked is checked by reading the result:
whatever is written in a way that this does not foresee is refused, and nothing is changed.
"""

import re
from itertools import pairwise
from typing import Final

import msgspec

from gateway.errors import SetupError
from gateway.model.item import ServiceItem
from gateway.model.toml_text import format_tables

_HEAD: Final = re.compile(r"(?m)^\[\[\s*items\s*\]\][^\n]*\n")


class _Items(msgspec.Struct):
    items: tuple[ServiceItem, ...] = ()


def exchange(text: str, item: ServiceItem, *, file: str) -> str:
    """The text with `item` in the place of the one of the same code, or at its end.

    Raises:
        SetupError: the file is written in a way that cannot be changed.
    """
    heads = [*(found.start() for found in _HEAD.finditer(text)), len(text)]
    parts = [text[start:end] for start, end in pairwise(heads)]
    new = format_tables("items", [item])
    try:
        places = [n for n, part in enumerate(parts) if _parse(part)[0].code == item.code]
        old = _parse(text)
        if places:
            parts[places[0]] = new + _tail(parts[places[0]])
            wanted = tuple(item if each.code == item.code else each for each in old)
        else:
            parts.append(("\n" if parts else "") + new)
            wanted = (*old, item)
        made = text[: heads[0]] + "".join(parts)
        if _parse(made) == wanted:
            return made
    except (msgspec.DecodeError, IndexError):
        pass  # said below
    raise SetupError(
        "cannot be changed by a command: its items are not separate [[items]] tables",
        where=f"items/{file}",
        remedy="write each item as one [[items]] table, or make the change by hand.",
    )


def _tail(part: str) -> str:
    """The blank lines and comments at its end, which speak of what comes next."""
    lines = part.splitlines(keepends=True)
    end = len(lines)
    while end and (not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#")):
        end -= 1
    return "".join(lines[end:])


def _parse(text: str) -> tuple[ServiceItem, ...]:
    return msgspec.toml.decode(text, type=_Items).items
