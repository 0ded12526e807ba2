# SPDX-License-Identifier: Apache-2.0
"""One process under the supervisor: its history there, and its whole life after the fork."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import structlog

from gateway.errors import GatewayError
from gateway.log import configure_logs, frames_of, watch_loop

_log = structlog.get_logger()

#: sysexits.h: the configuration cannot be used.
EXIT_CONFIG: Final = 78
#: sysexits.h: a fault of ours.
EXIT_FAULT: Final = 70

Run = Callable[[asyncio.Event, Callable[[], None]], Awaitable[None]]


class Child:
    """One supervised process and its history; `run` is what it does until it is told to stop.

    `run` is given `ready`, to be called when it serves; whoever is watched calls it each second.
    """

    def __init__(self, name: str, run: Run) -> None:
        self.name: Final = name
        self.run: Final = run
        self.pid = 0
        self.ready_fd = -1
        self.ready = self.reload_due = False
        self.silent_count = 0
        self.started_at_s = 0.0
        self.failures = 0
        self.last_code = 0
        self.start_at_s = 0.0

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not been reaped."""
        return self.pid != 0


def run_child(child: Child, life_fd: int, ready_fd: int) -> None:
    """The whole life of a forked process; never returns."""
    code = EXIT_FAULT
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a worker that serves listens to it
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the supervisor's to hear
        configure_logs(child.name)
        import uvloop  # noqa: PLC0415 - the loop belongs to the child

        uvloop.run(_until_told(child, life_fd, ready_fd))
        code = 0
    except GatewayError as error:
        _log.error("cannot run", error=str(error))
        code = EXIT_CONFIG
    except BaseException as error:  # noqa: BLE001 - the last frame of a process
        _log.error("process failed", kind=type(error).__name__, frames=frames_of(error))
    finally:
        sys.stderr.flush()
        os._exit(code)


async def _until_told(child: Child, life_fd: int, ready_fd: int) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    watch_loop(loop)
    loop.add_signal_handler(signal.SIGTERM, stop.set)

    def on_life_end() -> None:
        loop.remove_reader(life_fd)
        stop.set()

    loop.add_reader(life_fd, on_life_end)

    os.set_blocking(ready_fd, False)

    def ready() -> None:
        with suppress(OSError):  # a supervisor that does not read now is no reason to wait
            os.write(ready_fd, b".")

    await child.run(stop, ready)
