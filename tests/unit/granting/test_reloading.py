# SPDX-License-Identifier: Apache-2.0
"""SIGHUP goes to a supervisor that holds the site's lock, and to nobody else."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from gateway.granting.reloading import ask_reload

#: Opens a file, says so, and exits with 7 at SIGHUP.
_SUPERVISOR = """
import signal, sys
held = open(sys.argv[1])
signal.signal(signal.SIGHUP, lambda *_: sys.exit(7))
print("ready", flush=True)
signal.pause()
"""


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    file = tmp_path / "serve.lock"
    file.touch()
    return file


def supervisor(opened: Path) -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen(
        [sys.executable, "-c", _SUPERVISOR, str(opened)], stdout=subprocess.PIPE
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        yield child
        child.kill()


def name_it(state: Path, pid: int) -> None:
    (state / "processes.json").write_bytes(msgspec.json.encode({"supervisor": pid}))


def test_a_supervisor_that_holds_the_lock_is_asked(tmp_path: Path, lock: Path) -> None:
    for child in supervisor(lock):
        name_it(tmp_path, child.pid)
        assert ask_reload(tmp_path) == "asked"
        assert child.wait(10) == 7


def test_a_process_that_only_has_the_number_is_left_alone(tmp_path: Path, lock: Path) -> None:
    other = tmp_path / "other"
    other.touch()
    assert lock.exists()
    for child in supervisor(other):
        name_it(tmp_path, child.pid)
        assert ask_reload(tmp_path) == "not_running"
        assert child.poll() is None


def test_where_nothing_runs_nothing_is_asked(tmp_path: Path, lock: Path) -> None:
    assert ask_reload(tmp_path) == "not_running"
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert lock.exists()
    name_it(tmp_path, ended.pid)
    assert ask_reload(tmp_path) == "not_running"
    (tmp_path / "processes.json").write_bytes(b'{"super\xff": 1}')
    assert ask_reload(tmp_path) == "not_running"


def test_what_belongs_to_somebody_else_is_not_allowed(
    tmp_path: Path, lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_pid: int, _number: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    with lock.open():
        name_it(tmp_path, os.getpid())
        assert ask_reload(tmp_path) == "not_allowed"
