# SPDX-License-Identifier: Apache-2.0
"""Cells of office software: no text that we write may become a formula there."""

from typing import Final

Cell = str | int | None

_DANGEROUS: Final = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")
_MARK: Final = "'"


def harmless(value: Cell) -> Cell:
    """A cell that no spreadsheet takes for a formula: an apostrophe stands before one."""
    if isinstance(value, str) and value.startswith(_DANGEROUS):
        return f"{_MARK}{value}"
    return value


def meant(text: str) -> str:
    """What `harmless` was given."""
    if text.startswith(_MARK) and text[1:].startswith(_DANGEROUS):
        return text[1:]
    return text
