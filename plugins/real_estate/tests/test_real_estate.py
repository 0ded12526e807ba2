# SPDX-License-Identifier: Apache-2.0
"""The adapter against a registry whose database is a real PostgreSQL, and a SQLite one."""

import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import asyncpg
import msgspec
import pytest
from gateway_adapter_real_estate.adapter import RealEstate, Settings
from gateway_adapter_real_estate.title import NO_HOME, ORIGINS, TITLE

from gateway.sdk import (
    AdapterContext,
    AdapterContractBroken,
    AdapterTimeout,
    AdapterUnavailable,
    CertificateType,
    Deadline,
    Found,
    Holder,
    NotFound,
    Query,
)
from gateway.sdk.kits.simulator import running

CURRENT: dict[str, Any] = {
    "id_number": "140302190001010017",
    "owner_name": "测试甲",
    "share": "1/2",
    "unit_no": "140302001001GB00001F00000001",
    "title_no": "晋(2099)阳泉市不动产权第0000001号",
    "location": "阳泉市测试小区1号楼",
    "ownership_form": "共同共有",
    "right_type": "国有建设用地使用权/房屋所有权",
    "planned_use": "成套住宅",
    "structure": "钢筋混凝土结构",
    "floor_area": "89.50",
    "inner_area": "74.58",
    "shared_area": "14.92",
    "completed_on": "2008-02-02",
    "land_from": "2007-02-02",
    "land_to": "2077-02-02",
    "price": "301700.00",
    "registered_on": "2010-02-02",
    "mortgaged": True,
    "sealed": False,
    "title_status": "现势",
}
SECOND = CURRENT | {"title_no": "晋(2099)阳泉市不动产权第0000002号", "registered_on": "2020-01-01"}
SOLD = SECOND | {"id_number": "140303190001020027", "title_status": "历史"}
SHOP = SECOND | {"id_number": "14031119010203003X", "planned_use": "商业用房"}
NOBODY = "140105194912310017"
RECORDS = [CURRENT, SECOND, SOLD, SHOP]


@contextmanager
def registry(folder: Path) -> Iterator[tuple[str, Any]]:
    (folder / "titles.json").write_bytes(msgspec.json.encode(RECORDS))
    with running(
        "gateway_adapter_real_estate.simulator",
        f"--records={folder / 'titles.json'}",
        f"--folder={folder}",
    ) as (ready, process):
        yield ready["dsn"], process


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path of its own: pytest closes its folder to the user as whom root's server runs."""
    with TemporaryDirectory(prefix="yz-") as path:
        yield Path(path)


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    with TemporaryDirectory(prefix="yz-") as path, registry(Path(path)) as (dsn, _):
        yield dsn


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("registry") / "titles.db"
    columns = [origin.source for name, origin in ORIGINS.items() if name != "title_count"]
    with closing(sqlite3.connect(file)) as database, database:
        database.execute(f"CREATE TABLE bdc_fdcq ({', '.join(columns)})")
        database.executemany(
            f"INSERT INTO bdc_fdcq VALUES ({', '.join('?' * len(columns))})",
            [[record[n] for n in ORIGINS if n != "title_count"] for record in RECORDS],
        )
    return f"sqlite://{file}"


@pytest.fixture(params=["postgres", "sqlite"])
def dsn(request: pytest.FixtureRequest) -> str:
    given: str = request.getfixturevalue(request.param)
    return given


@asynccontextmanager
async def adapter(dsn: str) -> AsyncIterator[RealEstate]:
    opened = RealEstate(Settings(dsn="env:DEMO", connections=2))
    await opened.open(AdapterContext("real_estate", {"env:DEMO": dsn}.__getitem__))
    try:
        yield opened
    finally:
        await opened.aclose()


def query(number: str = CURRENT["id_number"], certificate: CertificateType = TITLE) -> Query:
    return Query(
        holder=Holder("cn-id", number),
        certificate=certificate,
        request_id="r-1",
        agency="yq-gjj",
        operator="yq-0417",
        item="yq-gjj-001",
        case="YQ-1",
        purpose="housing fund withdrawal",
    )


async def test_the_current_title_that_was_registered_last_is_found(dsn: str) -> None:
    async with adapter(dsn) as asked:
        answer = await asked.lookup(query(), Deadline.after(10))
    assert isinstance(answer, Found)
    assert answer.fields == SECOND | {"title_count": 2}
    assert answer.fields.keys() == TITLE.field_names


@pytest.mark.parametrize("number", [SOLD["id_number"], NOBODY])
async def test_who_has_sold_and_who_never_had_one_is_not_found(dsn: str, number: str) -> None:
    async with adapter(dsn) as asked:
        assert await asked.lookup(query(number), Deadline.after(10)) == NotFound()


@pytest.mark.parametrize(
    ("number", "has_no_home"),
    [
        (CURRENT["id_number"], False),
        (SOLD["id_number"], True),
        (SHOP["id_number"], True),  # a shop is no home
        (NOBODY, True),
    ],
)
async def test_whether_somebody_has_no_home_is_always_answered(
    dsn: str,
    number: str,
    has_no_home: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    async with adapter(dsn) as asked:
        answer = await asked.lookup(query(number, NO_HOME), Deadline.after(10))
    assert isinstance(answer, Found)
    assert answer.fields == {"id_number": number, "has_no_home": has_no_home}


async def test_it_answers_a_ping(dsn: str) -> None:
    async with adapter(dsn) as asked:
        await asked.ping()


async def test_the_role_cannot_write_and_reads_nothing_else(postgres: str) -> None:
    reader = await asyncpg.connect(postgres)
    for statement in ("DELETE FROM bdc_fdcq", "CREATE TABLE t (n int)", "TABLE pg_authid"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await reader.execute(statement)
    await reader.close()


@asynccontextmanager
async def owner(dsn: str) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    """A session of the registry itself."""
    connection = await asyncpg.connect(f"postgresql://postgres{dsn[dsn.index('@') :]}")
    try:
        yield connection
    finally:
        await connection.close()


async def test_a_locked_table_ends_at_the_deadline(postgres: str) -> None:
    async with owner(postgres) as registry, adapter(postgres) as asked:
        async with registry.transaction():
            await registry.execute("LOCK TABLE bdc_fdcq IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(AdapterTimeout):
                await asked.lookup(query(), Deadline.after(0.2))
        assert isinstance(await asked.lookup(query(), Deadline.after(10)), Found)


async def test_a_changed_column_is_a_breach(postgres: str) -> None:
    async with owner(postgres) as registry, adapter(postgres) as asked:
        await registry.execute("ALTER TABLE bdc_fdcq RENAME COLUMN fdzl TO zl")
        with pytest.raises(AdapterContractBroken) as caught:
            await asked.lookup(query(), Deadline.after(10))
        await registry.execute("ALTER TABLE bdc_fdcq RENAME COLUMN zl TO fdzl")
    assert caught.value.cause == "SQLSTATE 42703"


async def test_a_database_that_stops_is_unavailable_until_it_is_back(folder: Path) -> None:
    with registry(folder) as (dsn, process):
        async with adapter(dsn) as asked:
            assert isinstance(await asked.lookup(query(), Deadline.after(10)), Found)
            process.terminate()
            output, errors = process.communicate()
            assert (process.returncode, output, errors) == (0, b"", b"")
            for call in (asked.lookup(query(), Deadline.after(10)), asked.ping()):
                with pytest.raises(AdapterUnavailable):
                    await call
            with registry(folder) as (again, _):
                assert again == dsn
                assert isinstance(await asked.lookup(query(), Deadline.after(10)), Found)
