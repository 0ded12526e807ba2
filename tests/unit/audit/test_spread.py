# SPDX-License-Identifier: Apache-2.0
"""Who announced a change is answered when every worker has forgotten, or is cut off."""

import asyncio

from gateway.audit.frames import Drop, FrameBuffer, parse_reply
from gateway.audit.spread import Spread
from gateway.model.forget import CacheState, Forget

ABOUT = Forget(tags=(b"t" * 16,))


class Worker:
    """Notes what it is told, and answers when the test says so."""

    def __init__(self, pid: int) -> None:
        self.state = CacheState(pid)
        self.rounds: list[tuple[int, Forget]] = []
        self.is_cut = False

    def send(self, frames: bytes) -> None:
        for round_id, body in FrameBuffer().feed(frames):
            message = parse_reply(body)
            assert isinstance(message, Drop)
            self.rounds.append((round_id, message.forget))

    def abort(self) -> None:
        self.is_cut = True


class Office:
    """A spread with two workers, and what it said at the end."""

    def __init__(self, limit_s: float = 60.0) -> None:
        self.spread = Spread(limit_s)
        self.one, self.two = Worker(1), Worker(2)
        self.said: list[tuple[CacheState, ...]] = []
        self.done = asyncio.Event()
        for worker in (self.one, self.two):
            self.spread.follow(worker)

    def start(self, forget: Forget = ABOUT) -> None:
        self.spread.start(forget, self._end)

    def answer(self, worker: Worker, place: int = -1) -> None:
        self.spread.take(worker, worker.rounds[place][0], worker.state)

    def _end(self, states: tuple[CacheState, ...]) -> None:
        self.said.append(states)
        self.done.set()


async def test_it_is_done_when_the_last_worker_has_forgotten() -> None:
    office = Office()
    office.start()
    assert [forget for _, forget in office.one.rounds + office.two.rounds] == [ABOUT] * 2
    office.answer(office.two)
    assert not office.said
    office.answer(office.one)
    assert office.said == [(CacheState(1), CacheState(2))]


async def test_without_workers_it_is_done_at_once() -> None:
    office = Office()
    for worker in (office.one, office.two):
        office.spread.leave(worker)
    office.start()
    assert office.said == [()]


async def test_rounds_are_told_apart() -> None:
    office = Office()
    office.start()
    office.start()
    office.answer(office.one, 1)
    office.answer(office.two, 1)
    assert len(office.said) == 1
    office.answer(office.one, 0)
    office.answer(office.two, 0)
    assert len(office.said) == 2


async def test_a_worker_counts_once_for_each_round() -> None:
    office = Office()
    office.start()
    office.answer(office.one)
    office.answer(office.one)
    assert not office.said


async def test_a_worker_that_is_gone_is_not_waited_for() -> None:
    office = Office()
    office.start()
    office.answer(office.one)
    office.spread.leave(office.two)
    assert office.said == [(CacheState(1),)]
    office.answer(office.two)  # too late, and heard by nobody
    assert len(office.said) == 1


async def test_a_worker_that_does_not_answer_is_cut_off_and_not_told_again() -> None:
    office = Office(limit_s=0.01)
    office.start()
    office.answer(office.one)
    async with asyncio.timeout(5):
        await office.done.wait()
    assert office.said == [(CacheState(1),)]
    assert (office.one.is_cut, office.two.is_cut) == (False, True)
    office.start()
    assert len(office.two.rounds) == 1


async def test_who_comes_later_is_in_no_round_that_began_before() -> None:
    office = Office()
    office.start()
    late = Worker(3)
    office.spread.follow(late)
    office.answer(office.one)
    office.answer(office.two)
    assert office.said == [(CacheState(1), CacheState(2))]
    assert not late.rounds
