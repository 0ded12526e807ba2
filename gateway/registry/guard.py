# SPDX-License-Identifier: Apache-2.0
"""The guard around one adapter: whatever happens behind it, the gateway sees an answer in time.

Rules:

1. A lookup ends at the earlier of the request's deadline and the adapter's `timeout_s`.
2. At most `concurrency` lookups are at the department, and as many wait; further ones are refused
   at once, so that a slow department fills its own queue and nobody else's.
3. What leaves is a checked answer, a `DepartmentError` that names the adapter, or the caller's own
   cancellation. Any other exception is the adapter's breach of contract.
4. No text that the adapter did not choose with care goes on: a foreign exception becomes its type's
   name, and exceptions are not chained, since messages and tracebacks may quote the record.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from gateway.errors import (
    AdapterContractBroken,
    AdapterTimeout,
    AdapterUnavailable,
    DepartmentError,
)
from gateway.model.answer import Found, NotFound, Verified
from gateway.model.holder import Holder
from gateway.sdk import Adapter, AdapterContext, Deadline, Query
from gateway.sdk.contract import check_answer, check_verified

#: Seconds after which a caller that found the queue full may try again.
_BUSY_RETRY_S: Final = 1


class Guard:
    """One adapter instance, safe to share by all requests of one event loop.

    Args:
        name: the adapter's name in the site.
        adapter: made, not yet opened; the guard takes over its life.
        timeout_s: seconds for one lookup.
        concurrency: lookups at the department at once; as many again may wait.

    Attributes:
        verifies: whether the adapter compares claims by itself.
    """

    def __init__(
        self, name: str, adapter: Adapter[Any], *, timeout_s: float, concurrency: int
    ) -> None:
        self.name: Final = name
        self.verifies: Final = type(adapter).verify is not Adapter.verify
        self._adapter: Final = adapter
        self._timeout_s: Final = timeout_s
        self._slots: Final = asyncio.Semaphore(concurrency)
        self._room_count: Final = 2 * concurrency
        self._inside_count = 0  # waiting or at the department

    async def open(self, context: AdapterContext) -> None:
        """Open the adapter; errors are the caller's to name."""
        await self._adapter.open(context)

    async def aclose(self) -> None:
        """Close the adapter, also after an `open` that failed."""
        await self._adapter.aclose()

    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        """Ask the department.

        Raises:
            DepartmentError: with `adapter` set; nothing else, whatever the adapter raised.
        """
        limit = deadline.within(self._timeout_s)
        try:
            async with self._slot(limit), _foreign_errors(limit):
                answer = await self._adapter.lookup(query, limit)
            return check_answer(answer, query.certificate, query.holder)
        except DepartmentError as error:
            raise self._named(error, query.holder) from None

    async def verify(self, query: Query, deadline: Deadline) -> Verified | NotFound | None:
        """Let the department compare `query.claims`; raises as `lookup` does."""
        limit = deadline.within(self._timeout_s)
        try:
            async with self._slot(limit), _foreign_errors(limit):
                answer = await self._adapter.verify(query, query.claims, limit)
            return check_verified(answer, query.claims)
        except DepartmentError as error:
            raise self._named(error, query.holder) from None

    async def ping(self, deadline: Deadline) -> None:
        """Ask whether the department's system works; takes no slot, so a full queue is no lie.

        Raises:
            DepartmentError: as `lookup`.
        """
        try:
            async with _foreign_errors(deadline):
                await self._adapter.ping()
        except DepartmentError as error:
            raise self._named(error) from None

    @asynccontextmanager
    async def _slot(self, limit: Deadline) -> AsyncIterator[None]:
        if self._inside_count >= self._room_count:
            raise AdapterUnavailable("busy: the queue is full", retry_after_s=_BUSY_RETRY_S)
        self._inside_count += 1
        try:
            try:
                async with asyncio.timeout(limit.remaining_s):
                    await self._slots.acquire()
            except TimeoutError:
                raise AdapterUnavailable(
                    "busy: no slot before the deadline", retry_after_s=_BUSY_RETRY_S
                ) from None
            try:
                yield
            finally:
                self._slots.release()
        finally:
            self._inside_count -= 1

    def _named(self, error: DepartmentError, holder: Holder | None = None) -> DepartmentError:
        error.adapter = self.name
        if holder is not None and any(
            word in error.cause for word in (holder.number, holder.name) if word
        ):
            error.cause = "withheld: it held personal data"
        return error


@asynccontextmanager
async def _foreign_errors(limit: Deadline) -> AsyncIterator[None]:
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
