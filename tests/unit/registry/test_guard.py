# SPDX-License-Identifier: Apache-2.0
"""Whatever an adapter does, the gateway sees a checked answer or a department error, in time."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

import msgspec
import pytest

from gateway.errors import (
    AdapterContractBroken,
    AdapterRefused,
    AdapterTimeout,
    AdapterUnavailable,
    DepartmentError,
    RequestError,
)
from gateway.model.answer import Found, NotFound
from gateway.model.site import BreakerSection
from gateway.registry.guard import Guard
from gateway.registry.observer import Outcome, State, Unobserved
from gateway.registry.quarantine import BREACHES
from gateway.sdk import Deadline, Query, Value, Verified
from tests.unit.registry.desk import FOUND, NUMBER, OTHER, Desk, Settings, query

LONG_S = 30.0


def guard(
    answer: Callable[[], Awaitable[object]], *, timeout_s: float = LONG_S, concurrency: int = 4
) -> Guard:
    desk = Desk(Settings())
    desk.answer = answer
    return Guard("desk", desk, timeout_s=timeout_s, concurrency=concurrency)


def raising(error: BaseException) -> Callable[[], Awaitable[object]]:
    async def answer() -> object:
        raise error

    return answer


def returning(value: object) -> Callable[[], Awaitable[object]]:
    async def answer() -> object:
        return value

    return answer


async def hang() -> object:
    return await asyncio.get_running_loop().create_future()


async def failure(guarded: Guard, deadline_s: float = LONG_S) -> DepartmentError:
    with pytest.raises(DepartmentError) as caught:
        await guarded.lookup(query(name="测试甲"), Deadline.after(deadline_s))
    assert caught.value.adapter == "desk"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    return caught.value


@pytest.mark.parametrize("answer", [FOUND, NotFound()])
async def test_a_sound_answer_passes(answer: Found | NotFound) -> None:
    assert await guard(returning(answer)).lookup(query(), Deadline.after(LONG_S)) is answer


async def test_an_answer_about_somebody_else_is_a_breach() -> None:
    error = await failure(guard(returning(Found({"id_number": OTHER}))))
    assert isinstance(error, AdapterContractBroken)


async def test_a_department_error_passes_and_names_the_adapter() -> None:
    raised = AdapterUnavailable("connection refused", retry_after_s=7)
    assert await failure(guard(raising(raised))) is raised
    assert raised.cause == "connection refused"


@pytest.mark.parametrize("word", [NUMBER, "测试甲"])
async def test_a_cause_that_holds_personal_data_is_withheld(word: str) -> None:
    error = await failure(guard(raising(AdapterUnavailable(f"no row for {word}"))))
    assert word not in error.cause


@pytest.mark.parametrize(
    "error",
    [
        ValueError(NUMBER),
        KeyError("测试甲"),
        TimeoutError("its own"),
        SystemExit(1),
        StopIteration(),
        StopAsyncIteration(),
        asyncio.CancelledError(),
        ExceptionGroup("group", [ValueError(NUMBER)]),
        RequestError("BODY_MALFORMED", NUMBER),
    ],
)
async def test_a_foreign_exception_is_a_breach_by_its_type_alone(error: BaseException) -> None:
    caught = await failure(guard(raising(error)))
    assert isinstance(caught, AdapterContractBroken)
    assert caught.cause in {type(error).__name__, "RuntimeError"}  # PEP 479 renames StopIteration
    assert NUMBER not in f"{caught!r} {caught.cause}"


async def test_the_adapters_own_limit_ends_a_lookup() -> None:
    error = await failure(guard(hang, timeout_s=0.05))
    assert isinstance(error, AdapterTimeout)


async def test_the_requests_deadline_ends_a_lookup() -> None:
    error = await failure(guard(hang), deadline_s=0.05)
    assert isinstance(error, AdapterTimeout)


async def test_a_deadline_that_has_passed_still_gives_a_department_error() -> None:
    assert isinstance(await failure(guard(hang), deadline_s=0), AdapterTimeout)


async def test_the_adapter_is_given_the_earlier_deadline() -> None:
    seen: list[float] = []

    class Watching(Desk):
        async def lookup(self, query: object, deadline: Deadline) -> Found | NotFound:
            seen.append(deadline.remaining_s)
            return FOUND

    guarded = Guard("desk", Watching(Settings()), timeout_s=2, concurrency=1)
    await guarded.lookup(query(), Deadline.after(LONG_S))
    await guarded.lookup(query(), Deadline.after(1))
    assert seen[0] == pytest.approx(2, abs=0.5)
    assert seen[1] == pytest.approx(1, abs=0.5)


async def test_the_callers_own_cancellation_passes() -> None:
    entered = asyncio.Event()

    async def answer() -> object:
        entered.set()
        return await hang()

    task = asyncio.create_task(guard(answer).lookup(query(), Deadline.after(LONG_S)))
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


class Gate:
    """A department that answers when it is told to, and counts who is inside."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.inside = 0
        self.peak = 0
        self.arrived = asyncio.Semaphore(0)

    async def answer(self) -> object:
        self.inside += 1
        self.peak = max(self.peak, self.inside)
        self.arrived.release()
        try:
            await self.open.wait()
        finally:
            self.inside -= 1
        return FOUND


