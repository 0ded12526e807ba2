# SPDX-License-Identifier: Apache-2.0
"""`yizheng adapter dev`: the real pipeline around adapters that are being written.

A change of a file ends the process that runs everything, and starts a new one: no module is loaded
twice, so what runs is what stands in the files.
"""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Annotated, Final

import typer

from gateway.cli.file_watch import FileWatch
from gateway.cli.output import JsonOption, print_json

_LOOK_S: Final = 0.3
_STOP_S: Final = 20.0


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
        watch = FileWatch(paths)
        while not stop:
            changed = _live(arguments, watch, stop)
            while not stop and not changed:
                time.sleep(_LOOK_S)  # it ended by itself: only a change can mend it
                changed = watch.look()
            if not stop:
                _say_changed(changed, as_json=as_json)
    return 0


def _live(arguments: Sequence[str], watch: FileWatch, stop: list[bool]) -> list[str]:
    """Run one life until it ends, a file changes, or it is told to stop.

    Returns:
        the files that changed; none when it ended otherwise.
    """
    command = [sys.executable, "-m", "gateway.cli.dev_life", *arguments]
    changed: list[str] = []
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as life:  # noqa: S603 - ourselves
        while life.poll() is None and not stop and not (changed := watch.look()):
            time.sleep(_LOOK_S)
        life.terminate()
        try:
            life.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            life.kill()
    return changed


def _stop_flag() -> list[bool]:
    """A list that gets a member when the process should end."""
    stop: list[bool] = []

    def told(_number: int, _frame: FrameType | None) -> None:
        stop.append(True)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, told)
    return stop


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
