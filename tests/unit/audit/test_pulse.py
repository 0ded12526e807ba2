# SPDX-License-Identifier: Apache-2.0
"""What the sequencer looks at once a second. A real store and groups; the clocks are the test's."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.audit.claims import Claims
from gateway.audit.frames import Accepted, Append, Decide, Decided, Durable, Failed
from gateway.audit.group import Groups
from gateway.audit.log import Log
from gateway.audit.pulse import Pulse
from gateway.audit.space import Space
from gateway.audit.store.reader import LogReader
from gateway.audit.store.sqlite import SqliteStore
from gateway.audit.verify import verify_log
from gateway.model.act import Event
from gateway.model.audit_site import AuditSection
from gateway.model.record import parse_record
from gateway.ports import Claim
from tests.unit.audit.samples import KEY, KEYID, NOW_S, SIGNER, entry_bytes
from tests.unit.audit.test_group import Inbox

HOUR_S = 3600


class Clocks:
    """A wall's clock that may be turned, and one that only goes on."""

    def __init__(self) -> None:
        self.wall_s = float(NOW_S)
        self.steady_s = 1000.0

    def go_on(self, seconds: float, *, step_s: float = 0) -> None:
        self.wall_s += seconds + step_s
        self.steady_s += seconds


class Room:
    """Groups with a pulse, and what it told."""

    def __init__(self, folder: Path, section: AuditSection) -> None:
        self.folder = folder
        self.clocks = Clocks()
        self.store = SqliteStore.open(folder, KEY)
        self.groups = Groups(
            Log(self.store, SIGNER),
            lambda: Claims(window_s=60, utc_offset_h=8, clock=lambda: self.clocks.wall_s),
        )
        self.beats = 0
        self.spaces: list[Space] = []
        self._section = section
        self.pulse = self.new_pulse()

    def new_pulse(self) -> Pulse:
        return Pulse(
            self.groups,
            self.folder,
            self._section,
            on_beat=self._beat,
            on_measured=self.spaces.append,
            wall_s=lambda: self.clocks.wall_s,
            steady_s=lambda: self.clocks.steady_s,
        )

    def _beat(self) -> None:
        self.beats += 1

    def answer(self, request: Append | Decide) -> object:
        inbox = Inbox()
        self.groups.submit(inbox, 1, request)
        self.groups.drain()
        return inbox.replies[1]

    def events(self) -> list[Event]:
        with closing(LogReader.open(self.folder)) as reader:
            verify_log(reader, KEY)
            records = [parse_record(line) for _, line in reader.entries()]
        return [record for record in records if isinstance(record, Event)]


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    made = Room(tmp_path, AuditSection(min_free_bytes=0, alarm_used_percent=100))
    await made.groups.restore()
    yield made
    made.store.close()


def entry(number: int) -> Append:
    return Append(entry_bytes(number), None, None)


def claim_at(wall_s: float, nonce: str) -> Claim:
    return Claim(KEYID, nonce, int(wall_s) + 60)


async def test_each_look_is_a_sign_of_life_and_tells_the_room(room: Room) -> None:
    room.pulse.look()
    room.pulse.look()
    assert room.beats == 2
    assert [space.state for space in room.spaces] == ["ok", "ok"]


async def test_without_room_everything_new_is_refused_until_there_is_some(tmp_path: Path) -> None:
    full = Room(tmp_path, AuditSection(min_free_bytes=1 << 60))
    await full.groups.restore()
    assert full.answer(entry(1)) == Durable(0)
    full.pulse.look()
    assert full.answer(entry(2)) == Failed("failed")
    full.groups.accept(is_room=True)
    assert full.answer(entry(3)) == Durable(1)
    full.store.close()


@pytest.mark.parametrize("step_s", [-HOUR_S, -2, 2, HOUR_S, 30 * 86_400])
async def test_a_step_is_an_event_before_the_entries_of_its_group(
    room: Room, step_s: float
) -> None:
    room.clocks.go_on(1)
    room.pulse.look()
    room.clocks.go_on(1, step_s=step_s)
    room.pulse.look()
    room.pulse.look()
    if step_s < -60:
        await room.groups.restore()
    assert room.answer(entry(1)) == Durable(1)
    assert [event.detail for event in room.events()] == [f"step_ms={step_s * 1000}"]


