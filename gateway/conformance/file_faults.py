# SPDX-License-Identifier: Apache-2.0
"""A delivery that is spoilt: the faults of departments that are files. Works on copies only."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_GARBAGE: Final = bytes(range(255, 0, -1)) * 16
#: 1 January 2001, long before anything that is asked about.
OLD_AT_S: Final = 978_307_200


def copy_of(path: Path, folder: Path) -> Path:
    """Copy a file or a folder with its times into `folder`; returns the copy."""
    target = folder / path.name
    if path.is_dir():
        shutil.copytree(path, target, symlinks=True)
    else:
        shutil.copy2(path, target)
    return target


def remove(path: Path) -> None:
    """The delivery is not there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def cut(path: Path) -> None:
    """The delivery ended half-way: the largest file keeps its first half."""
    file = max(_files(path), key=lambda found: found.stat().st_size)
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


def spoil(path: Path) -> None:
    """Every file is something else."""
    for file in _files(path):
        file.write_bytes(_GARBAGE)


def make_old(path: Path) -> None:
    """Every file was delivered long ago."""
    for file in _files(path):
        os.utime(file, (OLD_AT_S, OLD_AT_S))


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from (p for p in sorted(path.rglob("*")) if p.is_file() and not p.is_symlink())
    else:
        yield path
