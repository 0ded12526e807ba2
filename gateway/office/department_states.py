# SPDX-License-Identifier: Apache-2.0
"""Whether departments work, of all workers together, so that it is said once.

Rules:

1. Each worker has a breaker of its own. A department is down while any worker leaves it alone: the
   first one that does makes it down, the last one that no longer does makes it up.
2. What a worker said stays when it dies: its successor of the same name takes it over, and takes it
   back when it has seen for itself that the department answers.
3. Who is not of the site any more (a worker, an adapter) has no say.
4. With a department's return whatever waits for it is due (`gateway.office.orders`).
"""

import sqlite3
from collections.abc import Callable, Collection
from typing import Final, final

from gateway.model.instant import format_unix_s
from gateway.model.office_event import DepartmentDown, DepartmentUp
from gateway.office.orders import wake_orders
from gateway.office.outbox import EVERYBODY, put_event
from gateway.office.store import OfficeStore
from gateway.sdk import Deadline


@final
class DepartmentStates:
    """What one worker says of departments.

    Args:
        worker: its name; its successor has the same.
        clock_s: UNIX seconds.
    """

    def __init__(self, store: OfficeStore, worker: str, *, clock_s: Callable[[], float]) -> None:
        self._store: Final = store
        self._worker: Final = worker
        self._clock_s: Final = clock_s

    async def take_over(
        self, workers: Collection[str], adapters: Collection[str], deadline: Deadline
    ) -> frozenset[str]:
        """What a predecessor of this name said to be down; forgets who is not of the site.

        Raises:
            StoreError: OFFICE_UNAVAILABLE.
        """

        def work(connection: sqlite3.Connection) -> frozenset[str]:
            mine = set()
            for adapter, worker in connection.execute(
                "SELECT adapter, worker FROM departments_down"
            ).fetchall():
                if adapter not in adapters:  # nobody would ever hear that it is up
                    self._remove(connection, adapter, worker)
                elif worker == self._worker:
                    mine.add(adapter)
                elif worker not in workers:
                    self._withdraw(connection, adapter, worker)
            return frozenset(mine)

        return await self._store.write(work, deadline)

    async def note(self, adapter: str, deadline: Deadline, *, is_down: bool) -> None:
        """Say how this worker finds a department; the same again changes nothing.

        Raises:
            StoreError: OFFICE_UNAVAILABLE.
        """

        def work(connection: sqlite3.Connection) -> None:
            if not is_down:
                self._withdraw(connection, adapter, self._worker)
                return
            was_up = _down_since_s(connection, adapter) is None
            now_s = int(self._clock_s())
            connection.execute(
                "INSERT OR IGNORE INTO departments_down VALUES (?, ?, ?)",
                (adapter, self._worker, now_s),
            )
            if was_up:
                put_event(connection, DepartmentDown(adapter), agency=EVERYBODY, now_s=now_s)

        await self._store.write(work, deadline)

    def _withdraw(self, connection: sqlite3.Connection, adapter: str, worker: str) -> None:
        since_s = _down_since_s(connection, adapter)
        if since_s is None or not self._remove(connection, adapter, worker):
            return
        if _down_since_s(connection, adapter) is None:
            up = DepartmentUp(adapter, format_unix_s(since_s))
            now_s = self._clock_s()
            put_event(connection, up, agency=EVERYBODY, now_s=now_s)
            wake_orders(connection, adapter, now_s)

    def _remove(self, connection: sqlite3.Connection, adapter: str, worker: str) -> bool:
        removed = connection.execute(
            "DELETE FROM departments_down WHERE adapter = ? AND worker = ?", (adapter, worker)
        )
        return bool(removed.rowcount)


def _down_since_s(connection: sqlite3.Connection, adapter: str) -> int | None:
    (since_s,) = connection.execute(
        "SELECT min(since_s) FROM departments_down WHERE adapter = ?", (adapter,)
    ).fetchone()
    return None if since_s is None else int(since_s)
