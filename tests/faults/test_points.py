# SPDX-License-Identifier: Apache-2.0
"""F-02: the sequencer is killed at named points of its work, YIZHENG_POINTS times at each.

Points inside SQLite are reached by strace, which kills at the entry of a system call; the others by
a line that the test puts around the product's own functions in the process that is to die.

Afterwards every acknowledged entry is there, the log verifies, and it can be taken up again.
"""

import os
import random
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.audit.store.reader import DATABASE
from gateway.audit.store.sqlite import SqliteStore
from tests.faults.appending import Appending
from tests.integration.sequencer_process import Sequencer, connected
from tests.unit.audit.samples import KEY

POINTS = int(os.environ.get("YIZHENG_POINTS", "1"))
SEED = int(os.environ.get("YIZHENG_SEED", "20261122"))
CALLERS = 4
FRAME_BYTES = 24 + 4096

DIE = """
import asyncio, os, signal
import gateway.audit.log, gateway.audit.sequencer, gateway.audit.store.sqlite
left = NTH
def die():
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
def around(owner, name, before=lambda: None, after=lambda: None):
    inner = getattr(owner, name)
    def outer(*values):
        before()
        result = inner(*values)
        after()
        return result
    setattr(owner, name, outer)
def soon():
    asyncio.get_running_loop().call_later(0.001, die)
Log, Store = gateway.audit.log.Log, gateway.audit.store.sqlite.SqliteStore
Connection = gateway.audit.sequencer._Connection
"""
PATCHED = {
    "before append": 'around(Log, "append", before=die)',
    "after sign": 'around(gateway.audit.log.CheckpointSigner, "sign", after=die)',
    "after sync": 'around(Store, "commit", after=die)',
    "before send": 'around(Connection, "send", before=die)',
    "after send": 'around(Connection, "send", after=soon)',
}
#: Calls of each kind that a start makes are skipped.
TRACED = {"before write": ("pwrite64", 60), "before sync": ("fdatasync", 15)}
NEEDS_STRACE = pytest.mark.skipif(shutil.which("strace") is None, reason="strace kills at a call")


@pytest.fixture
def sequencer(tmp_path: Path) -> Iterator[Sequencer]:
    process = Sequencer(tmp_path)
    yield process
    process.stop(signal.SIGKILL)


def start_to_die(sequencer: Sequencer, point: str, nth: int) -> None:
    if point in PATCHED:
        first = DIE.replace("NTH", str(nth)) + PATCHED[point] + "\n"
        sequencer.start(first=first)
        return
    call, skipped = TRACED[point]
    order = f"inject={call}:signal=KILL:when={skipped + nth}"
    sequencer.start(
        under=["strace", "-D", "-f", "-o", str(sequencer.folder / "calls"), "-e", order]
    )


async def append_until_it_dies(sequencer: Sequencer, appending: Appending) -> None:
    async with connected(sequencer) as client, appending.by(client, CALLERS):
        await appending.until_ended(client)
    sequencer.stop(signal.SIGKILL)


@pytest.mark.timeout(60 + 4 * POINTS)
@pytest.mark.parametrize(
    "point", [*PATCHED, *(pytest.param(name, marks=NEEDS_STRACE) for name in TRACED)]
)
async def test_a_kill_loses_nothing_acknowledged(
    sequencer: Sequencer, point: str, record_property: Callable[[str, object], None]
) -> None:
    dice = random.Random(f"{SEED} {point}")
    appending = Appending()
    extra = 0
    for _ in range(POINTS):
        start_to_die(sequencer, point, dice.randint(1, 40))
        await append_until_it_dies(sequencer, appending)
        SqliteStore.open(sequencer.folder / "log", KEY).close()
        size = sequencer.check(appending.journal)
        assert size - len(appending.journal) - extra in range(CALLERS + 1)
        extra = size - len(appending.journal)
    record_property("kills", POINTS)
    record_property("acknowledged", len(appending.journal))
    record_property("recorded_without_answer", extra)


@NEEDS_STRACE
@pytest.mark.parametrize("cut_bytes", [1, FRAME_BYTES + 100])
async def test_a_torn_end_is_dropped_and_reported(sequencer: Sequencer, cut_bytes: int) -> None:
    appending = Appending()
    start_to_die(sequencer, "before sync", 3)
    await append_until_it_dies(sequencer, appending)
    wal = sequencer.folder / "log" / f"{DATABASE}-wal"
    os.truncate(wal, wal.stat().st_size - cut_bytes)
    sequencer.process = sequencer.spawn()
    sequencer.wait_for("unfinished write")
    sequencer.wait_for("ready")
    assert sequencer.check(appending.journal) == len(appending.journal)
    async with connected(sequencer) as client:
        assert await appending.append(client)
    sequencer.stop()
    assert sequencer.check(appending.journal) == len(appending.journal)


def test_a_whole_end_is_not_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        with closing(SqliteStore.open(tmp_path, KEY)):
            pass
    assert "unfinished" not in capsys.readouterr().out
