# SPDX-License-Identifier: Apache-2.0
"""A call is cut at exactly the suspension that was meant, and goes on unharmed otherwise."""

import asyncio

import pytest

from gateway.conformance.stepping import cancelled_at, stepped


async def three_waits(log: list[int]) -> str:
    for number in (1, 2, 3):
        await asyncio.sleep(0)
        log.append(number)
    return "done"


async def test_every_suspension_is_counted_and_the_result_comes_out() -> None:
    steps: list[int] = []
    assert await stepped(three_waits([]), steps.append) == "done"
    assert steps == [1, 2, 3]


async def test_waits_of_all_kinds_go_on_as_they_would() -> None:
    async def call() -> int:
        async with asyncio.timeout(5):
            await asyncio.sleep(0.001)
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(future.set_result, 7)
        value: int = await future
        return value

    assert await stepped(call(), lambda _: None) == 7


async def test_an_error_of_the_call_comes_out() -> None:
    async def call() -> None:
        await asyncio.sleep(0)
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        await stepped(call(), lambda _: None)


@pytest.mark.parametrize("step", [1, 2, 3])
async def test_a_call_is_cancelled_at_the_suspension_that_is_named(step: int) -> None:
    log: list[int] = []
    cut = await cancelled_at(step, three_waits(log))
    assert (cut.reached, cut.is_clean) == (True, True)
    assert log == list(range(1, step))


async def test_a_call_that_ends_before_is_not_cancelled() -> None:
    cut = await cancelled_at(4, three_waits([]))
    assert (cut.reached, cut.error) == (False, None)


async def test_a_call_that_swallows_its_cancellation_is_seen() -> None:
    async def stubborn() -> None:
        try:
            await asyncio.sleep(1)
        except asyncio.CancelledError:
            return

    cut = await cancelled_at(1, stubborn())
    assert (cut.reached, cut.is_clean) == (True, False)
