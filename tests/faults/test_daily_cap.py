# SPDX-License-Identifier: Apache-2.0
"""A daily cap of 100, 4 workers, 8 callers: 100 are permitted, whatever is killed.

Killed with -9, one after the other: a worker, the sequencer, and the whole tree, which is started
again. Between two batches no answer is lost, so callers have 100 answers; under load those that
were on their way are lost, and the log has 100 permits all the same. Both are counted in the log,
by an eye that knows no quota, and every answer that was received stands there.
"""

import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fixtures.world import World
from gateway.audit.store.reader import LogReader
from gateway.model.entry import Entry
from gateway.model.record import parse_record
from tests.faults.asking import EXPECTED, Asking

CAP = 100
WORKERS = 4
CALLERS = 8
ASKED = 400
#: Answers after which something is killed.
KILLED_AT = (20, 45, 70)
RETURN_LIMIT_S = float(os.environ.get("YIZHENG_RETURN_S", "15")) * 4


@pytest.fixture
def capped() -> Iterator[World]:
    """A world whose one grant of identities has the cap, and whose day does not end now."""
    with tempfile.TemporaryDirectory(prefix="yz-") as folder:
        world = World(Path(folder), workers=WORKERS)
        grants, config = world.site / "grants/demo.toml", world.site / "gateway.toml"
        before = grants.read_text()
        assert before.count("daily_cap = 100000\n") == 1
        grants.write_text(before.replace("daily_cap = 100000\n", f"daily_cap = {CAP}\n"))
        noon_h = 12 - datetime.now(UTC).hour
        assert "utc_offset_h" not in config.read_text()
        config.write_text(
            config.read_text().replace("[site]\n", f"[site]\nutc_offset_h = {noon_h}\n", 1)
        )
        try:
            world.start_departments()
            world.start_gateway()
            yield world
        finally:
            world.stop()


def kill_worker(world: World) -> None:
    os.kill(world.pids()["worker-1"], signal.SIGKILL)


def kill_sequencer(world: World) -> None:
    os.kill(world.pids()["sequencer"], signal.SIGKILL)


def kill_everything(world: World) -> None:
    pids = world.pids()
    for pid in (pids.pop("supervisor"), *pids.values()):  # who would start others goes first
        os.kill(pid, signal.SIGKILL)
    world.gateway.stop(signal.SIGKILL)
    world.start_gateway()


KILLS: tuple[Callable[[World], None], ...] = (kill_worker, kill_sequencer, kill_everything)


def has_answers(asking: Asking, count: int) -> Callable[[], bool]:
    return lambda: len(asking.answers) >= count


def decided(asking: Asking) -> int:
    """How many requests were permitted or were one too many, as their callers heard."""
    return len(asking.answers) + asking.codes["QUOTA_EXCEEDED"]


def permitted_in_log(world: World) -> int:
    with closing(LogReader.open(world.site / "var/audit")) as reader:
        entries = [parse_record(line) for _, line in reader.entries()]
    return sum(
        entry.decision.result == "permit" and entry.grant == "yq-gjj@3"
        for entry in entries
        if isinstance(entry, Entry)
    )


@pytest.mark.timeout(180)
async def test_between_batches_whatever_is_killed_exactly_the_cap_is_answered(
    capped: World, record_property: Callable[[str, object], None]
) -> None:
    asking = Asking(capped)
    for count, kill in zip(KILLED_AT, KILLS, strict=True):
        async with asking.by(CALLERS):
            await asking.until(has_answers(asking, count), RETURN_LIMIT_S)
        kill(capped)
    async with asking.by(CALLERS):
        await asking.until(lambda: decided(asking) >= ASKED, RETURN_LIMIT_S)
    assert capped.gateway.stop() == 0
    record_property("asked", decided(asking))
    assert decided(asking) >= ASKED
    assert asking.codes.keys() <= {*EXPECTED, "QUOTA_EXCEEDED"}
    assert len(asking.answers) == CAP
    assert permitted_in_log(capped) == CAP
    asking.check()


@pytest.mark.timeout(180)
async def test_under_load_whatever_is_killed_the_log_has_exactly_the_cap(
    capped: World, record_property: Callable[[str, object], None]
) -> None:
    asking = Asking(capped)
    async with asking.by(CALLERS):
        for count, kill in zip(KILLED_AT, KILLS, strict=True):
            await asking.until(has_answers(asking, count), RETURN_LIMIT_S)
            kill(capped)
        await asking.until(lambda: decided(asking) >= ASKED, RETURN_LIMIT_S)
    assert capped.gateway.stop() == 0
    assert asking.codes.keys() <= {*EXPECTED, "QUOTA_EXCEEDED"}
    lost = CAP - len(asking.answers)
    record_property("asked", decided(asking))
    record_property("lost", lost)
    assert permitted_in_log(capped) == CAP
    assert 0 <= lost <= CALLERS * len(KILLS)
    asking.check()
