# SPDX-License-Identifier: Apache-2.0
"""What runs in an adapter's name is known by it, and does not outlive its call.

No test is a race with `GRACE_S`: what has to happen within it is ready to run when the call ends,
and what is ready comes before a timer, however late the loop is.
"""

import asyncio
import contextvars
from collections.abc import AsyncIterator

import pytest

from gateway.errors import AdapterContractBroken
from gateway.registry import scope as scopes
from gateway.registry.scope import Ledger, Scope, watch_tasks


class Told:
    """Takes note of offences."""

    def __init__(self) -> None:
        self.leaks: list[list[str]] = []
        self.leaked = asyncio.Event()
        self.exits = 0

    def note_leak(self, names: list[str]) -> None:
        self.leaks.append(names)
        self.leaked.set()

    def note_exit(self) -> None:
        self.exits += 1


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture(autouse=True)
async def _tasks_are_watched(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    monkeypatch.setattr(scopes, "GRACE_S", 0.02)
    undo = watch_tasks(asyncio.get_running_loop())
    yield
    undo()
    assert asyncio.get_running_loop().get_task_factory() is None


async def forever() -> None:
    await asyncio.Event().wait()


async def test_each_step_is_under_the_adapters_name_and_nothing_else_is(
    told: Told, ledger: Ledger
) -> None:
    seen: list[str | None] = []
    waits, may_go_on = asyncio.Event(), asyncio.Event()

    async def call() -> str:
        seen.append(ledger.running)
        waits.set()
        await may_go_on.wait()
        seen.append(ledger.running)
        return "answer"

    async def beside() -> None:
        await waits.wait()
        seen.append(ledger.running)
        may_go_on.set()

    async with asyncio.TaskGroup() as group:
        group.create_task(beside())
        assert await Scope("desk", ledger, told).run(call) == "answer"
    assert seen == ["desk", None, "desk"]
    assert ledger.running is None
    assert ledger.step_count == 2


async def test_what_a_function_does_before_it_awaits_is_its_step_too(
    told: Told, ledger: Ledger
) -> None:
    def call() -> asyncio.Future[str | None]:
        done: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        done.set_result(ledger.running)
        return done

    assert await Scope("desk", ledger, told).run(call) == "desk"


async def test_tasks_of_a_call_are_stepped_as_well(told: Told, ledger: Ledger) -> None:
    async def inner() -> str | None:
        await asyncio.sleep(0)
        return ledger.running

    async def call() -> list[str | None]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(inner()) for _ in range(2)]
        return [task.result() for task in tasks]

    assert await Scope("desk", ledger, told).run(call) == ["desk", "desk"]
    await asyncio.sleep(0.05)
    assert told.leaks == []


async def test_errors_and_cancellations_pass_through(told: Told, ledger: Ledger) -> None:
    async def fail() -> None:
        await asyncio.sleep(0)
        raise ValueError("x")

    async def shield() -> str:
        try:
            await forever()
        except asyncio.CancelledError:
            return "cleaned up"
        return ""

    with pytest.raises(ValueError, match="x"):
        await Scope("desk", ledger, told).run(fail)
    task = asyncio.create_task(Scope("desk", ledger, told).run(shield))
    await asyncio.sleep(0.01)
    task.cancel()
    assert await task == "cleaned up"
    assert ledger.running is None


async def test_a_task_that_outlives_its_call_is_cancelled_counted_and_named(
    told: Told, ledger: Ledger
) -> None:
    left: list[asyncio.Task[None]] = []

    async def call() -> None:
        left.extend(asyncio.create_task(forever(), name="140302190001010017") for _ in range(2))

    await Scope("desk", ledger, told).run(call)
    await told.leaked.wait()
    await asyncio.wait(left)
    assert told.leaks == [["forever", "forever"]]
    assert all(task.cancelled() for task in left)


async def test_a_task_that_ends_in_time_is_no_leak(told: Told, ledger: Ledger) -> None:
    left: list[asyncio.Task[bool]] = []
    may_end = asyncio.Event()

    async def call() -> None:
        left.append(asyncio.create_task(may_end.wait()))

    await Scope("desk", ledger, told).run(call)
    assert not left[0].done()
    may_end.set()
    await asyncio.sleep(0.1)
    assert told.leaks == []
    assert left[0].result()


async def test_a_task_that_a_left_task_makes_is_found_too(told: Told, ledger: Ledger) -> None:
    made: list[asyncio.Task[None]] = []

    async def parent() -> None:
        made.append(asyncio.create_task(forever()))

    async def call() -> None:
        made.append(asyncio.create_task(parent()))

    await Scope("desk", ledger, told).run(call)
    assert len(made) == 1
    await told.leaked.wait()
    await asyncio.wait(made)
    assert told.leaks == [["forever"]]
    assert made[1].cancelled()


async def test_what_open_started_lives_until_the_end(told: Told, ledger: Ledger) -> None:
    life = Scope("desk", ledger, told, is_life=True)
    tasks: list[asyncio.Task[None]] = []

    async def start() -> None:
        tasks.append(asyncio.create_task(forever()))

    await life.run(start)
    await asyncio.sleep(0.1)
    assert not tasks[0].done()
    life.close()
    assert told.leaks == [["forever"]]
    await asyncio.wait(tasks)


async def test_an_exit_ends_the_call_and_not_the_worker(told: Told, ledger: Ledger) -> None:
    async def leave() -> None:
        raise SystemExit(3)

    async def call() -> None:
        await asyncio.create_task(leave())

    for run in (leave, call):
        with pytest.raises(AdapterContractBroken):
            await Scope("desk", ledger, told).run(run)
    assert told.exits == 2


async def test_a_task_cancelled_before_its_first_step_is_closed(told: Told, ledger: Ledger) -> None:
    async def call() -> None:
        asyncio.create_task(forever()).cancel()

    await Scope("desk", ledger, told).run(call)
    await asyncio.sleep(0.05)  # a coroutine that was never awaited would be a warning
    assert told.leaks == []


async def test_tasks_of_others_are_left_alone(told: Told, ledger: Ledger) -> None:
    task = asyncio.create_task(asyncio.sleep(0), context=contextvars.copy_context())
    await task
    assert ledger.step_count == 0
