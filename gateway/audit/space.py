# SPDX-License-Identifier: Apache-2.0
"""Room for the log: told before it is tight, refused before it is gone.

1. What counts is what the file system would still give to a process that is not root (`df`'s
   figures), in the folder of the log.
2. Below `min_free_bytes` nothing is accepted: what is on its way then fits into what is left.
3. From `alarm_used_percent` on there is an alarm, and service goes on.
"""

import os
from pathlib import Path

import msgspec

from gateway.errors import AuditError
from gateway.model.audit_site import Alarm, AuditSection


class Space(msgspec.Struct, frozen=True):
    """One measurement.

    Attributes:
        free_bytes: that may still be written.
        used_percent: of what may be used at all, rounded up.
    """

    free_bytes: int
    used_percent: int
    state: Alarm


def measure_space(folder: Path, section: AuditSection) -> Space:
    """Ask the file system of the log.

    Raises:
        AuditError: the folder is not there or cannot be asked.
    """
    try:
        found = os.statvfs(folder)
    except OSError as error:
        raise AuditError("AUDIT_UNAVAILABLE", f"free space: {error.strerror}") from None
    used = found.f_blocks - found.f_bfree
    used_percent = -(-100 * used // max(1, used + found.f_bavail))
    free_bytes = found.f_bavail * found.f_frsize
    state: Alarm = "ok"
    if free_bytes < section.min_free_bytes:
        state = "refusing"
    elif used_percent >= section.alarm_used_percent:
        state = "alarm"
    return Space(free_bytes, used_percent, state)


def format_space(space: Space) -> str:
    """Write the state for /readyz: `ok`, `alarm 91 %`, `refusing 99 %`."""
    return space.state if space.state == "ok" else f"{space.state} {space.used_percent} %"
