# SPDX-License-Identifier: Apache-2.0
"""Who uses which processor: pinning, processor time of processes, and what others use (Linux)."""

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_TICK_S: Final = 1 / os.sysconf("SC_CLK_TCK")
_NS: Final = 1e-9
_CHECK_S: Final = 0.1
#: As it was before anything was pinned.
_USABLE: Final = sorted(os.sched_getaffinity(0))


def cores() -> tuple[int, int]:
    """The core of servers, and that of load and sequencer; the same where there is only one."""
    return _USABLE[0], _USABLE[-1]


def core_count() -> int:
    """Cores that may be used."""
    return len(_USABLE)


def pin(pids: Iterable[int], *cores: int) -> None:
    """Let these processes, with all their threads, run on these cores only."""
    for pid in pids:
        for task in _tasks(pid):
            with suppress(ProcessLookupError):
                os.sched_setaffinity(task, cores)


def cpu_s(pids: Iterable[int]) -> float:
    """Seconds of processor time that these processes have used, to the nanosecond."""
    total = 0.0
    for pid in pids:
        for task in _tasks(pid):
            with suppress(OSError):
                spent = (_PROC / f"{pid}/task/{task}/schedstat").read_text()
                total += int(spent.split()[0]) * _NS
    return total


def resident_bytes(pid: int) -> int:
    """Resident memory of a process."""
    pages = (_PROC / f"{pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


class Others:
    """What everything but this process and its descendants does with the machine, from now on."""

    def __init__(self) -> None:
        self._began_s: Final = time.monotonic()
        self._busy_s: Final = _busy_s()
        self._ours_s: Final = _ours_s()

    def share(self) -> float:
        """Part of all cores that they used, 0 to 1."""
        elapsed_s = (time.monotonic() - self._began_s) * (os.cpu_count() or 1)
        theirs_s = (_busy_s() - self._busy_s) - (_ours_s() - self._ours_s)
        return max(0.0, theirs_s / elapsed_s)


class Patience:
    """Waits for an idle machine, as long as there is patience left.

    Args:
        budget_s: for the whole run.
        limit: share of the machine that others may use.

    Attributes:
        disturbed_count: shots that had to be taken while others were at work.
    """

    def __init__(self, budget_s: float, limit: float = 0.05) -> None:
        self.limit: Final = limit
        self.disturbed_count = 0
        self._left_s = budget_s

    def wait(self) -> None:
        """Return when others are quiet, or patience is at its end."""
        while True:
            others = Others()
            time.sleep(_CHECK_S if self._left_s > 0 else 0.0)
            if self._left_s <= 0 or others.share() <= self.limit:
                return
            self._left_s -= _CHECK_S

    def accepts(self, share: float, seconds: float) -> bool:
        """Whether a shot of so many seconds during which others used that share shall count."""
        if share <= self.limit:
            return True
        self._left_s -= seconds
        if self._left_s > 0:
            return False
        self.disturbed_count += 1
        return True


def _tasks(pid: int) -> list[int]:
    try:
        return [int(task.name) for task in (_PROC / f"{pid}/task").iterdir()]
    except OSError:
        return []


def _busy_s() -> float:
    """User, nice and system time of all processes."""
    with (_PROC / "stat").open() as file:
        ticks = file.readline().split()[1:4]
    return sum(map(int, ticks)) * _TICK_S


def _ours_s() -> float:
    """The same of this process, its descendants, and those of them that have ended."""
    spent: dict[int, tuple[int, int]] = {}
    for folder in _PROC.iterdir():
        if folder.name.isdecimal():
            with suppress(OSError):
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                spent[int(folder.name)] = (int(fields[1]), sum(map(int, fields[11:15])))
    ours = {os.getpid()}
    found = True
    while found:
        found = False
        for pid, (parent, _) in spent.items():
            if parent in ours and pid not in ours:
                ours.add(pid)
                found = True
    return sum(spent[pid][1] for pid in ours if pid in spent) * _TICK_S
