# SPDX-License-Identifier: Apache-2.0
"""The lock between holds and the end of keys."""

import fcntl
import stat
from pathlib import Path

import pytest

from gateway.audit.hold_lock import HOLD_LOCK, hold_lock
from gateway.errors import SetupError


def try_lock(folder: Path) -> None:
    with (folder / HOLD_LOCK).open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_it_keeps_others_out_until_it_is_left(tmp_path: Path) -> None:
    with hold_lock(tmp_path), pytest.raises(BlockingIOError):
        try_lock(tmp_path)
    try_lock(tmp_path)
    assert stat.S_IMODE((tmp_path / HOLD_LOCK).stat().st_mode) == 0o600


def test_what_fails_within_is_not_told_as_its_own(tmp_path: Path) -> None:
    with pytest.raises(InterruptedError), hold_lock(tmp_path):
        raise InterruptedError


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="cannot be locked"), hold_lock(tmp_path / "keys"):
        pass
