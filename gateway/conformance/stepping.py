# SPDX-License-Identifier: Apache-2.0
"""Run a coroutine step by step: from one suspension to the next.

A coroutine is suspended wherever an `await` really waits. Cancelling a call at its first
suspension, then at its second and so on until it ends before, has cancelled it everywhere.
"""

import asyncio
import types
from collections.abc import Callable, Coroutine, Generator
from typing import Any, TypeVar

T = TypeVar("T")


@types.coroutine
def stepped(
    coroutine: Coroutine[Any, Any, T], at_step: Callable[[int], None]
) -> Generator[Any, Any, T]:
    """Run a coroutine, and call `at_step` with 1, 2 … at each of its suspensions.

    What `at_step` does to the current task, such as cancelling it, happens at that very await.
    """
    count = 0
    thrown: BaseException | None = None
    while True:
        try:
            waited_for = coroutine.send(None) if thrown is None else coroutine.throw(thrown)
        except StopIteration as done:
            result: T = done.value
            return result
        thrown = None
        count += 1
        at_step(count)
        try:
            yield waited_for
        except BaseException as error:  # noqa: BLE001 - a cancellation is what this is about
            thrown = error


class Cut:
    """What became of a call that was cancelled at one of its suspensions.

    Attributes:
        reached: whether the call was suspended that often; else it ended before.
        error: what left it; None when it returned.
    """

    __slots__ = ("error", "reached")

    def __init__(self, *, reached: bool, error: BaseException | None) -> None:
        self.reached = reached
        self.error = error

    @property
    def is_clean(self) -> bool:
        """Whether the cancellation came out as such."""
        return isinstance(self.error, asyncio.CancelledError)


async def cancelled_at(step: int, call: Coroutine[Any, Any, object]) -> Cut:
    """Run a call in a task of its own and cancel it at its `step`-th suspension."""
    reached = False

    def cancel(count: int) -> None:
        nonlocal reached
        if count == step:
            reached = True
            task = asyncio.current_task()
            assert task is not None
            task.cancel()

    async def run() -> object:
        return await stepped(call, cancel)

    task = asyncio.get_running_loop().create_task(run())
    await asyncio.wait({task})
    if task.cancelled():
        return Cut(reached=reached, error=asyncio.CancelledError())
    return Cut(reached=reached, error=task.exception())
