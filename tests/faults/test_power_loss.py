# SPDX-License-Identifier: Apache-2.0
"""F-05: the power fails. A kill never shows this: the page cache outlives a process.

A sequencer is recorded at work: started on nothing, under load until its write-ahead log has been
moved into the database several times, killed, started again, stopped; once more with a reader whose
snapshot is held from the kill to the end. Then YIZHENG_POWER disks are made, each as it may be
found after the power failed at some point of the recording (tests/faults/disk_model.py). Each must
open, verify, and hold all that was acknowledged until then.
"""

import os
import random
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext
from pathlib import Path

import pytest

from gateway.audit.store.reader import LogReader
from gateway.audit.store.sqlite import SqliteStore
from gateway.audit.verify import verify_log
from gateway.sdk import Deadline
from tests.faults.appending import Appending
from tests.faults.disk_model import Disk, Step, read_steps
from tests.integration.sequencer_process import Sequencer, connected
from tests.unit.audit.samples import KEY, held_snapshot

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace records the calls")

STATES = int(os.environ.get("YIZHENG_POWER", "40"))
SEED = int(os.environ.get("YIZHENG_SEED", "20261122"))
ENTRIES = 280
_PING_S = 30.0
CALLS = "openat,pwrite64,write,writev,sendmsg,sendto,fdatasync,fsync,ftruncate,unlink,unlinkat"


@pytest.fixture
def memory_folder() -> Iterator[Path]:
    """A folder whose syncs cost nothing."""
    place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="yz-", dir=place) as folder:
        yield Path(folder)


async def record(sequencer: Sequencer, calls: Path, entries: int, end: int) -> list[bytes]:
    """Append so many entries one after the other; returns the acknowledged bytes."""
    sequencer.start(under=[
        "strace", "-D", "-f", "-y", "-xx", "-s", "1000000", "-o", str(calls), "-e", f"trace={CALLS}"
    ])  # fmt: skip
    appending = Appending()
    async with connected(sequencer) as client:
        for _ in range(entries):
            assert await appending.append(client)
        # Killed in the middle of a call, the last one would not stand in the trace as done.
        await client.ping(Deadline.after(_PING_S))
    sequencer.stop(end)
    sequencer.end_of_trace(calls)
    return [appending.journal[index] for index in sorted(appending.journal)]


def check(folder: Path, journal: list[bytes], acknowledged: int) -> int:
    """Open a disk as a start would; returns the number of entries in it."""
    SqliteStore.open(folder, KEY).close()
    with closing(LogReader.open(folder)) as reader:
        size = verify_log(reader, KEY).size
        found = [entry for _, entry in reader.entries()]
    assert size >= acknowledged
    assert found == journal[:size]
    return size


@pytest.mark.timeout(120 + STATES // 5)
@pytest.mark.parametrize("is_read", [False, True], ids=["alone", "under a reader"])
async def test_no_power_loss_takes_what_was_acknowledged(
    memory_folder: Path, record_property: Callable[[str, object], None], is_read: bool
) -> None:
    sequencer = Sequencer(memory_folder)
    steps: list[Step] = []
    journal: list[bytes] = []
    for entries, end in ((ENTRIES * 3 // 4, signal.SIGKILL), (ENTRIES // 4, signal.SIGTERM)):
        calls, folder = memory_folder / "calls", memory_folder / "log"
        with held_snapshot(folder) if is_read and journal else nullcontext():
            journal += await record(sequencer, calls, entries, end)
        steps += read_steps(calls, folder)
    assert sum(step.kind == "acknowledge" for step in steps) == len(journal) == ENTRIES

    dice = random.Random(SEED)
    points = sorted(dice.choices(range(len(steps) + 1), k=STATES))
    disk, at, beyond = Disk(), 0, 0
    for point in points:
        for step in steps[at:point]:
            disk.take(step)
        at = point
        folder = memory_folder / "found"
        folder.mkdir()
        disk.lose_power(folder, dice)
        beyond += check(folder, journal, disk.acknowledged) - disk.acknowledged
        shutil.rmtree(folder)
    syncs = sum(step.kind == "sync" and step.name.endswith("sqlite3") for step in steps)
    assert syncs >= 3
    record_property("disks", STATES)
    record_property("steps", len(steps))
    record_property("syncs_of_the_database", syncs)
    record_property("recorded_but_not_acknowledged", beyond)
