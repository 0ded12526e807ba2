# SPDX-License-Identifier: Apache-2.0
"""What runs on the loop in an adapter's name: its calls, and the tasks that they start.

1. A call is stepped: before each step the ledger is told whose code runs, after it that none does.
   That costs a fraction of a microsecond, and is all that the watchdog's thread needs.
2. A task that is made while an adapter's code runs belongs to that call (the scope is a context
   variable, and tasks inherit their maker's context). It is stepped like it.
3. Tasks that outlive their call by `GRACE_S` are left behind: cancelled, counted, named by their
   function (their own names are the adapter's text). What has to live longer is started in `open`,
   and belongs to the adapter's life.
4. `SystemExit` of such a task would end the loop, and with it the worker; it ends the task.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterator
from contextvars import ContextVar
from typing import Any, Final, Protocol, TypeVar, cast

from gateway.errors import AdapterContractBroken

T = TypeVar("T")

#: Seconds: a sign-in that several lookups wait for may well outlive the one that began it.
GRACE_S: Final = 5.0

_current: ContextVar["Scope | None"] = ContextVar("adapter_scope", default=None)


class Ledger:
    """Whose code runs on this loop now. Written by the loop alone; the watchdog only reads.

    Attributes:
        running: name of the adapter, or None.
        step_count: steps of adapter code so far; a count that does not move is a step that lasts.
    """

    __slots__ = ("running", "step_count")

    def __init__(self) -> None:
        self.running: str | None = None
        self.step_count = 0


class Offences(Protocol):
    """Who is told what adapter code does beside its work; must not raise."""

    def note_leak(self, names: list[str]) -> None:
        """Tasks were left behind; these are the names of their functions."""

    def note_exit(self) -> None:
        """It raised SystemExit."""


class Scope:
    """One call into an adapter, or (`is_life`) what `open` started, which may live on.

    Args:
        adapter: name.
        ledger: of this loop.
        offences: told what should not be.
    """

    __slots__ = ("_is_sweep_due", "_tasks", "adapter", "is_closed", "is_life", "ledger", "offences")

    def __init__(
        self, adapter: str, ledger: Ledger, offences: Offences, *, is_life: bool = False
    ) -> None:
        self.adapter: Final = adapter
        self.ledger: Final = ledger
        self.offences: Final = offences
        self.is_life: Final = is_life
        self.is_closed = False
        self._tasks: dict[asyncio.Task[Any], str] | None = None  # most calls start none
        self._is_sweep_due = False

    async def run(self, call: Callable[[], Awaitable[T]]) -> T:
        """Run adapter code in this scope; unless it is a life, close the scope afterwards."""
        token = _current.set(self)
        try:
            return await _Stepped(_start(call), self)
        finally:
            _current.reset(token)
            if not self.is_life:
                self.is_closed = True
                if self._tasks:
                    self._sweep_later()

    def close(self) -> None:
        """End a life: what it started has to be over by now."""
        self.is_closed = True
        self._sweep()

    def take(self, task: asyncio.Task[Any], name: str) -> None:
        """Own a task that was made in this scope."""
        if self._tasks is None:
            self._tasks = {}
        self._tasks[task] = name
        task.add_done_callback(self._forget)
        if self.is_closed:  # made by a task or a callback that the call has left behind
            self._sweep_later()

    def leave(self, task: asyncio.Task[Any]) -> None:
        """Let the call itself go, which goes on after its cancellation: a task like its others."""
        self.is_closed = True
        self.take(task, "the call")

    def _forget(self, task: asyncio.Task[Any]) -> None:
        if self._tasks is not None:
            self._tasks.pop(task, None)

    def _sweep_later(self) -> None:
        if not self._is_sweep_due:
            self._is_sweep_due = True
            asyncio.get_running_loop().call_later(GRACE_S, self._sweep)

    def _sweep(self) -> None:
        self._is_sweep_due = False
        left = {task: name for task, name in (self._tasks or {}).items() if not task.done()}
        self._tasks = None
        for task in left:
            task.cancel()
        if left:
            self.offences.note_leak(sorted(left.values()))


class _Stepped(Coroutine[Any, Any, T]):
    """A coroutine, run step by step under the name of its scope."""

    __slots__ = ("_coroutine", "_scope")

    def __init__(self, coroutine: Coroutine[Any, Any, T], scope: Scope) -> None:
        self._coroutine: Final = coroutine
        self._scope: Final = scope

    def send(self, value: Any, /) -> Any:
        return self._step(self._coroutine.send, value)

    def throw(self, *error: Any) -> Any:
        return self._step(self._coroutine.throw, *error)

    def close(self) -> None:
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, T]:
        return cast("Generator[Any, Any, T]", self)  # it has all that `await` asks of one

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return self.send(None)

    def _step(self, resume: Callable[..., Any], *values: Any) -> Any:
        ledger = self._scope.ledger
        before, ledger.running = ledger.running, self._scope.adapter
        ledger.step_count += 1
        try:
            return resume(*values)
        except SystemExit:
            self._scope.offences.note_exit()
            raise AdapterContractBroken("SystemExit") from None
        finally:
            ledger.running = before


async def _start(call: Callable[[], Awaitable[T]]) -> T:
    return await call()  # what a function does before it returns an awaitable is a step, too


def watch_tasks(loop: asyncio.AbstractEventLoop) -> Callable[[], None]:
    """Have tasks owned by the scope in which they are made.

    Returns:
        Undoes it.
    """
    before = loop.get_task_factory()

    def plain(coroutine: Coroutine[Any, Any, Any], **options: Any) -> asyncio.Task[Any]:
        if before is not None:
            return before(loop, coroutine, **options)  # type: ignore[return-value] # a Task here
        return asyncio.Task(coroutine, loop=loop, **options)

    def make(
        _: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any], **options: Any
    ) -> asyncio.Task[Any]:
        scope = _current.get()
        if scope is None:
            return plain(coroutine, **options)
        task = plain(_Stepped(coroutine, scope), **options)
        scope.take(task, getattr(coroutine, "__qualname__", type(coroutine).__name__))
        return task

    loop.set_task_factory(make)  # type: ignore[arg-type] # options differ from version to version
    return lambda: loop.set_task_factory(before)
