# SPDX-License-Identifier: Apache-2.0
"""Adapters are foreign code: whatever they raise, a department error or our cancellation comes out.

No text that the adapter did not choose with care goes on: a foreign exception becomes its type's
name, and exceptions are not chained, since messages and tracebacks may quote the record.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.errors import AdapterContractBroken, AdapterTimeout, DepartmentError
from gateway.sdk import Deadline


@asynccontextmanager
async def foreign_errors(limit: Deadline) -> AsyncIterator[None]:
    """Run adapter code until `limit`; let only department errors and our own cancellation out."""
    scope = asyncio.timeout(limit.remaining_s)
    try:
        async with scope:
            yield
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
