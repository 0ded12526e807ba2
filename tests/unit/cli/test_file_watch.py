# SPDX-License-Identifier: Apache-2.0
"""What `yizheng adapter dev` restarts for: each change is told, none is lost between two looks."""

import os
from pathlib import Path

import pytest

from gateway.cli.file_watch import FileWatch


@pytest.fixture
def module(tmp_path: Path) -> Path:
    file = tmp_path / "package" / "adapter.py"
    file.parent.mkdir()
    file.write_text("one")
    return file


def test_nothing_is_told_while_nothing_changes(module: Path) -> None:
    assert FileWatch([module.parent]).look() == []


def test_a_file_that_is_written_comes_or_goes_is_told_once(module: Path) -> None:
    watch = FileWatch([module.parent.parent])
    module.write_text("another")
    assert watch.look() == [str(module)]
    assert watch.look() == []
    declaration = module.with_name("adapter.toml")
    declaration.write_text("")
    assert watch.look() == [str(declaration)]
    module.unlink()
    assert watch.look() == [str(module)]
    assert watch.look() == []


def test_a_file_of_the_same_size_is_told_by_its_time(module: Path) -> None:
    watch = FileWatch([module.parent])
    os.utime(module, ns=(0, 0))
    assert watch.look() == [str(module)]


def test_a_write_after_a_look_has_read_the_file_is_told_by_the_next(
    module: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = FileWatch([module.parent])
    module.write_text("a mistake")
    walk = os.walk

    def walk_then_write(folder: Path) -> object:
        yield from walk(folder)  # each file has been read when this goes on
        module.write_text("mended")

    monkeypatch.setattr(os, "walk", walk_then_write)
    assert watch.look() == [str(module)]
    monkeypatch.undo()
    assert watch.look() == [str(module)]


def test_a_file_that_goes_while_it_is_looked_at_is_gone(
    module: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = FileWatch([module.parent])
    stat = Path.stat

    def gone(file: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        if file == module:
            raise FileNotFoundError(file)
        return stat(file, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(Path, "stat", gone)
    assert watch.look() == [str(module)]


def test_hidden_folders_caches_and_other_files_are_not_looked_at(module: Path) -> None:
    watch = FileWatch([module.parent])
    for folder in (".git", "__pycache__"):
        (module.parent / folder).mkdir()
        (module.parent / folder / "adapter.py").write_text("")
    module.with_suffix(".txt").write_text("")
    assert watch.look() == []