async def test_concurrency_is_capped_and_the_queue_is_bounded() -> None:
    gate = Gate()
    guarded = guard(gate.answer, concurrency=2)
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(guarded.lookup(query(), Deadline.after(LONG_S))) for _ in range(4)
        ]
        await gate.arrived.acquire()
        await gate.arrived.acquire()
        began_s = time.monotonic()
        error = await failure(guarded)  # two inside, two waiting: the fifth is turned away
        assert time.monotonic() - began_s < 1
        assert isinstance(error, AdapterUnavailable)
        assert error.cause.startswith("busy")
        assert error.retry_after_s == 1
        gate.open.set()
    assert [task.result() for task in tasks] == [FOUND] * 4
    assert gate.peak == 2


async def test_waiting_for_a_slot_ends_at_the_deadline() -> None:
    gate = Gate()
    guarded = guard(gate.answer, concurrency=1)
    async with asyncio.TaskGroup() as group:
        group.create_task(guarded.lookup(query(), Deadline.after(LONG_S)))
        await gate.arrived.acquire()
        error = await failure(guarded, deadline_s=0.05)
        assert isinstance(error, AdapterUnavailable)
        gate.open.set()


@pytest.mark.parametrize("answer", [raising(ValueError()), raising(SystemExit()), hang])
async def test_a_slot_comes_back_whatever_happens(
    answer: Callable[[], Awaitable[object]],
) -> None:
    desk = Desk(Settings())
    guarded = Guard("desk", desk, timeout_s=0.05, concurrency=1)
    desk.answer = answer
    for _ in range(2):
        await failure(guarded)
    desk.answer = returning(FOUND)
    assert await guarded.lookup(query(), Deadline.after(LONG_S)) is FOUND


async def test_a_ping_takes_no_slot() -> None:
    gate = Gate()
    desk = Desk(Settings())
    guarded = Guard("desk", desk, timeout_s=LONG_S, concurrency=1)
    async with asyncio.TaskGroup() as group:
        desk.answer = gate.answer
        group.create_task(guarded.lookup(query(), Deadline.after(LONG_S)))
        await gate.arrived.acquire()
        desk.answer = returning(None)
        await guarded.ping(Deadline.after(1))
        gate.open.set()


async def test_a_ping_fails_as_a_lookup_does() -> None:
    with pytest.raises(AdapterTimeout):
        await guard(hang).ping(Deadline.after(0.05))
    with pytest.raises(AdapterContractBroken):
        await guard(raising(ValueError())).ping(Deadline.after(1))


async def test_claims_are_withheld_from_causes_too() -> None:
    asked = msgspec.structs.replace(query(), claims={"mother_id": OTHER, "sex": "1"})
    guarded = guard(raising(AdapterUnavailable(f"HTTP 1 for {OTHER}")))
    with pytest.raises(AdapterUnavailable) as caught:
        await guarded.lookup(asked, Deadline.after(LONG_S))
    assert OTHER not in caught.value.cause
    guarded = guard(raising(AdapterUnavailable("HTTP 502 at 11:01")))
    with pytest.raises(AdapterUnavailable) as caught:
        await guarded.lookup(asked, Deadline.after(LONG_S))
    assert caught.value.cause == "HTTP 502 at 11:01"  # a claim of one character is in any text


