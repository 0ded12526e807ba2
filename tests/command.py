# SPDX-License-Identifier: Apache-2.0
"""`yizheng …` in a process of its own that need not start an interpreter: a fork of this one.

A command loads for half a second what the tests have loaded already, and there are hundreds. What
it is given and what it leaves is as from a shell: arguments, standard streams, environment, exit
code. That the installed script starts at all is what the demo, the tutorials and each World show.
"""

import os
import select
import signal
import subprocess
import sys
import traceback
import warnings
from collections.abc import Mapping
from io import TextIOWrapper
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Final, NoReturn

import structlog

from gateway.cli import main

_LIMIT_S: Final = 120.0
_NOTHING: Final[Mapping[str, str]] = {}


def yizheng(
    *arguments: str | Path,
    stdin: str = "",
    environment: Mapping[str, str] = _NOTHING,
    check: bool = False,
) -> "subprocess.CompletedProcess[str]":
    """Run a command.

    Args:
        environment: in addition to this process's.
        check: whether a code other than 0 is an error of the test.

    Raises:
        TimeoutError: it did not end.
        CalledProcessError: see `check`.
    """
    words = [str(argument) for argument in arguments]
    with TemporaryFile() as given, TemporaryFile() as out, TemporaryFile() as err:
        given.write(stdin.encode())
        given.seek(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside other threads
            pid = os.fork()
        if pid == 0:
            _be(words, environment, (given, out, err))
        code = _wait(pid, words)
        streams = []
        for stream in (out, err):
            stream.seek(0)
            streams.append(stream.read().decode())
    done = subprocess.CompletedProcess(["yizheng", *words], code, *streams)
    if check:
        done.check_returncode()
    return done


def _be(
    words: list[str], environment: Mapping[str, str], streams: tuple[IO[bytes], ...]
) -> NoReturn:
    """In the child: run the command and leave, whatever happens."""
    code = 1
    try:
        for descriptor, stream in enumerate(streams):
            os.dup2(stream.fileno(), descriptor)
        sys.stdin, sys.stdout, sys.stderr = (
            TextIOWrapper(open(descriptor, mode, closefd=False), encoding="utf-8")  # noqa: SIM115 - for the whole life
            for descriptor, mode in ((0, "rb"), (1, "wb"), (2, "wb"))
        )
        for number in (signal.SIGALRM, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        warnings.resetwarnings()
        structlog.reset_defaults()
        os.environ.update(environment)
        sys.argv = ["yizheng", *words]
        sys.modules["__main__"].__package__ = None  # else click calls us `python -m pytest`
        code = main()
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else 1
    except BaseException:  # noqa: BLE001 - what an interpreter would print
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _wait(pid: int, words: list[str]) -> int:
    descriptor = os.pidfd_open(pid)
    try:
        if not select.select([descriptor], [], [], _LIMIT_S)[0]:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise TimeoutError(f"yizheng {words} did not end")
    finally:
        os.close(descriptor)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
