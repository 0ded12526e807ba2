# SPDX-License-Identifier: Apache-2.0
"""Asking the gateway that serves a site to take what was changed, by SIGHUP to its supervisor."""

import os
import signal
from pathlib import Path
from typing import Final, Literal

import msgspec

Asked = Literal["asked", "not_running", "not_allowed"]

_PROCESSES: Final = Path("/proc")


def ask_reload(state: Path) -> Asked:
    """Send SIGHUP to the supervisor of a site, if one is running.

    The file with its process id may be left from a gateway that was killed, and the id be
    another's by now. So it is sent only to a process that holds the site's lock open.

    Args:
        state: folder `var/` of the site.
    """
    try:
        found = msgspec.json.decode((state / "processes.json").read_bytes(), type=dict[str, int])
        pid, lock = found["supervisor"], (state / "serve.lock").stat()
    except (OSError, KeyError, msgspec.DecodeError, UnicodeDecodeError):
        return "not_running"
    try:
        if not _holds(pid, lock):
            return "not_running"
        os.kill(pid, signal.SIGHUP)
    except ProcessLookupError:
        return "not_running"
    except PermissionError:
        return "not_allowed"
    return "asked"


def _holds(pid: int, lock: os.stat_result) -> bool:
    """Whether a process has a file open.

    Raises:
        PermissionError: it is another user's.
    """
    try:
        opened = list((_PROCESSES / str(pid) / "fd").iterdir())
    except FileNotFoundError:
        return False
    return any(_is_same(each, lock) for each in opened)


def _is_same(opened: Path, lock: os.stat_result) -> bool:
    try:
        return os.path.samestat(opened.stat(), lock)
    except FileNotFoundError:
        return False  # closed meanwhile, or no file
