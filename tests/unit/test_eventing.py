# SPDX-License-Identifier: Apache-2.0
"""A worker keeps how it finds departments: each change once, also after a restart of its own."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gateway import eventing
from gateway.eventing import DepartmentWatch
from gateway.model.office_event import DepartmentDown, DepartmentUp
from gateway.office.department_states import DepartmentStates
from gateway.office.outbox import EventFeed
from gateway.office.store import DATABASE, OfficeStore
from gateway.registry.observer import Unobserved

ADAPTER = "civil_affairs"
SITE = cast(
    Any,
    SimpleNamespace(
        adapters=[SimpleNamespace(name=ADAPTER, enabled=True)],
        config=SimpleNamespace(http=SimpleNamespace(workers=1)),
    ),
)


class Departments:
    """Those of a worker, as their pings find them."""

    def __init__(self) -> None:
        self.found = "PROVIDER_TIMEOUT"

    async def health(self) -> dict[str, str]:
        return {ADAPTER: self.found}


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OfficeStore]:
    monkeypatch.setattr(eventing, "_LOOK_S", 0.01)
    opened = OfficeStore.open(tmp_path)
    yield opened
    opened.close()


@asynccontextmanager
async def keeping(store: OfficeStore, departments: Departments) -> AsyncIterator[DepartmentWatch]:
    watch = DepartmentWatch(Unobserved())
    watch.note_state(ADAPTER, "closed")  # as every guard says when it is loaded
    states = DepartmentStates(store, "worker-1", clock_s=lambda: 1_795_376_508.0)
    task = asyncio.create_task(watch.keep(states, cast(Any, departments), SITE))
    yield watch
    task.cancel()
    await asyncio.wait((task,))


def told(store: OfficeStore) -> list[type]:
    return [type(event.what) for event in EventFeed(store).page("any", 0)]


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 - a task brings it about
            await asyncio.sleep(0.01)


async def test_clause_4_8_only_what_is_sure_is_told(store: OfficeStore) -> None:
    async with keeping(store, Departments()) as watch:
        watch.note_state(ADAPTER, "open")
        await until(lambda: told(store) == [DepartmentDown])
        for state in ("half_open", "open", "half_open"):
            watch.note_state(ADAPTER, state)
        watch.note_state(ADAPTER, "closed")
        await until(lambda: told(store) == [DepartmentDown, DepartmentUp])


async def test_a_restart_tells_nothing_until_the_department_has_answered(
    store: OfficeStore,
) -> None:
    departments = Departments()
    async with keeping(store, departments) as watch:
        watch.note_state(ADAPTER, "quarantined")
        await until(lambda: told(store) == [DepartmentDown])
    async with keeping(store, departments):
        await asyncio.sleep(0.1)
        assert told(store) == [DepartmentDown]
        departments.found = "ok"
        await until(lambda: told(store) == [DepartmentDown, DepartmentUp])


async def test_what_cannot_be_kept_now_is_kept_later(store: OfficeStore, tmp_path: Path) -> None:
    blocker = sqlite3.connect(tmp_path / DATABASE, isolation_level=None)
    async with keeping(store, Departments()) as watch:
        await asyncio.sleep(0.05)
        blocker.execute("BEGIN IMMEDIATE")
        watch.note_state(ADAPTER, "open")
        await asyncio.sleep(1.5)  # beyond a writer's patience
        blocker.execute("ROLLBACK")
        await until(lambda: told(store) == [DepartmentDown])
    blocker.close()