async def test_a_department_that_hangs_is_left_alone_and_its_queue_is_turned_away() -> None:
    desk = Desk(Settings())
    desk.answer = hang
    guarded = Guard(
        "desk",
        desk,
        timeout_s=LONG_S,
        concurrency=2,
        breaker=BreakerSection(hang_s=0.05, timeout_count=2),
    )
    hanging = [
        asyncio.create_task(guarded.lookup(query(), Deadline.after(LONG_S))) for _ in range(3)
    ]
    await asyncio.sleep(0.1)
    error = await failure(guarded)
    assert isinstance(error, AdapterUnavailable)
    assert error.cause == "the breaker is open: PROVIDER_TIMEOUT"
    assert guarded.health == "open: PROVIDER_TIMEOUT"
    with pytest.raises(AdapterUnavailable, match="PROVIDER_UNAVAILABLE"):
        await hanging[2]  # it stood in the queue
    for task in hanging:
        task.cancel()
    await asyncio.wait(hanging)


async def test_a_limit_that_ends_with_the_callers_counts_as_a_timeout() -> None:
    guarded = guard(hang, timeout_s=LONG_S)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await guarded.lookup(query(), Deadline.after(0.02))
    assert guarded.state == "open"


async def test_answers_that_cannot_be_used_do_not_open_the_breaker() -> None:
    guarded = guard(returning("nonsense"))
    for _ in range(BREACHES - 1):
        await failure(guarded)
    assert guarded.state == "closed"


async def test_an_adapter_that_never_keeps_its_promise_is_quarantined() -> None:
    guarded = guard(returning("nonsense"))
    for _ in range(BREACHES):
        await failure(guarded)
    error = await failure(guarded)
    assert (error.cause, error.retry_after_s) == ("quarantined: broken", 30)
    assert guarded.health == "quarantined: broken"
    guarded.release()
    assert guarded.health == "ok"


@pytest.mark.parametrize("kind", [AdapterContractBroken, AdapterRefused])
async def test_what_an_adapter_states_of_its_department_is_no_offence(
    kind: type[DepartmentError],
) -> None:
    guarded = guard(raising(kind("a page for people")))
    for _ in range(2 * BREACHES):
        assert type(await failure(guarded)) is kind
    assert guarded.health == "ok"


async def test_a_department_that_is_down_is_the_breakers_business() -> None:
    guarded = guard(raising(AdapterUnavailable("HTTP 500")))
    for _ in range(2 * BREACHES):
        await failure(guarded)
    assert guarded.health == "open: PROVIDER_UNAVAILABLE"


async def test_an_adapter_that_exits_is_quarantined() -> None:
    guarded = guard(raising(SystemExit(1)))
    for _ in range(3):
        await failure(guarded)
    assert guarded.health == "quarantined: exited"


class Heard(Unobserved):
    """Takes note of everything."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []
        self.states: list[State] = []

    def note_call(self, adapter: str, outcome: Outcome, seconds: float) -> None:
        assert adapter == "desk"
        assert seconds >= 0
        self.outcomes.append(outcome)

    def note_state(self, adapter: str, state: State) -> None:
        self.states.append(state)


async def test_every_call_is_told_with_its_outcome() -> None:
    desk, heard = Desk(Settings()), Heard()
    guarded = Guard("desk", desk, timeout_s=0.05, concurrency=1, observer=heard)
    answers = (returning(FOUND), returning("x"), raising(AdapterRefused()), hang)
    for desk.answer in answers:
        with suppress(DepartmentError):
            await guarded.lookup(query(), Deadline.after(LONG_S))
    desk.answer = hang
    for _ in range(3):
        await failure(guarded)
    assert heard.outcomes == [
        *("answered", "PROVIDER_ERROR", "PROVIDER_REFUSED"),
        *["PROVIDER_TIMEOUT"] * 3,
        "turned_away",
    ]
    assert heard.states == ["closed", "open"]


async def test_a_verification_is_guarded_as_a_lookup_is() -> None:
    class Comparing(Desk):
        async def verify(
            self, query: Query, claims: Mapping[str, Value], deadline: Deadline
        ) -> Verified | NotFound | None:
            if claims["name"] == "nobody":
                await hang()
            return Verified({"name": "match"})

    guarded = Guard("desk", Comparing(Settings()), timeout_s=0.05, concurrency=1)

    def claiming(**claims: Value) -> Query:
        return msgspec.structs.replace(query(), claims=claims)

    sound = await guarded.verify(claiming(name="测试甲"), Deadline.after(LONG_S))
    assert sound == Verified({"name": "match"})
    with pytest.raises(AdapterContractBroken):
        await guarded.verify(claiming(name="测试甲", status="1"), Deadline.after(LONG_S))
    with pytest.raises(AdapterTimeout):
        await guarded.verify(claiming(name="nobody"), Deadline.after(LONG_S))
