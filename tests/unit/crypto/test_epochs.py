# SPDX-License-Identifier: Apache-2.0
"""The file of epoch secrets: erasure, and a change of the key that wraps them."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.crypto.epochs import (
    add_wrapping,
    drop_other_wrappings,
    ensure_epoch,
    erase_epoch,
    list_epochs,
    load_epoch,
)
from gateway.errors import SetupError

OLD, NEW = bytes(range(32)), b"n" * 32
NUMBER = "140302190001010017"
GATEWAY_UID = 12345


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "epochs.json"
    for epoch in ("2026-10", "2026-11"):
        ensure_epoch(file, OLD, epoch)
    return file


def index_of(path: Path, kek: bytes, epoch: str = "2026-11") -> str:
    return load_epoch(path, kek, epoch).index_of("cn-id", NUMBER)


def test_an_erased_epoch_never_comes_back(path: Path) -> None:
    wrapped = path.read_text().split('"')[3]
    erase_epoch(path, "2026-10")
    assert wrapped not in path.read_text()
    assert list_epochs(path) == ("2026-11",)
    for touch in (load_epoch, ensure_epoch):
        with pytest.raises(SetupError, match=r"has no epoch 2026-10.*cannot be read again"):
            touch(path, OLD, "2026-10")
    assert list_epochs(path) == ("2026-11",)


def test_erasing_twice_is_erasing_once(path: Path) -> None:
    erase_epoch(path, "2026-10")
    before = path.read_bytes(), path.stat().st_ino
    erase_epoch(path, "2026-10")
    assert (path.read_bytes(), path.stat().st_ino) == before


def test_erasure_takes_a_draft_along_that_a_crash_left(path: Path) -> None:
    draft = path.with_name("epochs.json.new")
    draft.write_bytes(path.read_bytes())
    erase_epoch(path, "2026-10")
    assert not draft.exists()
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [b"[]", b'{"2026-10": "\xff"}'])
def test_a_file_that_was_damaged_is_named(content: bytes, path: Path) -> None:
    path.write_bytes(content)
    with pytest.raises(SetupError, match="not a JSON object of epochs"):
        list_epochs(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="giving a file away takes root")
@pytest.mark.parametrize("is_lock_there", [True, False])
def test_what_root_changes_stays_the_gateways(path: Path, is_lock_there: bool) -> None:
    """Root replaces the key or erases; next month the gateway's own user adds an epoch."""
    lock = path.with_name("epochs.json.lock")
    for file in (path, lock):
        os.chown(file, GATEWAY_UID, GATEWAY_UID)
    if not is_lock_there:  # the file was restored from a backup
        lock.unlink()
    add_wrapping(path, OLD, NEW)
    drop_other_wrappings(path, NEW)
    erase_epoch(path, "2026-10")
    assert [file.stat().st_uid for file in (path, lock)] == [GATEWAY_UID, GATEWAY_UID]
    assert [file.stat().st_mode & 0o777 for file in (path, lock)] == [0o600, 0o600]


@pytest.fixture
def become_gateway() -> Iterator[Callable[[], None]]:
    """Makes this process another user's, of no group but its own; afterwards it is root's again."""
    groups = os.getgroups()

    def become() -> None:
        os.setgroups([])
        os.setegid(GATEWAY_UID)
        os.seteuid(GATEWAY_UID)

    yield become
    os.seteuid(0)
    os.setegid(0)
    os.setgroups(groups)


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user takes root")
def test_a_file_of_a_group_that_is_not_the_gateways_is_changed_all_the_same(
    path: Path, monkeypatch: pytest.MonkeyPatch, become_gateway: Callable[[], None]
) -> None:
    """After `chown -R gateway` the group is still root's, and nobody else may give that."""
    for file in (path.parent, path, path.with_name("epochs.json.lock")):
        os.chown(file, GATEWAY_UID, 0)
    monkeypatch.chdir(path.parent)
    become_gateway()
    ensure_epoch(Path(path.name), OLD, "2026-12")
    assert list_epochs(Path(path.name)) == ("2026-10", "2026-11", "2026-12")


def test_without_a_file_there_are_no_epochs(tmp_path: Path) -> None:
    assert list_epochs(tmp_path / "epochs.json") == ()
    with pytest.raises(SetupError, match="cannot be read"):
        list_epochs(tmp_path)


def test_while_the_kek_changes_both_open_and_afterwards_only_the_new(path: Path) -> None:
    erase_epoch(path, "2026-10")
    index = index_of(path, OLD)
    assert add_wrapping(path, OLD, NEW) == 1
    assert index_of(path, OLD) == index_of(path, NEW) == index
    assert drop_other_wrappings(path, NEW) == 1
    assert index_of(path, NEW) == index
    with pytest.raises(SetupError, match="does not open"):
        index_of(path, OLD)
    assert list_epochs(path) == ("2026-11",)


def test_each_step_of_a_change_may_be_repeated(path: Path) -> None:
    add_wrapping(path, OLD, NEW)
    once = path.read_bytes()
    assert add_wrapping(path, OLD, NEW) == 2
    assert path.read_bytes() == once
    drop_other_wrappings(path, NEW)
    once = path.read_bytes()
    assert drop_other_wrappings(path, NEW) == 2
    assert path.read_bytes() == once


def test_an_epoch_that_was_made_meanwhile_is_not_lost(path: Path) -> None:
    add_wrapping(path, OLD, NEW)
    ensure_epoch(path, OLD, "2026-12")  # by a process that knows the old key
    before = path.read_bytes()
    with pytest.raises(SetupError, match="2026-12 does not open"):
        drop_other_wrappings(path, NEW)
    assert path.read_bytes() == before
    assert add_wrapping(path, OLD, NEW) == 3
    assert drop_other_wrappings(path, NEW) == 3


def test_a_wrong_old_key_changes_nothing(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(SetupError, match="does not open"):
        add_wrapping(path, b"w" * 32, NEW)
    with pytest.raises(SetupError, match="does not open"):
        drop_other_wrappings(path, NEW)
    with pytest.raises(SetupError, match="32 bytes"):
        add_wrapping(path, OLD, b"short")
    assert path.read_bytes() == before
