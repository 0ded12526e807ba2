# SPDX-License-Identifier: Apache-2.0
"""A department's simulator as a process: say when it is ready, and go when it should.

Protocol with whoever starts it: one JSON line on standard output when the service can be used, then
silence; it ends at SIGTERM or SIGINT, and when the process that started it is gone.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from typing import Final

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
