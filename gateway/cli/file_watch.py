# SPDX-License-Identifier: Apache-2.0
"""Which of an adapter's files changed since the last look; for `yizheng adapter dev`.

Rules:
1. What a look tells and what the next one compares with is one snapshot: a file that is written
   between two looks, or while one is told, is told by the next. It may be told once too often
   (an editor that empties a file first), never too seldom.
2. A file that goes away while it is looked at is a change like another, not a failure.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, final

_SUFFIXES: Final = frozenset({".py", ".toml"})
#: Time of change in nanoseconds, and size in bytes.
_Stamp = tuple[int, int]


@final
class FileWatch:
    """The files of an adapter, as of the last look.

    Args:
        folders: with all below them, but nothing hidden.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders: Final = folders
        self._seen = self._snapshot()

    def look(self) -> list[str]:
        """The files that came, went or were written since the last look, sorted."""
        before, self._seen = self._seen, self._snapshot()
        files = before.keys() | self._seen.keys()
        return sorted(str(file) for file in files if before.get(file) != self._seen.get(file))

    def _snapshot(self) -> Mapping[Path, _Stamp]:
        seen: dict[Path, _Stamp] = {}
        for folder in self._folders:
            for file in _files(folder):
                with contextlib.suppress(FileNotFoundError):
                    status = file.stat()
                    seen[file] = (status.st_mtime_ns, status.st_size)
        return seen


def _files(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith((".", "__pycache__"))]
        for name in files:
            if Path(name).suffix in _SUFFIXES:
                yield Path(parent, name)
