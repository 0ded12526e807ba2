# SPDX-License-Identifier: Apache-2.0
"""F-03: each write and each sync of the sequencer fails once, the n-th for n = 1 … YIZHENG_INJECT.

1. Whatever waits for the failing call is refused within YIZHENG_REFUSED_S; nothing is acknowledged
   then.
2. A failed sync is not repeated and believed: the kernel may have dropped the pages and forgotten.
   The database is written again before it is synced again. After a failed sync of the write-ahead
   log what it holds is copied into the database, that is synced, and the log is cut, before
   anything is added to it; where a reader's snapshot keeps it from being cut, all of it is written
   again in its place, and that is synced.
3. It serves again by itself, and all that was acknowledged is there.
"""

import os
import re
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.audit.store.reader import DATABASE
from tests.faults.appending import Appending
from tests.integration.sequencer_process import Sequencer, connected
from tests.unit.audit.samples import held_snapshot

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace fails a call")

COUNT = int(os.environ.get("YIZHENG_INJECT", "2"))
#: 1 s on a quiet machine; where cores and the disk are shared a write may wait for others.
LIMIT_S = float(os.environ.get("YIZHENG_REFUSED_S", "5"))
#: A quick run takes a few, a full one takes every n up to 200.
NTHS = [1 + number * 200 // COUNT for number in range(COUNT)]
#: Appends that reach the last n: a group makes one sync and several writes.
APPENDS = 230
WAL = f"{DATABASE}-wal"
CALL = re.compile(r"^\d+ +(\w+)\(\d+<([^>]*)>")
RANGE = re.compile(r", (\d+), (\d+)\) += \d+$")


@pytest.fixture
def sequencer(tmp_path: Path) -> Iterator[Sequencer]:
    process = Sequencer(tmp_path)
    yield process
    process.stop(signal.SIGKILL)


def start_failing(sequencer: Sequencer, call: str, nth: int) -> bool:
    """Start it; False when it would not start, as it must when its first calls fail."""
    under = [
        "strace", "-D", "-f", "-y", "-o", str(sequencer.folder / "calls"),
        "-e", "trace=pwrite64,fdatasync,fsync,ftruncate",
        "-e", f"inject={call}:error=EIO:when={nth}",
    ]  # fmt: skip
    sequencer.process = sequencer.spawn(under)
    assert sequencer.process.stdout is not None
    return any(line.startswith("ready") for line in sequencer.process.stdout)


def range_of(line: str) -> tuple[int, int]:
    """Where a write begins and ends; nowhere for another call."""
    found = RANGE.search(line)
    return (int(found[2]), int(found[2]) + int(found[1])) if found else (0, 0)


class Doubts:
    """What was written since the last good sync of each file, and whether a sync of it failed."""

    def __init__(self) -> None:
        self._unsynced = {DATABASE: False, WAL: False}
        self._doubtful = dict(self._unsynced)
        self._wal_bytes = self._again_bytes = 0

    def fail(self, call: str, name: str) -> None:
        self._doubtful[name] = call == "fdatasync" and self._unsynced.get(name, False)
        self._again_bytes = 0

    def take(self, call: str, name: str, at: int, end: int) -> None:
        """Take a call that went well; refuse one that believes a sync that had failed."""
        match name, call:
            case "audit.sqlite3", "pwrite64":
                self._unsynced[name], self._doubtful[name] = True, False
            case "audit.sqlite3", "fdatasync":
                assert not self._doubtful[name], "it was synced again as it was"
                self._unsynced[name] = False
            case "audit.sqlite3-wal", "pwrite64" if self._doubtful[name]:
                assert at == self._again_bytes, "it went on after a failed sync"
                self._again_bytes = end
            case "audit.sqlite3-wal", "pwrite64":
                self._unsynced[name] = True
                self._wal_bytes = max(self._wal_bytes, end)
            case "audit.sqlite3-wal", "fsync" if self._doubtful[name]:
                assert self._again_bytes == self._wal_bytes, "not all was written again"
                self._unsynced[name] = self._doubtful[name] = False
            case "audit.sqlite3-wal", "fdatasync":
                self._unsynced[name] = False
            case "audit.sqlite3-wal", "ftruncate":
                assert not self._unsynced[DATABASE], "it was cut before it was moved"
                self._unsynced[name] = self._doubtful[name] = False
                self._wal_bytes = 0
            case _:
                pass


def count_failures(calls: str) -> int:
    """Calls that were failed, after seeing that no failed sync was repeated and believed."""
    failures, doubts = 0, Doubts()
    for line in calls.splitlines():
        if (found := CALL.match(line)) is None:
            continue
        call, name = found[1], Path(found[2]).name
        if "(INJECTED)" in line:
            failures += 1
            doubts.fail(call, name)
        else:
            doubts.take(call, name, *range_of(line))
    return failures


async def append_over(sequencer: Sequencer, appending: Appending) -> None:
    """Append until the call has failed and it serves again, or the most that can be needed."""
    async with connected(sequencer) as client:
        refused = len(appending.refused_s)
        for _ in range(APPENDS):
            await appending.append(client)
            if len(appending.refused_s) > refused:
                break
        else:
            return
        async with appending.by(client, 1, pause_s=0.01):
            await appending.until(acknowledged=len(appending.journal) + 3)


@pytest.mark.timeout(60 + 5 * COUNT)
@pytest.mark.parametrize("call", ["pwrite64", "fdatasync"])
async def test_a_call_that_fails_once_costs_refusals_and_no_record(
    sequencer: Sequencer, call: str, record_property: Callable[[str, object], None]
) -> None:
    appending = Appending()
    failures = starts_refused = unseen = 0
    for nth in NTHS:
        before = len(appending.refused_s)
        if start_failing(sequencer, call, nth):
            await append_over(sequencer, appending)
            unseen += len(appending.refused_s) == before
        else:
            starts_refused += 1
        sequencer.stop()
        failures += count_failures(sequencer.end_of_trace(sequencer.folder / "calls"))
    size = sequencer.check(appending.journal)
    assert failures == COUNT
    assert max(appending.refused_s, default=0) <= LIMIT_S
    assert 0 <= size - len(appending.journal) <= COUNT
    record_property("failed_calls", failures)
    record_property("starts_refused", starts_refused)
    record_property("failed_without_a_refusal", unseen)
    record_property("refused", len(appending.refused_s))
    record_property("refused_max_ms", round(max(appending.refused_s, default=0) * 1000, 1))
    record_property("acknowledged", len(appending.journal))


@pytest.mark.parametrize("nth", [7, 12])
async def test_a_failed_sync_of_what_a_reader_keeps_is_not_believed_either(
    sequencer: Sequencer, nth: int
) -> None:
    """An auditor's program runs all the while, so that the write-ahead log cannot be cut."""
    appending = Appending()
    sequencer.start()
    async with connected(sequencer) as client:
        assert await appending.append(client)
        with held_snapshot(sequencer.folder / "log") as reader:
            assert await appending.append(client)
            sequencer.stop()
            assert start_failing(sequencer, "fdatasync", nth)
            await append_over(sequencer, appending)
            sequencer.stop()
            calls = sequencer.end_of_trace(sequencer.folder / "calls")
            assert reader.execute("SELECT count(*) FROM entries").fetchone() == (1,)
    assert appending.refused_s
    assert count_failures(calls) == 1
    assert "ftruncate" not in calls
    assert 0 <= sequencer.check(appending.journal) - len(appending.journal) <= 1
