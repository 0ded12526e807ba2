# SPDX-License-Identifier: Apache-2.0
"""What a process under the supervisor says at its end, and of what nobody in it caught."""

import subprocess
import sys
from typing import Any

import msgspec

LIFE = """
import asyncio, os
from gateway.processes.child import Child, run_child

async def fail():
    raise KeyError("13800138000")

async def run(stop, ready):
    task = asyncio.create_task(fail())
    await asyncio.wait([task])
    del task
    LAST

life_fd, _ = os.pipe()
_, ready_fd = os.pipe()
run_child(Child("worker-1", run), life_fd, ready_fd)
"""


def lived(last: str) -> tuple[int, list[dict[str, Any]]]:
    """Its exit status and its log."""
    script = LIFE.replace("LAST", last)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert b"13800138000" not in done.stderr
    return done.returncode, [msgspec.json.decode(line) for line in done.stderr.splitlines()]


def test_of_a_task_that_nobody_waits_for_it_logs_kind_and_frames() -> None:
    code, [fault] = lived("pass")
    assert code == 0
    assert (fault["event"], fault["process"]) == ("fault", "worker-1")
    assert (fault["kind"], fault["frames"]) == ("KeyError", "['<string>:6:fail']")


def test_of_what_ends_it_too() -> None:
    code, [_, end] = lived("await fail()")
    assert code == 70
    assert (end["event"], end["kind"]) == ("process failed", "KeyError")
    assert end["frames"].endswith("'<string>:12:run', '<string>:6:fail']")
