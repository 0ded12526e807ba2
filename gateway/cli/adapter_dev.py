# SPDX-License-Identifier: Apache-2.0
"""`yizheng adapter dev`: the real pipeline around adapters that are being written.

A change of a file ends the process that runs everything, and starts a new one: no module is loaded
twice, so what runs is what stands in the files.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Annotated, Final

import typer

from gateway.cli.output import JsonOption, print_json

_LOOK_S: Final = 0.3
_STOP_S: Final = 20.0
_WATCHED: Final = frozenset({".py", ".toml"})


def dev(
    paths: Annotated[
        list[Path], typer.Argument(help="Folders with a conformance.toml, one or more.")
    ],
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Of the gateway; 0 takes a free one.")
    ] = 0,
    as_json: JsonOption = False,
) -> int:
    """Run a gateway with the adapters in a throw-away site; restart at each change of a file.

    Prints how to ask it, and each lookup with its holder masked. Ctrl-C ends everything.

    Example: `yizheng adapter dev disability`
    """
    from gateway.conformance.manifest import FILE, load_manifest

    for path in paths:
        load_manifest(path / FILE)  # a wrong path is said once, not at each life
    stop = _stop_flag()
    with TemporaryDirectory(prefix="yz-", dir="/tmp") as folder:
        arguments = [folder, str(port or _free_port()), "json" if as_json else "text"]
        arguments += [str(path.resolve()) for path in paths]
        while not stop:
            seen = _snapshot(paths)
            _live(arguments, paths, seen, stop)
            while not stop and _snapshot(paths) == seen:
                time.sleep(_LOOK_S)  # it ended by itself: only a change can mend it
            if not stop:
                _say_changed(_changed(seen, _snapshot(paths)), as_json=as_json)
    return 0


def _live(
    arguments: Sequence[str],
    paths: Sequence[Path],
    seen: Mapping[Path, tuple[int, int]],
    stop: list[bool],
) -> None:
    """Run one life until it ends, a file changes, or it is told to stop."""
    command = [sys.executable, "-m", "gateway.cli.dev_life", *arguments]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as life:  # noqa: S603 - ourselves
        while life.poll() is None and not stop and _snapshot(paths) == seen:
            time.sleep(_LOOK_S)
        life.terminate()
        try:
            life.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            life.kill()


def _stop_flag() -> list[bool]:
    """A list that gets a member when the process should end."""
    stop: list[bool] = []

    def told(_number: int, _frame: FrameType | None) -> None:
        stop.append(True)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, told)
    return stop


def _snapshot(paths: Sequence[Path]) -> Mapping[Path, tuple[int, int]]:
    """Time and size of each file that matters."""
    return {
        file: (status.st_mtime_ns, status.st_size)
        for path in paths
        for file in _files(path)
        for status in [file.stat()]
    }


def _files(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith((".", "__pycache__"))]
        for name in files:
            if Path(name).suffix in _WATCHED:
                yield Path(parent, name)


def _changed(
    before: Mapping[Path, tuple[int, int]], now: Mapping[Path, tuple[int, int]]
) -> list[str]:
    return sorted(
        str(file) for file in before.keys() | now.keys() if before.get(file) != now.get(file)
    )


def _say_changed(files: Sequence[str], *, as_json: bool) -> None:
    if as_json:
        print_json({"restart": True, "changed": files})
    else:
        typer.echo(f"changed: {', '.join(files)}; starting again")


def _free_port() -> int:
    """A port that nothing uses now, so that each life is found where the last one was."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
