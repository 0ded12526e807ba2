# SPDX-License-Identifier: Apache-2.0
"""Versions of the three lists: frozen when they are published, and kept for ever.

::

    lists/*.toml                       [[intermediaries]], which people write
    lists/versions/<name>-<n>.json     one published version
    lists/changes.jsonl                who published what, and why

1. A version is never written again: what was public stays what it was.
2. A list that says what its newest version says is not published again.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final, get_args

import msgspec

from gateway.catalog.changes import append_changes
from gateway.catalog.difference import differences
from gateway.catalog.lists import Rows
from gateway.errors import RequestError, SetupError
from gateway.model.change import Change
from gateway.model.instant import format_time_s
from gateway.model.intermediary import ListName, ListVersion
from gateway.site_file import locked, write_whole

_FILE: Final = re.compile(r"([a-z-]+)-([1-9][0-9]*)\.json")


class ListFolder:
    """The published lists of one site.

    Args:
        site: its folder.
        clock: aware UTC now.
    """

    def __init__(
        self, site: Path, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._folder: Final = site.resolve() / "lists"
        self._versions: Final = self._folder / "versions"
        self._clock: Final = clock

    def versions(self, name: ListName) -> list[int]:
        """Numbers of all versions, oldest first."""
        found = (_FILE.fullmatch(file.name) for file in self._versions.glob("*.json"))
        return sorted(int(each[2]) for each in found if each and each[1] == name)

    def read(self, name: ListName, version: int) -> ListVersion:
        """One version.

        Raises:
            RequestError: CATALOG_REFUSED, there is none of this number.
            SetupError: its file cannot be read.
        """
        file = self._file(name, version)
        try:
            return msgspec.json.decode(file.read_bytes(), type=ListVersion)
        except FileNotFoundError:
            there = ", ".join(map(str, self.versions(name))) or "none"
            raise RequestError(
                "CATALOG_REFUSED", f"list {name} has no version {version}; there are: {there}"
            ) from None
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            raise SetupError(
                "cannot be read",
                where=f"lists/versions/{file.name}",
                remedy="restore the file from a copy; nothing but the gateway writes it.",
            ) from None

    def newest(self) -> dict[ListName, ListVersion]:
        """The newest version of each list that was ever published.

        Raises:
            SetupError: a file cannot be read.
        """
        names: tuple[ListName, ...] = get_args(ListName)
        return {name: self.read(name, all_[-1]) for name in names if (all_ := self.versions(name))}

    def publish(self, name: ListName, rows: Rows, *, by: str, note: str, on: date) -> ListVersion:
        """Freeze what the list says now.

        Args:
            rows: what it says.
            by: who publishes it.
            note: what is new.
            on: the day, in the site's time zone.

        Raises:
            RequestError: CATALOG_REFUSED, it says nothing new.
            SetupError: it cannot be written.
        """
        with locked(self._folder), locked(self._versions):
            numbers = self.versions(name)
            last = self.read(name, numbers[-1]) if numbers else None
            if last is not None and last.rows == rows:
                raise RequestError(
                    "CATALOG_REFUSED", f"list {name} says what version {last.version} says"
                )
            number = last.version + 1 if last else 1
            made = ListVersion(name, number, on.isoformat(), rows, note)
            places = differences(_keyed(last.rows), _keyed(rows)) if last else ()
            change = Change(
                format_time_s(self._clock()),
                by,
                "publish",
                name,
                number,
                "published",
                was="published" if last else None,
                fields=tuple(each.place for each in places),
                note=note,
            )
            append_changes(self._folder, [change])
            text = msgspec.json.format(msgspec.json.encode(made)).decode()
            write_whole(self._file(name, number), text + "\n")
            return made

    def _file(self, name: ListName, version: int) -> Path:
        return self._versions / f"{name}-{version}.json"


def _keyed(rows: Rows) -> dict[str, object]:
    return {"rows": rows}
