# SPDX-License-Identifier: Apache-2.0
"""What code does beside computing is heard, and what computes is not accused."""

import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.conformance.effects import effects_of, effects_of_import
from tests.unit.registry.desk import Desk


def bind() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))


def thread() -> None:
    started = threading.Thread(target=int)
    started.start()
    started.join()


@pytest.mark.parametrize(
    ("work", "effect"),
    [
        (bind, "a listening socket"),
        (thread, "a thread"),
        (lambda: sqlite3.connect(":memory:").close(), "a database"),
        (lambda: subprocess.run([sys.executable, "-c", ""], check=True), "a process"),
    ],
)
def test_an_effect_is_named(work: Callable[[], object], effect: str) -> None:
    assert effect in effects_of(work)


def test_writing_is_an_effect_and_reading_is_none(tmp_path: Path) -> None:
    file = tmp_path / "x"
    assert effects_of(lambda: file.write_text("x")) == {"a file that it writes"}
    assert effects_of(file.read_text) == set()
    assert effects_of(lambda: sum(range(100))) == set()


def test_what_another_thread_does_meanwhile_is_not_counted() -> None:
    begin, done = threading.Event(), threading.Event()

    def other() -> None:
        begin.wait()
        bind()
        done.set()

    thread = threading.Thread(target=other)
    thread.start()

    def work() -> None:
        begin.set()
        done.wait()

    assert effects_of(work) == set()
    thread.join()


def test_an_import_is_made_in_an_interpreter_of_its_own() -> None:
    found = effects_of_import(Desk)
    assert found.effects == ()
    assert found.processor_s > 0
