# SPDX-License-Identifier: Apache-2.0
"""F-04: the disk of the log fills up. Told before, refused before anything is lost, over by itself.

The disk is a tmpfs of 8 MiB of the test's own, which takes root. A disk that is full in the midst
of a record is in tests/integration/test_sequencer_faults.py (RLIMIT_FSIZE), and needs none.
"""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.audit.client import SequencerClient
from gateway.model.audit_site import AuditSection
from tests.faults.appending import Appending
from tests.integration.sequencer_process import Sequencer, connected

KIB, MIB = 1024, 1024 * 1024
DISK_BYTES = 8 * MIB
REFUSED_P99_S = float(os.environ.get("YIZHENG_FULL_DISK_S", "5"))  # 0.1 is for a quiet machine
RESUME_LIMIT_S = float(os.environ.get("YIZHENG_RESUME_S", "30"))  # 5 is for a quiet machine, too
REFUSALS = 200


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a small disk."""
    folder = tmp_path / "log"
    folder.mkdir(mode=0o700)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=0700", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a disk of the test's own takes the right to mount one")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path, *, but_bytes: int) -> Path:
    """Leave so much room."""
    found = os.statvfs(disk)
    filler = disk / "filler"
    filler.write_bytes(bytes(found.f_bavail * found.f_frsize - but_bytes))
    return filler


def start(tmp_path: Path, section: AuditSection) -> Iterator[Sequencer]:
    process = Sequencer(tmp_path, section)
    process.start()
    yield process
    process.stop(signal.SIGKILL)


@pytest.fixture
def watching(tmp_path: Path, disk: Path) -> Iterator[Sequencer]:
    yield from start(tmp_path, AuditSection(min_free_bytes=400 * KIB, alarm_used_percent=90))


@pytest.fixture
def careless(tmp_path: Path, disk: Path) -> Iterator[Sequencer]:
    """It only notices when a write fails."""
    yield from start(tmp_path, AuditSection(min_free_bytes=0, alarm_used_percent=100))


async def measure(
    appending: Appending, client: SequencerClient, filler: Path
) -> tuple[float, float]:
    """The p99 of refusals, and the seconds from the moment that there is room again."""
    appending.refused_s.clear()
    async with appending.by(client):
        await appending.until(refused=REFUSALS)
        refused_s = sorted(appending.refused_s)
        filler.unlink()  # noqa: ASYNC240 - in memory, and the moment counts
        began_s, acknowledged = time.monotonic(), len(appending.journal)
        await appending.until(acknowledged=acknowledged + 1)
        resumed_s = time.monotonic() - began_s
    return refused_s[int(len(refused_s) * 0.99)], resumed_s


async def test_it_is_told_then_refused_and_then_over_before_a_write_fails(
    watching: Sequencer, disk: Path, record_property: Callable[[str, object], None]
) -> None:
    appending = Appending()
    filler = fill(disk, but_bytes=DISK_BYTES * 12 // 100)
    async with connected(watching) as client:
        said = asyncio.create_task(asyncio.to_thread(watching.heard_until, "state=refusing"))
        while not appending.refused_s:
            assert await appending.append(client) or appending.journal
            await asyncio.sleep(0.05)  # 20 a second: a disk does not fill within one look
        before = await said
        assert "state=alarm" in before
        assert "not serving" not in before
        p99_s, resumed_s = await measure(appending, client, filler)
    assert p99_s <= REFUSED_P99_S
    assert resumed_s <= RESUME_LIMIT_S
    watching.stop()
    assert watching.check(appending.journal) == len(appending.journal)
    record_property("refused_p99_ms", round(p99_s * 1000, 2))
    record_property("resumed_after_s", round(resumed_s, 2))


async def test_a_write_that_fails_costs_refusals_and_no_record(
    careless: Sequencer, disk: Path, record_property: Callable[[str, object], None]
) -> None:
    appending = Appending()
    filler = fill(disk, but_bytes=2 * MIB)
    async with connected(careless) as client:
        async with appending.by(client):
            await appending.until(refused=1)
        p99_s, resumed_s = await measure(appending, client, filler)
    assert p99_s <= REFUSED_P99_S
    assert resumed_s <= RESUME_LIMIT_S
    careless.stop()
    size = careless.check(appending.journal)
    assert size == len(appending.journal)
    record_property("acknowledged", size)
    record_property("refused_p99_ms", round(p99_s * 1000, 2))
    record_property("resumed_after_s", round(resumed_s, 2))
