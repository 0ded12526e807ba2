# SPDX-License-Identifier: Apache-2.0
"""A department's SQLite file, as the SQL kit sees it."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from gateway.errors import (
    AdapterContractBroken,
    AdapterTimeout,
    AdapterUnavailable,
    DepartmentError,
    SetupError,
)
from gateway.sdk import Deadline
from gateway.sdk.kits import sqlite
from gateway.sdk.kits.sql import SqlSource
from tests.unit.sdk.cancelling import after_a_cancellation

LONG_S = 20.0
#: Counts until somebody stops it.
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return filled(tmp_path / "department 部门.db")


def filled(path: Path, name: str = "测试甲") -> Path:
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE person (number TEXT PRIMARY KEY, name TEXT, age INTEGER)")
        database.execute("INSERT INTO person VALUES ('140302190001010017', ?, 126)", (name,))
    return path


def exists(path: Path) -> bool:
    return path.exists()


def remove(path: Path) -> None:
    path.unlink()


@asynccontextmanager
async def source(file: Path, *, connections: int = 2) -> AsyncIterator[SqlSource]:
    opened = SqlSource(f"sqlite://{file}", connections=connections)
    await opened.open()
    try:
        yield opened
    finally:
        await opened.aclose()


async def failure(
    asked: SqlSource, statement: str, *parameters: object, deadline_s: float = LONG_S
) -> DepartmentError:
    with pytest.raises(DepartmentError) as caught:
        await asked.fetch(statement, *parameters, deadline=Deadline.after(deadline_s))
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    return caught.value


async def names(asked: SqlSource) -> list[object]:
    rows = await asked.fetch("SELECT name FROM person", deadline=Deadline.after(LONG_S))
    return [row["name"] for row in rows]


async def test_rows_come_as_mappings_by_numbered_parameters(file: Path) -> None:
    async with source(file) as asked:
        rows = await asked.fetch(
            "SELECT name, age, $2 AS said FROM person WHERE number = $1",
            "140302190001010017", "'; DROP TABLE person; --",
            deadline=Deadline.after(LONG_S),
        )  # fmt: skip
        assert rows == [{"name": "测试甲", "age": 126, "said": "'; DROP TABLE person; --"}]
        assert await names(asked) == ["测试甲"]


async def test_no_rows_are_an_empty_list(file: Path) -> None:
    async with source(file) as asked:
        statement = "SELECT name FROM person WHERE number = $1"
        assert await asked.fetch(statement, "nobody", deadline=Deadline.after(LONG_S)) == []


@pytest.mark.parametrize(
    "statement",
    ["INSERT INTO person VALUES ('x', 'y', 1)", "DROP TABLE person", "UPDATE person SET age = 1"],
)
async def test_writing_is_refused(file: Path, statement: str) -> None:
    async with source(file) as asked:
        error = await failure(asked, statement)
        assert error.cause == "SQLITE_READONLY"
        assert await names(asked) == ["测试甲"]


async def test_nothing_is_made_where_nothing_is(tmp_path: Path) -> None:
    file = tmp_path / "later.db"
    async with source(file) as asked:
        assert isinstance(await failure(asked, "SELECT 1"), AdapterUnavailable)
        assert not exists(file)
        filled(file)
        assert await names(asked) == ["测试甲"]


async def test_a_file_that_takes_the_place_of_another_is_read(file: Path, tmp_path: Path) -> None:
    async with source(file) as asked:
        assert await names(asked) == ["测试甲"]
        filled(tmp_path / "new.db", "测试乙").replace(file)
        assert await names(asked) == ["测试乙"]
        remove(file)
        assert isinstance(await failure(asked, "SELECT 1"), AdapterUnavailable)


@pytest.mark.parametrize("statement", ["SELECT nothing", "SELECT FROM", "SELECT * FROM nobody"])
async def test_a_statement_that_fails_is_a_breach_by_its_code(file: Path, statement: str) -> None:
    async with source(file) as asked:
        error = await failure(asked, statement)
        assert isinstance(error, AdapterContractBroken)
        assert error.cause == "SQLITE_ERROR"
        assert await names(asked) == ["测试甲"]


async def test_a_parameter_that_is_missing_is_a_breach(file: Path) -> None:
    async with source(file) as asked:
        assert isinstance(await failure(asked, "SELECT $1"), AdapterContractBroken)


@pytest.fixture
def text(tmp_path: Path) -> Path:
    file = tmp_path / "text.db"
    file.write_text("140302190001010017 " * 100)
    return file


async def test_a_file_that_is_no_database_is_a_breach(text: Path) -> None:
    async with source(text) as asked:
        error = await failure(asked, "SELECT * FROM person")
    assert isinstance(error, AdapterContractBroken)
    assert error.cause == "SQLITE_NOTADB"


async def test_a_slow_statement_ends_at_the_deadline_and_frees_its_thread(file: Path) -> None:
    async with source(file, connections=1) as asked:
        assert isinstance(await failure(asked, ENDLESS, deadline_s=0.1), AdapterTimeout)
        assert await names(asked) == ["测试甲"]


async def test_the_loop_goes_on_meanwhile(file: Path) -> None:
    async with source(file, connections=1) as asked:
        task = asyncio.create_task(failure(asked, ENDLESS, deadline_s=2))
        turns = 0
        while not task.done():
            await asyncio.sleep(0.001)
            turns += 1
        assert isinstance(await task, AdapterTimeout)
        assert turns > 20


async def test_a_cancelled_question_frees_its_thread(file: Path) -> None:
    async with source(file, connections=1) as asked:
        task = asyncio.create_task(asked.fetch(ENDLESS, deadline=Deadline.after(LONG_S)))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await names(asked) == ["测试甲"]


async def test_closing_stops_what_runs(file: Path) -> None:
    async with source(file, connections=1) as asked:
        task = asyncio.create_task(asked.fetch(ENDLESS, deadline=Deadline.after(1)))
        await asyncio.sleep(0.05)
        await asked.aclose()
        with pytest.raises((AdapterTimeout, asyncio.CancelledError)):
            await task


async def test_who_was_cancelled_before_waits_for_a_disk_that_hangs_no_longer_either(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_CLOSE_TIMEOUT_S", 0.05)
    async with source(file, connections=1) as asked:
        stuck = asyncio.create_task(asked.fetch(ENDLESS, deadline=Deadline.after(LONG_S)))
        await asyncio.sleep(0.05)
        await after_a_cancellation(asked.aclose)
        assert not stuck.done()
        stuck.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stuck


async def test_a_deadline_that_has_passed_asks_nobody(file: Path) -> None:
    async with source(file) as asked:
        assert isinstance(await failure(asked, "SELECT 1", deadline_s=0), AdapterTimeout)


async def test_a_locked_database_is_unavailable_or_late(file: Path) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as owner:
        owner.execute("PRAGMA locking_mode = EXCLUSIVE")
        owner.execute("BEGIN EXCLUSIVE")
        async with source(file) as asked:
            error = await failure(asked, "SELECT * FROM person", deadline_s=0.2)
            assert isinstance(error, AdapterUnavailable | AdapterTimeout)
            owner.execute("COMMIT")


async def test_many_at_once_get_their_own_rows(file: Path) -> None:
    async with source(file, connections=4) as asked, asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(asked.fetch("SELECT $1 AS n", i, deadline=Deadline.after(LONG_S)))
            for i in range(100)
        ]
    assert [task.result() for task in tasks] == [[{"n": i}] for i in range(100)]


async def test_closing_without_opening_is_fine(file: Path) -> None:
    await SqlSource(f"sqlite://{file}").aclose()


@pytest.mark.parametrize("dsn", ["sqlite:", "sqlite://", "sqlite:///", "sqlite://host/file.db"])
def test_a_dsn_without_an_absolute_path_is_refused(dsn: str) -> None:
    with pytest.raises(SetupError, match=r"sqlite:///folder/file\.db"):
        SqlSource(dsn)
