# SPDX-License-Identifier: Apache-2.0
"""Adapter code that loses cancellations holds up nobody but itself.

What a call's answers and errors become: test_guard.py.
"""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator
from typing import Final

import pytest

from gateway.errors import AdapterTimeout, AdapterUnavailable
from gateway.registry import scope as scopes
from gateway.registry.foreign import AdapterCodeBroken, ask_foreign
from gateway.registry.guard import Guard
from gateway.registry.heartbeat import Heartbeat
from gateway.registry.observer import Unobserved
from gateway.registry.quarantine import Offence
from gateway.registry.scope import Ledger, Scope
from gateway.sdk import Deadline
from tests.unit.registry.desk import FOUND, Desk, Settings, query

LONG_S = 30.0


class Stubborn:
    """Code that loses cancellations, as `except BaseException` does, until it is let go."""

    def __init__(self) -> None:
        self.entered: Final = asyncio.Event()
        self.let_go: Final = asyncio.Event()
        self.over: Final = asyncio.Event()
        self.lost_count = 0

    async def __call__(self) -> object:
        self.entered.set()
        while not self.let_go.is_set():
            try:
                await self.let_go.wait()
            except asyncio.CancelledError:
                self.lost_count += 1
        self.over.set()
        raise ValueError("测试甲")  # whoever asked has gone: nobody may log this


class Heard(Unobserved):
    def __init__(self) -> None:
        self.offences: Final[list[Offence]] = []
        self.told: Final = asyncio.Event()

    def note_offence(self, adapter: str, offence: Offence, count: int = 1) -> None:
        self.offences.append(offence)
        self.told.set()


class Deaf:
    def note_leak(self, names: list[str]) -> None:
        raise AssertionError(names)

    def note_exit(self) -> None:
        raise AssertionError


@pytest.fixture
async def stubborn() -> AsyncIterator[Stubborn]:
    code, said = Stubborn(), []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context))
    yield code
    code.let_go.set()
    await code.over.wait()
    await asyncio.sleep(0)
    gc.collect()
    assert said == []


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Heard:
    monkeypatch.setattr(scopes, "GRACE_S", 0.02)
    return Heard()


def guard_of(desk: Desk, heard: Heard) -> Guard:
    return Guard("desk", desk, timeout_s=LONG_S, concurrency=1, observer=heard)


async def test_a_lookup_that_loses_its_limit_is_let_go_and_told(
    stubborn: Stubborn, heard: Heard
) -> None:
    desk = Desk(Settings())
    desk.answer = stubborn
    guarded = guard_of(desk, heard)
    with pytest.raises(AdapterTimeout):
        await guarded.lookup(query(), Deadline.after(0.05))
    assert not stubborn.over.is_set()
    desk.answer = desk._found
    assert await guarded.lookup(query(), Deadline.after(LONG_S)) == FOUND  # its place is free
    async with asyncio.timeout(LONG_S):
        await heard.told.wait()
    assert heard.offences == ["leaked"]
    assert stubborn.lost_count == 2  # at its limit, and when its grace was over


async def test_a_caller_who_leaves_does_not_wait_for_it(stubborn: Stubborn, heard: Heard) -> None:
    desk = Desk(Settings())
    desk.answer = stubborn
    asking = asyncio.create_task(guard_of(desk, heard).lookup(query(), Deadline.after(LONG_S)))
    await stubborn.entered.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert not stubborn.over.is_set()


async def test_health_is_told_while_a_ping_does_not_end(stubborn: Stubborn, heard: Heard) -> None:
    desk = Desk(Settings())
    desk.answer = stubborn
    guarded = guard_of(desk, heard)
    with pytest.raises(AdapterTimeout):
        await guarded.ping(Deadline.after(0.05))
    heartbeat = Heartbeat(guarded, interval_s=LONG_S, probe_interval_s=LONG_S)
    assert await heartbeat.ask(max_age_s=0) == "PROVIDER_TIMEOUT"


async def test_what_it_says_at_its_cancellation_is_heard() -> None:
    async def call() -> object:
        try:
            return await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise AdapterUnavailable("the session was closed") from None

    with pytest.raises(AdapterUnavailable) as caught:
        await ask_foreign(Scope("desk", Ledger(), Deaf()), call, Deadline.after(0.01))
    assert caught.value.cause == "the session was closed"


async def test_a_cancellation_of_its_own_making_is_a_fault() -> None:
    async def call() -> object:
        raise asyncio.CancelledError

    with pytest.raises(AdapterCodeBroken) as caught:
        await ask_foreign(Scope("desk", Ledger(), Deaf()), call, Deadline.after(LONG_S))
    assert caught.value.cause == "CancelledError"


async def test_an_error_is_gone_when_it_has_been_dealt_with() -> None:
    error = AdapterUnavailable("connection refused")
    known = weakref.ref(error)
    gc.disable()
    try:

        async def call() -> object:
            nonlocal error
            raised = error
            del error
            try:
                raise raised
            finally:
                del raised

        with pytest.raises(AdapterUnavailable) as caught:
            await ask_foreign(Scope("desk", Ledger(), Deaf()), call, Deadline.after(LONG_S))
        del caught
        await asyncio.sleep(0)
        assert known() is None
    finally:
        gc.enable()
