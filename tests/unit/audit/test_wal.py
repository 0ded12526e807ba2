# SPDX-License-Identifier: Apache-2.0
"""What a crash left behind the last commit of the write-ahead log, counted."""

import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from gateway.audit.log import Log
from gateway.audit.store.reader import DATABASE
from gateway.audit.store.sqlite import SqliteStore
from gateway.audit.store.wal import unfinished_frames
from tests.unit.audit.samples import KEY, SIGNER, entry_bytes

FRAME_BYTES = 24 + 4096


def crashed(folder: Path) -> Path:
    """A write-ahead log as a process that was killed leaves it."""
    kept = folder / "kept"
    with closing(SqliteStore.open(folder / "log", KEY)) as store:
        log = Log(store, SIGNER)
        for number in range(3):
            log.append([entry_bytes(number)])
        shutil.copy(folder / "log" / f"{DATABASE}-wal", kept)
    return kept


def frames_of(wal: Path) -> int:
    return (wal.stat().st_size - 32) // FRAME_BYTES


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (lambda content: content, 0),
        (lambda content: content + content[-FRAME_BYTES:], 1),
        (lambda content: content + content[-FRAME_BYTES:][:100], 1),
        (lambda content: content + content[-FRAME_BYTES:][:10], 0),
        (lambda content: content + bytes(FRAME_BYTES), 0),
        (lambda content: content[:20], 0),
    ],
    ids=["whole", "a frame more", "a torn frame", "no salts", "another generation", "no header"],
)
def test_frames_of_this_generation_are_counted(
    tmp_path: Path, spoil: Callable[[bytes], bytes], found: int
) -> None:
    wal = crashed(tmp_path)
    committed = frames_of(wal)
    wal.write_bytes(spoil(wal.read_bytes()))
    assert unfinished_frames(wal, committed) == found


def test_without_a_file_there_is_none(tmp_path: Path) -> None:
    assert unfinished_frames(tmp_path / "none", 0) == 0
