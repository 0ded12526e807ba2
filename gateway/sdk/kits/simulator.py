# SPDX-License-Identifier: Apache-2.0
"""A department's simulator as a process: say when it is ready, and go when it should.

Protocol with whoever starts it: one JSON line on standard output when the service can be used, then
silence; it ends at SIGTERM or SIGINT, and when the process that started it is gone. `running` is
that other side, for an adapter's own tests.
"""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

_PARENT_CHECK_S: Final = 0.5


def stop_event() -> asyncio.Event:
    """Return the event that is set when the simulator should end; call it before all else."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    parent = os.getppid()

    def watch_parent() -> None:
        if os.getppid() != parent:
            stop.set()
        else:
            loop.call_later(_PARENT_CHECK_S, watch_parent)

    watch_parent()
    return stop


def announce(ready: Mapping[str, object]) -> None:
    """Print the line that says how to reach the service."""
    sys.stdout.buffer.write(msgspec.json.encode(ready) + b"\n")
    sys.stdout.buffer.flush()


def read_records(file: Path) -> tuple[dict[str, Any], ...]:
    """A JSON array of objects.

    Raises:
        OSError: the file cannot be read.
        msgspec.DecodeError: not such a file.
    """
    return msgspec.json.decode(file.read_bytes(), type=tuple[dict[str, Any], ...])


@contextmanager
def running(
    module: str, *arguments: object
) -> Iterator[tuple[dict[str, Any], "subprocess.Popen[bytes]"]]:
    """A simulator as a process, with what it announced; it is ended on leaving."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:  # noqa: S603 - our own module
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(f"{module} did not start: {process.stderr.read().decode()}")
            yield msgspec.json.decode(line), process
        finally:
            process.terminate()
