# SPDX-License-Identifier: Apache-2.0
"""The change log of a folder: `changes.jsonl`, to which lines are only ever added.

1. A change is durable here before it takes effect. After a crash between the two the log tells of
   a change that is not there; doing it again writes it again.
2. A last line that was cut off was never durable: it is read over, and the next one takes its
   place.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from gateway.errors import RequestError, SetupError
from gateway.model.change import Change
from gateway.model.screening import holds_citizen_number

_NAME: Final = "changes.jsonl"


def read_changes(folder: Path) -> list[Change]:
    """All changes, oldest first.

    Raises:
        SetupError: a line other than the last cannot be read.
    """
    return list(_read(folder / _NAME))


def append_changes(folder: Path, changes: list[Change]) -> None:
    """Add lines; inside `gateway.site_file.locked`.

    Raises:
        RequestError: CATALOG_REFUSED, who or why cannot be recorded; nothing is.
        OSError: they are not durable.
    """
    for change in changes:
        _check(change)
    lines = b"".join(msgspec.json.encode(change) + b"\n" for change in changes)
    with (folder / _NAME).open("a+b") as log:
        log.seek(0)
        log.truncate(log.read().rfind(b"\n") + 1)
        log.write(lines)
        log.flush()
        os.fsync(log.fileno())


def _check(change: Change) -> None:
    """Refuse what could not be read back, and what must not stand in a list or its log."""
    for member, text in (("by", change.by), ("note", change.note)):
        if holds_citizen_number(text):
            raise RequestError(
                "CATALOG_REFUSED", f"--{member} holds something of the form of an ID number"
            )
    try:
        msgspec.json.decode(msgspec.json.encode(change), type=Change)
    except msgspec.ValidationError as error:
        raise RequestError("CATALOG_REFUSED", f"cannot be recorded: {error}") from None


def _read(file: Path) -> Iterator[Change]:
    try:
        lines = file.read_bytes().split(b"\n")
    except FileNotFoundError:
        return
    except OSError as error:
        raise SetupError(
            f"cannot be read: {error.strerror}", where=str(file), remedy="check its permissions."
        ) from None
    for number, line in enumerate(lines, 1):
        if not line:
            continue
        try:
            yield msgspec.json.decode(line, type=Change)
        except (msgspec.DecodeError, UnicodeDecodeError):
            if number == len(lines):
                return  # rule 2
            raise SetupError(
                "is no change",
                where=f"{file.parent.name}/{_NAME}: line {number}",
                remedy="restore the file from a copy; nothing but the gateway writes it.",
            ) from None
