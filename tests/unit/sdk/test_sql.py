# SPDX-License-Identifier: Apache-2.0
"""A department's PostgreSQL, as the kit sees it: a real server, in its own process."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg
import msgspec
import pytest

from gateway.errors import (
    AdapterContractBroken,
    AdapterRefused,
    AdapterTimeout,
    AdapterUnavailable,
    DepartmentError,
    SetupError,
)
from gateway.sdk import Deadline
from gateway.sdk.kits import postgres
from gateway.sdk.kits.sql import SqlSource

LONG_S = 20.0
#: A machine that stalls does so in one of them.
TRIES = 3


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """A database without records; the value is the reader's DSN."""
    (folder / "none.json").write_bytes(b"[]")
    command = [sys.executable, "-m", "gateway_adapter_real_estate.simulator"]
    command += ["--records", str(folder / "none.json"), "--folder", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield msgspec.json.decode(process.stdout.readline())["dsn"]
        finally:
            process.terminate()


@asynccontextmanager
async def source(dsn: str, *, connections: int = 2) -> AsyncIterator[SqlSource]:
    opened = SqlSource(dsn, connections=connections)
    await opened.open()
    try:
        yield opened
    finally:
        await opened.aclose()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path of its own: pytest closes its folder to the user as whom root's server runs."""
    with TemporaryDirectory(prefix="yz-") as path:
        yield Path(path)


@pytest.fixture(scope="module")
def dsn() -> Iterator[str]:
    with TemporaryDirectory(prefix="yz-") as path, server(Path(path)) as reader:
        yield reader


async def failure(
    asked: SqlSource, statement: str, *parameters: object, deadline_s: float = LONG_S
) -> DepartmentError:
    with pytest.raises(DepartmentError) as caught:
        await asked.fetch(statement, *parameters, deadline=Deadline.after(deadline_s))
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    return caught.value


async def timed_out_after_s(asked: SqlSource, statement: str) -> float:
    """Seconds after which a deadline of 0.2 s ended it."""
    began_s = time.monotonic()
    assert isinstance(await failure(asked, statement, deadline_s=0.2), AdapterTimeout)
    return time.monotonic() - began_s


async def test_rows_come_as_mappings(dsn: str) -> None:
    async with source(dsn) as asked:
        rows = await asked.fetch(
            "SELECT $1::text AS name, 1 AS n", "测试甲'; --", deadline=Deadline.after(LONG_S)
        )
    assert rows == [{"name": "测试甲'; --", "n": 1}]


async def test_no_rows_are_an_empty_list(dsn: str) -> None:
    async with source(dsn) as asked:
        assert await asked.fetch("SELECT 1 LIMIT 0", deadline=Deadline.after(LONG_S)) == []


async def test_writing_is_refused_by_the_session(dsn: str) -> None:
    owner = dsn.replace(dsn[len("postgresql://") : dsn.index("@")], "postgres")
    async with source(owner) as asked:
        error = await failure(asked, "CREATE TABLE t (n int)")
    assert isinstance(error, AdapterContractBroken)
    assert error.cause == "SQLSTATE 25006"


@pytest.mark.parametrize(
    ("statement", "cause"),
    [
        ("SELECT nothing", "SQLSTATE 42703"),
        ("SELECT 1/0", "SQLSTATE 22012"),
        ("SELECT '140302190001010017'::int", "SQLSTATE 22003"),
        ("SELECT FROM", "SQLSTATE 42601"),
        ("SELECT $1::int", "InterfaceError"),  # its parameter is missing
    ],
)
async def test_a_statement_that_fails_is_a_breach_by_its_sqlstate(
    dsn: str, statement: str, cause: str
) -> None:
    async with source(dsn) as asked:
        error = await failure(asked, statement)
        assert isinstance(error, AdapterContractBroken)
        assert error.cause == cause
        assert await asked.fetch("SELECT 1", deadline=Deadline.after(LONG_S))


async def test_a_parameter_of_another_type_is_a_breach_without_its_value(dsn: str) -> None:
    async with source(dsn) as asked:
        error = await failure(asked, "SELECT $1::int", "140302190001010017")
    assert error.cause == "SQLSTATE 22000"


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.SerializationError,  # a replica gives a statement up for what it has to replay
        asyncpg.DeadlockDetectedError,
        asyncpg.LockNotAvailableError,
        asyncpg.OutOfMemoryError,
        asyncpg.DiskFullError,
        asyncpg.TooManyConnectionsError,
    ],
)
def test_what_a_server_cannot_do_now_is_no_breach(error: type[asyncpg.PostgresError]) -> None:
    with pytest.raises(AdapterUnavailable) as caught, postgres._department_errors():
        raise error("while reading 140302190001010017")
    assert caught.value.cause == error.__name__


