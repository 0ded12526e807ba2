# SPDX-License-Identifier: Apache-2.0
"""The adapter against a fund centre whose database is a real PostgreSQL in its own process."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import asyncpg
import msgspec
import pytest
from gateway_adapter_housing_fund.account import ACCOUNT, COLUMNS, parse_row
from gateway_adapter_housing_fund.adapter import HousingFund, Settings
from hypothesis import given
from hypothesis import strategies as st

from gateway.sdk import (
    AdapterContext,
    AdapterContractBroken,
    AdapterRefused,
    AdapterTimeout,
    AdapterUnavailable,
    Deadline,
    Found,
    Holder,
    NotFound,
    Query,
    SetupError,
)

OPEN = {
    "account_no": "140300000001",
    "employer_name": "测试单位甲",
    "employer_no": "1403000001",
    "account_status": "正常",
    "base": "5000.00",
    "employer_rate": "0.08",
    "personal_rate": "0.10",
    "employer_monthly": "400.00",
    "personal_monthly": "500.00",
    "balance": "209600.00",
    "paid_to_month": "2026-10",
    "opened_on": "2005-01-01",
    "closed_on": None,
    "close_reason": None,
    "has_loan": True,
}
CLOSED = OPEN | {
    "account_no": "140300000002",
    "account_status": "销户",
    "balance": "0.00",
    "closed_on": "2025-03-15",
    "close_reason": "离休、退休",
    "has_loan": False,
}
FIRST, SECOND, THIRD = "140302190001010017", "140303190001020027", "14031119010203003X"
CITIZENS: list[dict[str, Any]] = [
    {"id_number": FIRST, "name": "测试甲", "sex_code": "1", "housing_fund": OPEN},
    {"id_number": SECOND, "name": "测试乙", "sex_code": "2", "housing_fund": CLOSED},
    {"id_number": THIRD, "name": "测试丙", "sex_code": "1", "housing_fund": None},
]


@contextmanager
def fund(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A simulator as a process, with its reader's DSN."""
    (folder / "citizens.json").write_bytes(msgspec.json.encode(CITIZENS))
    command = [sys.executable, "-m", "gateway_adapter_housing_fund.simulator"]
    command += ["--citizens", str(folder / "citizens.json"), "--folder", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield msgspec.json.decode(process.stdout.readline())["dsn"], process
        finally:
            process.terminate()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path of its own: pytest closes its folder to the user as whom root's server runs."""
    with TemporaryDirectory(prefix="yz-") as path:
        yield Path(path)


@pytest.fixture(scope="module")
def dsn() -> Iterator[str]:
    with TemporaryDirectory(prefix="yz-") as path, fund(Path(path)) as (reader, _):
        yield reader


@asynccontextmanager
async def adapter(dsn: str) -> AsyncIterator[HousingFund]:
    opened = HousingFund(Settings(dsn="env:DEMO", connections=2))
    await opened.open(AdapterContext("housing_fund", {"env:DEMO": dsn}.__getitem__))
    try:
        yield opened
    finally:
        await opened.aclose()


@asynccontextmanager
async def owner(dsn: str) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    """A session of the fund centre itself."""
    connection = await asyncpg.connect(f"postgresql://postgres{dsn[dsn.index('@') :]}")
    try:
        yield connection
    finally:
        await connection.close()


def query(number: str = FIRST) -> Query:
    return Query(
        holder=Holder("cn-id", number),
        certificate=ACCOUNT,
        request_id="r-1",
        agency="yq-gjj",
        operator="yq-0417",
        item="yq-gjj-001",
        case="YQ-1",
        purpose="housing fund withdrawal",
    )


@pytest.mark.parametrize("citizen", CITIZENS[:2])
async def test_an_account_is_found_with_every_field(dsn: str, citizen: dict[str, Any]) -> None:
    async with adapter(dsn) as asked:
        answer = await asked.lookup(query(citizen["id_number"]), Deadline.after(10))
    assert isinstance(answer, Found)
    own = {"id_number": citizen["id_number"], "name": citizen["name"]}
    assert answer.fields == citizen["housing_fund"] | own
    assert answer.fields.keys() == ACCOUNT.field_names


async def test_a_citizen_without_an_account_is_not_found(dsn: str) -> None:
    async with adapter(dsn) as asked:
        assert await asked.lookup(query(THIRD), Deadline.after(10)) == NotFound()


async def test_of_several_accounts_the_open_one_counts(dsn: str) -> None:
    async with owner(dsn) as centre, adapter(dsn) as asked:
        await centre.execute("UPDATE gjj.grzh SET zjhm = $1 WHERE zjhm = $2", FIRST, SECOND)
        answer = await asked.lookup(query(), Deadline.after(10))
        await centre.execute("UPDATE gjj.grzh SET zjhm = $1 WHERE xingming = '测试乙'", SECOND)
    assert isinstance(answer, Found)
    assert answer.fields["account_no"] == OPEN["account_no"]


async def test_a_wrong_password_is_refused(dsn: str) -> None:
    wrong = f"postgresql://gateway_reader:other-secret{dsn[dsn.index('@') :]}"
    async with adapter(wrong) as asked:
        for call in (asked.lookup(query(), Deadline.after(10)), asked.ping()):
            with pytest.raises(AdapterRefused):
                await call


async def test_it_answers_a_ping(dsn: str) -> None:
    async with adapter(dsn) as asked:
        await asked.ping()


async def test_the_role_cannot_write_and_reads_nothing_else(dsn: str) -> None:
    reader = await asyncpg.connect(dsn)
    for statement in ("DELETE FROM gjj.grzh", "CREATE TABLE gjj.t (n int)", "TABLE pg_authid"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await reader.execute(statement)
    await reader.close()


async def test_a_locked_table_ends_at_the_deadline(dsn: str) -> None:
    async with owner(dsn) as centre, adapter(dsn) as asked:
        async with centre.transaction():
            await centre.execute("LOCK TABLE gjj.grzh IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(AdapterTimeout):
                await asked.lookup(query(), Deadline.after(0.2))
        assert isinstance(await asked.lookup(query(), Deadline.after(10)), Found)


async def test_a_changed_column_is_a_breach(dsn: str) -> None:
    async with owner(dsn) as centre, adapter(dsn) as asked:
        await centre.execute("ALTER TABLE gjj.grzh RENAME COLUMN dwmc TO dwmc2")
        with pytest.raises(AdapterContractBroken) as caught:
            await asked.lookup(query(), Deadline.after(10))
        await centre.execute("ALTER TABLE gjj.grzh RENAME COLUMN dwmc2 TO dwmc")
    assert caught.value.cause == "SQLSTATE 42703"


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", AdapterUnavailable),  # hangs up on our greeting
        (b"R\x00\x00\x00\x08\x00\x00\x00\x63", AdapterContractBroken),  # asks for an unknown login
    ],
)
async def test_a_server_that_is_no_database_is_not_taken_for_an_answer(
    reply: bytes, kind: type[Exception]
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(8)
        writer.write(reply)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    async with adapter(f"postgresql://reader@{host}:{port}/fund?sslmode=disable") as asked:
        with pytest.raises(kind):
            await asked.lookup(query(), Deadline.after(10))
    server.close()


async def test_a_database_that_stops_is_unavailable_until_it_is_back(folder: Path) -> None:
    with fund(folder) as (dsn, process):
        async with adapter(dsn) as asked:
            assert isinstance(await asked.lookup(query(), Deadline.after(10)), Found)
            process.terminate()
            output, errors = process.communicate()
            assert (process.returncode, output, errors) == (0, b"", b"")
            for call in (asked.lookup(query(), Deadline.after(10)), asked.ping()):
                with pytest.raises(AdapterUnavailable):
                    await call
            with fund(folder) as (again, _):
                assert again == dsn
                assert isinstance(await asked.lookup(query(), Deadline.after(10)), Found)


async def test_a_dsn_of_another_form_is_refused_at_open_and_not_repeated() -> None:
    with pytest.raises(SetupError) as caught:
        async with adapter("mysql://reader:hush@db.example/fund"):
            pass
    assert "hush" not in str(caught.value)


_ROW = dict.fromkeys(COLUMNS.values())


@given(st.decimals(allow_nan=False, allow_infinity=False, places=2, max_value=10**15))
def test_money_keeps_its_two_decimals(amount: Decimal) -> None:
    fields = parse_row(_ROW | {"grzhye": amount})
    assert fields["balance"] == f"{amount:.2f}"


@given(st.dates(), st.booleans())
def test_days_months_and_marks_are_put_into_form(day: date, has_loan: bool) -> None:  # noqa: FBT001 - hypothesis gives it
    row = _ROW | {"khrq": day, "jzny": f"{day:%m}".rjust(6, "2"), "dkbz": str(int(has_loan))}
    fields = parse_row(row)
    assert fields["opened_on"] == day.isoformat()
    assert fields["paid_to_month"] == f"2222-{day:%m}"
    assert fields["has_loan"] is has_loan


def test_empty_columns_stay_empty() -> None:
    assert set(parse_row(_ROW).values()) == {None}


def test_a_column_of_another_type_is_not_guessed() -> None:
    with pytest.raises(TypeError, match="float"):
        parse_row(_ROW | {"grzhye": 1.5})
