# SPDX-License-Identifier: Apache-2.0
"""Adapters that raise, answer junk, block the loop, leak tasks or exit harm nobody else (F-17)."""

import asyncio
import os
import threading
import time
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest

from gateway.errors import DepartmentError
from gateway.model.site import AdapterSite
from gateway.registry import scope
from gateway.registry.directory import Departments
from gateway.registry.observer import Unobserved
from gateway.registry.quarantine import BREACHES, Offence
from gateway.sdk import Adapter, Deadline, Found, NotFound, Query
from tests.faults.departments import RECORD, Quiet, Settings
from tests.faults.test_departments import Neighbour, question

pytestmark = pytest.mark.faults

BLOCK_S = 2.0
NAMED_WITHIN_S = 1.0
#: A machine that stalls does so in one of them; what names nothing in time does not in any.
TRIES = 3


class Raising(Quiet):
    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        raise ZeroDivisionError(query.holder.number)


class Junk(Quiet):
    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        return {"name": 1}  # type: ignore[return-value] # the point


class Exiting(Quiet):
    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        async def leave() -> None:
            raise SystemExit(1)

        await asyncio.create_task(leave())
        return Found(RECORD)


class Leaking(Quiet):
    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        async def linger() -> None:
            await asyncio.Event().wait()

        self.kept = [asyncio.create_task(linger()) for _ in range(3)]
        return Found(RECORD)


class Blocking(Quiet):
    began_s = 0.0

    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        type(self).began_s = time.monotonic()
        time.sleep(BLOCK_S)  # noqa: ASYNC251 - the point
        return Found(RECORD)


class Crashing(Quiet):
    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        os.abort()


class Heard(Unobserved):
    """Takes note of offences, and of when and where they were told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Offence, int]] = []
        self.at_s = 0.0
        self.in_loop = True

    def note_offence(self, adapter: str, offence: Offence, count: int = 1) -> None:
        self.told.append((adapter, offence, count))
        self.at_s = time.monotonic()
        self.in_loop = threading.current_thread() is threading.main_thread()


def site(bad: type[Adapter[Settings]], heard: Heard, **changes: str) -> Departments:
    named = msgspec.convert({"plugin": "quiet", "name": "bad", **changes}, AdapterSite)
    good = AdapterSite(plugin="quiet", name="good")
    return Departments([(named, bad), (good, Neighbour)], folder=Path(), observer=heard)


async def ask_until(found: Departments, state: str, limit: int) -> int:
    """Ask both until the bad one is in that state; the good one answers every time."""
    for count in range(limit):
        if (await found.health())["bad"] == state:
            return count
        with suppress(DepartmentError):
            await found.lookup(question(), Deadline.after(10))
        await asyncio.sleep(0.03)
        answer = await found.lookup(question(Neighbour.certificates[0]), Deadline.after(10))
        assert isinstance(answer, Found)
    raise AssertionError(f"not {state} after {limit} questions: {await found.health()}")


@pytest.mark.parametrize(
    ("bad", "reason", "count"),
    [(Raising, "broken", BREACHES), (Junk, "broken", BREACHES), (Exiting, "exited", 3)],
)
async def test_code_that_breaks_its_promise_is_quarantined(
    bad: type[Adapter[Settings]], reason: str, count: int
) -> None:
    found = site(bad, Heard())
    await found.open()
    assert await ask_until(found, f"quarantined: {reason}", count + 1) == count
    await found.aclose()


async def test_tasks_that_are_left_behind_are_counted_and_cancelled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scope, "GRACE_S", 0.01)
    heard = Heard()
    found = site(Leaking, heard)
    before = len(asyncio.all_tasks())
    await found.open()
    await ask_until(found, "quarantined: leaked", 20)
    await found.aclose()
    await asyncio.sleep(0.05)
    assert set(heard.told) == {("bad", "leaked", 3)}
    assert len(asyncio.all_tasks()) <= before


async def blocking_named_after_s() -> float:
    """Block the loop once; returns how many seconds later that was told."""
    heard = Heard()
    found = site(Blocking, heard)
    await found.open()
    await found.lookup(question(), Deadline.after(10))
    await found.aclose()
    assert heard.told == [("bad", "blocked", 1)]
    assert not heard.in_loop
    return heard.at_s - Blocking.began_s


async def test_code_that_blocks_the_loop_is_named_while_it_does() -> None:
    took_s = [await blocking_named_after_s()]
    while took_s[-1] > NAMED_WITHIN_S and len(took_s) < TRIES:
        took_s.append(await blocking_named_after_s())
    assert min(took_s) <= NAMED_WITHIN_S


async def test_code_that_blocks_the_loop_again_and_again_is_quarantined() -> None:
    found = site(Blocking, Heard())
    await found.open()
    await ask_until(found, "quarantined: blocked", 5)
    await found.aclose()


async def test_a_crash_in_a_process_of_its_own_is_a_refusal() -> None:
    found = site(Crashing, Heard(), isolation="process")
    await found.open()
    await ask_until(found, "quarantined: exited", 400)
    await found.aclose()
