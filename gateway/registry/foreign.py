# SPDX-License-Identifier: Apache-2.0
"""Adapters are foreign code: whatever they raise, a department error or our cancellation comes out.

Who is at fault stays told apart. A `DepartmentError` of the adapter's own is its word about the
department's system; an exception that is none, or an answer that breaks the contract, is a fault of
the adapter's code: `AdapterCodeBroken`, and only that leads to a quarantine.

No text that the adapter did not choose with care goes on: a foreign exception becomes its type's
name, and exceptions are not chained, since messages and tracebacks may quote the record.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from gateway.errors import AdapterContractBroken, AdapterTimeout, DepartmentError
from gateway.registry.scope import Scope
from gateway.sdk import Deadline

#: Seconds in which a call that is cancelled may clean up before its caller goes on without it.
FAREWELL_S: Final = 0.05

A = TypeVar("A")
T = TypeVar("T")


class AdapterCodeBroken(AdapterContractBroken):
    """The adapter's own code did not keep the contract; the department has not been heard."""


async def ask_foreign(scope: Scope, call: Callable[[], Awaitable[T]], limit: Deadline) -> T:
    """Make a call into adapter code, and wait for it until `limit`.

    Cancelled, by its limit or by us, it has `FAREWELL_S` to end. A call that loses a cancellation
    (`except BaseException`; some libraries do) is left to its scope, and nobody waits for it.

    Raises:
        DepartmentError: and nothing else, but our own cancellation.
    """
    task = asyncio.get_running_loop().create_task(scope.run(call))
    is_late = False
    try:
        await asyncio.wait((task,), timeout=limit.remaining_s)
        is_late = not task.done()
    finally:
        if not task.done():
            await _dismiss(task, scope)
    if not task.done():
        raise AdapterTimeout("no answer before the deadline")
    try:
        return task.result()
    except DepartmentError:
        raise
    except BaseException as error:  # noqa: BLE001 - adapters are foreign code
        if is_late and isinstance(error, asyncio.CancelledError | TimeoutError):
            raise AdapterTimeout("no answer before the deadline") from None
        raise AdapterCodeBroken(type(error).__name__) from None
    finally:
        del task  # its error and this frame would hold each other


async def _dismiss(task: asyncio.Task[Any], scope: Scope) -> None:
    task.add_done_callback(_hear)
    task.cancel()
    try:
        await asyncio.wait((task,), timeout=FAREWELL_S)
    finally:
        if not task.done():
            scope.leave(task)


def _hear(task: asyncio.Task[Any]) -> None:
    """Take what it ended with: asyncio would log the text of an exception that nobody takes."""
    if not task.cancelled():
        task.exception()


def checked(check: Callable[[A], T], answer: A) -> T:
    """Check what adapter code returned, by a function of `sdk.contract`.

    Raises:
        AdapterCodeBroken: it is not what was promised.
    """
    try:
        return check(answer)
    except AdapterContractBroken as error:
        raise AdapterCodeBroken(error.cause) from None