async def test_slewing_is_no_step(room: Room) -> None:
    for _ in range(20):
        room.clocks.go_on(1, step_s=0.5)
        room.pulse.look()
    assert room.answer(entry(1)) == Durable(0)
    assert room.events() == []


async def test_an_event_waits_for_a_log_that_is_away_and_is_written_without_a_request(
    room: Room,
) -> None:
    room.groups.renew()
    room.clocks.go_on(1, step_s=HOUR_S)
    room.pulse.look()
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(room.groups.run_forever()),
            tasks.create_task(room.groups.recover_forever()),
        ]
        while not room.events():  # noqa: ASYNC110 - the file is all that tells
            await asyncio.sleep(0.01)
        for task in running:
            task.cancel()
    assert len(room.events()) == 1


async def test_forth_and_back_no_nonce_is_accepted_twice(room: Room) -> None:
    """Under the other time it was forgotten; the log remembers."""
    began_s = room.clocks.wall_s
    made = entry_bytes(1, at_s=began_s, created=int(began_s), signed_nonce="n1")
    assert room.answer(Append(made, claim_at(began_s, "n1"), None)) == Durable(0)
    room.clocks.go_on(1, step_s=HOUR_S)
    room.pulse.look()
    assert isinstance(room.answer(Decide(claim_at(room.clocks.wall_s, "n2"))), Accepted)
    room.clocks.go_on(1, step_s=-HOUR_S)
    assert room.answer(Decide(claim_at(began_s, "n1"))) == Failed("failed")
    room.pulse.look()
    await room.groups.restore()
    assert room.answer(Decide(claim_at(began_s, "n1"))) == Decided("replayed")
    assert isinstance(room.answer(Decide(claim_at(room.clocks.wall_s, "n3"))), Accepted)


async def serves_again(room: Room) -> None:
    """A claim of now is decided, once the log was read again."""
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(room.groups.recover_forever())
        claim = claim_at(room.clocks.wall_s, "again")
        while isinstance(answer := room.answer(Decide(claim)), Failed):  # noqa: ASYNC110 - as a peer
            await asyncio.sleep(0.01)
        running.cancel()
    assert isinstance(answer, Accepted)
    room.pulse.look()  # and once is enough
    assert isinstance(room.answer(Decide(claim_at(room.clocks.wall_s, "more"))), Accepted)


@pytest.fixture
async def ahead(tmp_path: Path) -> AsyncIterator[Room]:
    """A room under a clock six hours ahead, with a log that takes more than one go to read."""
    made = Room(tmp_path, AuditSection(min_free_bytes=0, alarm_used_percent=100))
    ahead_s = made.clocks.wall_s + 6 * HOUR_S
    log = Log(made.store, SIGNER)
    log.append([entry_bytes(n, at_s=ahead_s) for n in range(1100)])
    made.groups = Groups(
        log, lambda: Claims(window_s=60, utc_offset_h=8, clock=lambda: made.clocks.wall_s)
    )
    made.clocks.go_on(1, step_s=6 * HOUR_S)
    made.pulse = made.new_pulse()
    yield made
    made.store.close()


async def test_a_clock_put_right_while_the_log_is_read_has_it_read_again(
    ahead: Room,
) -> None:
    restore = asyncio.create_task(ahead.groups.restore())
    await asyncio.sleep(0)
    assert not restore.done()
    ahead.clocks.go_on(1, step_s=-6 * HOUR_S)
    ahead.pulse.look()  # sees the step while nothing serves
    await restore
    ahead.clocks.go_on(1)
    ahead.pulse.look()
    await serves_again(ahead)


async def test_a_clock_put_right_before_the_first_look_has_the_log_read_again(
    ahead: Room,
) -> None:
    await ahead.groups.restore()
    ahead.clocks.go_on(1, step_s=-6 * HOUR_S)
    ahead.pulse = ahead.new_pulse()  # has never known another clock
    ahead.pulse.look()
    await serves_again(ahead)


async def test_a_clock_that_goes_forth_and_back_between_two_looks_has_the_log_read_again(
    room: Room,
) -> None:
    room.answer(entry(1))
    room.pulse.look()
    room.clocks.go_on(0.2, step_s=6 * HOUR_S)
    assert isinstance(room.answer(Decide(claim_at(room.clocks.wall_s, "n1"))), Accepted)
    room.clocks.go_on(0.2, step_s=-6 * HOUR_S)
    room.pulse.look()
    await serves_again(room)
    assert room.events() == []  # no step was to be seen
