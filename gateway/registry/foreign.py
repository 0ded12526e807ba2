# SPDX-License-Identifier: Apache-2.0
"""Adapters are foreign code: whatever they raise, a department error or our cancellation comes out.

No text that the adapter did not choose with care goes on: a foreign exception becomes its type's
name, and exceptions are not chained, since messages and tracebacks may quote the record.
"""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from gateway.errors import AdapterContractBroken, AdapterTimeout, DepartmentError
from gateway.sdk import Deadline

T = TypeVar("T")


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
        raise AdapterContractBroken("CancelledError") from None  # of the adapter's own making
    except (Exception, SystemExit) as error:  # noqa: BLE001 - adapters are foreign code
        if scope.expired() and isinstance(error, TimeoutError):
            raise AdapterTimeout("no answer before the deadline") from None
        raise AdapterContractBroken(type(error).__name__) from None
