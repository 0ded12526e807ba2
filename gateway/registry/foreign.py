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
from typing import TypeVar

from gateway.errors import AdapterContractBroken, AdapterTimeout, DepartmentError
from gateway.sdk import Deadline

A = TypeVar("A")
T = TypeVar("T")


class AdapterCodeBroken(AdapterContractBroken):
    """The adapter's own code did not keep the contract; the department has not been heard."""


async def await_foreign(answer: Awaitable[T], limit: Deadline) -> T:
    """Await adapter code until `limit`.

    Raises:
        DepartmentError: and nothing else, but our own cancellation.
    """
    scope = asyncio.timeout(limit.remaining_s)
    try:
        async with scope:
            return await answer
    except DepartmentError:
        raise
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise AdapterCodeBroken("CancelledError") from None  # of the adapter's own making
    except (Exception, SystemExit) as error:  # noqa: BLE001 - adapters are foreign code
        if scope.expired() and isinstance(error, TimeoutError):
            raise AdapterTimeout("no answer before the deadline") from None
        raise AdapterCodeBroken(type(error).__name__) from None


def checked(check: Callable[[A], T], answer: A) -> T:
    """Check what adapter code returned, by a function of `sdk.contract`.

    Raises:
        AdapterCodeBroken: it is not what was promised.
    """
    try:
        return check(answer)
    except AdapterContractBroken as error:
        raise AdapterCodeBroken(error.cause) from None