async def test_what_the_role_may_not_read_is_refused(dsn: str) -> None:
    async with source(dsn) as asked:
        error = await failure(asked, "SELECT * FROM pg_authid")
    assert isinstance(error, AdapterRefused)
    assert error.cause == "SQLSTATE 42501"


@pytest.mark.parametrize("part", ["gateway_reader:", "nobody:"])
async def test_a_login_that_fails_is_refused(dsn: str, part: str) -> None:
    wrong = f"postgresql://{part}hush{dsn[dsn.index('@') :]}"
    async with source(wrong) as asked:
        error = await failure(asked, "SELECT 1")
    assert isinstance(error, AdapterRefused)
    assert error.cause == "SQLSTATE 28P01"


async def test_a_slow_statement_ends_at_the_deadline_here_and_there(dsn: str) -> None:
    async with source(dsn, connections=1) as asked:
        took_s = [await timed_out_after_s(asked, "SELECT pg_sleep(30)") for _ in range(TRIES)]
        assert min(took_s) < 2
        running = "SELECT count(*) AS n FROM pg_stat_activity WHERE query ~ '^SELECT pg_sleep'"
        async with asyncio.timeout(LONG_S):
            while (await asked.fetch(running, deadline=Deadline.after(LONG_S)))[0]["n"]:
                pass  # each turn asks the server again


async def test_a_deadline_that_has_passed_asks_nobody(dsn: str) -> None:
    async with source(dsn) as asked:
        assert isinstance(await failure(asked, "SELECT 1", deadline_s=0), AdapterTimeout)


async def test_waiting_for_a_session_ends_at_the_deadline(dsn: str) -> None:
    async with source(dsn, connections=1) as asked, asyncio.TaskGroup() as group:
        group.create_task(failure(asked, "SELECT pg_sleep(30)", deadline_s=1))
        await asyncio.sleep(0)  # the task takes the only session
        assert isinstance(await failure(asked, "SELECT 1", deadline_s=0.1), AdapterTimeout)


async def test_a_session_that_is_frozen_is_dropped_and_replaced(dsn: str) -> None:
    pid, took_s = "SELECT pg_backend_pid() AS pid", list[float]()
    async with source(dsn, connections=1) as asked:
        for _ in range(TRIES):
            [row] = await asked.fetch(pid, deadline=Deadline.after(LONG_S))
            os.kill(row["pid"], signal.SIGSTOP)
            try:
                took_s.append(await timed_out_after_s(asked, "SELECT 1"))
                assert await asked.fetch("SELECT 1", deadline=Deadline.after(LONG_S))
            finally:
                os.kill(row["pid"], signal.SIGCONT)
    assert min(took_s) < 2


async def test_a_cancelled_question_gives_its_session_back(dsn: str) -> None:
    async with source(dsn, connections=1) as asked:
        task = asyncio.create_task(
            asked.fetch("SELECT pg_sleep(30)", deadline=Deadline.after(LONG_S))
        )
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asked.fetch("SELECT 1", deadline=Deadline.after(LONG_S))


async def test_a_session_that_the_server_ends_is_replaced(dsn: str) -> None:
    async with source(dsn, connections=1) as asked:
        end = "SELECT pg_terminate_backend(pg_backend_pid())"
        assert isinstance(await failure(asked, end), AdapterUnavailable)
        assert await asked.fetch("SELECT 1", deadline=Deadline.after(LONG_S))


async def test_a_database_that_is_away_fails_questions_and_not_open(folder: Path) -> None:
    with server(folder) as dsn:
        pass
    async with source(dsn) as asked:
        assert isinstance(await failure(asked, "SELECT 1"), AdapterUnavailable)
        with server(folder):
            assert await asked.fetch("SELECT 1", deadline=Deadline.after(LONG_S))
        assert isinstance(await failure(asked, "SELECT 1"), AdapterUnavailable)
        with server(folder):
            assert await asked.fetch("SELECT 1", deadline=Deadline.after(LONG_S))


async def test_closing_without_opening_is_fine() -> None:
    await SqlSource("postgresql://reader@db.example/fund").aclose()


@pytest.mark.parametrize(
    "dsn", ["", "hush", "mysql://reader:hush@db.example/fund", "postgresql://hush@[::1/fund"]
)
def test_a_dsn_of_another_form_is_refused_and_not_repeated(dsn: str) -> None:
    with pytest.raises(SetupError) as caught:
        SqlSource(dsn)
    assert "hush" not in str(caught.value)
