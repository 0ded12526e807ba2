# SPDX-License-Identifier: Apache-2.0
"""The adapter against a fund that is a real process, and gives tokens that end."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from gateway_adapter_housing_fund.account import ACCOUNT, ORIGINS, choose, parse_record
from gateway_adapter_housing_fund.adapter import HousingFund
from gateway_adapter_housing_fund.simulator import APP, format_account
from hypothesis import given
from hypothesis import strategies as st

from gateway.sdk import (
    AdapterContext,
    AdapterRefused,
    AdapterUnavailable,
    Deadline,
    Found,
    Holder,
    NotFound,
    Query,
)
from gateway.sdk.kits.http_settings import HttpSettings
from gateway.sdk.kits.simulator import running

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
    "closed_on": "2025-03-15",
    "close_reason": "离休、退休",
    "has_loan": False,
}
FIRST, SECOND, THIRD = "140302190001010017", "140303190001020027", "14031119010203003X"
CITIZENS: list[dict[str, Any]] = [
    {"id_number": FIRST, "name": "测试甲", "housing_fund": OPEN},
    {"id_number": SECOND, "name": "测试乙", "housing_fund": CLOSED},
    {"id_number": THIRD, "name": "测试丙", "housing_fund": None},
]


@contextmanager
def fund(folder: Path, *, port: int = 0, life_s: float = 1800) -> Iterator[tuple[int, Any]]:
    (folder / "citizens.json").write_bytes(msgspec.json.encode(CITIZENS))
    (folder / "secret").write_text("demo-secret")
    with running(
        "gateway_adapter_housing_fund.simulator",
        f"--citizens={folder / 'citizens.json'}",
        f"--secret-file={folder / 'secret'}",
        f"--port={port}",
        f"--token-life-s={life_s}",
    ) as (ready, process):
        yield ready["port"], process


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with fund(tmp_path_factory.mktemp("fund")) as (bound, _):
        yield bound


@asynccontextmanager
async def adapter(port: int, secret: str = "demo-secret") -> AsyncIterator[HousingFund]:
    sign_in = {"dialect": "token", "path": "/oauth/token", "app": APP, "secret": "env:DEMO"}
    given = {"url": f"http://127.0.0.1:{port}", "sign_in": sign_in}
    opened = HousingFund(msgspec.convert(given, HttpSettings))
    await opened.open(AdapterContext("housing_fund", {"env:DEMO": secret}.__getitem__))
    try:
        yield opened
    finally:
        await opened.aclose()


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
async def test_an_account_is_found_with_every_field(port: int, citizen: dict[str, Any]) -> None:
    async with adapter(port) as asked:
        answer = await asked.lookup(query(citizen["id_number"]), Deadline.after(10))
    assert isinstance(answer, Found)
    own = {"id_number": citizen["id_number"], "name": citizen["name"]}
    assert answer.fields == citizen["housing_fund"] | own
    assert answer.fields.keys() == ACCOUNT.field_names


async def test_a_citizen_without_an_account_is_not_found(port: int) -> None:
    async with adapter(port) as asked:
        assert await asked.lookup(query(THIRD), Deadline.after(10)) == NotFound()


async def test_it_answers_a_ping(port: int) -> None:
    async with adapter(port) as asked:
        await asked.ping()


async def test_a_wrong_secret_is_refused(port: int) -> None:
    async with adapter(port, secret="other-secret") as asked:
        for call in (asked.lookup(query(), Deadline.after(10)), asked.ping()):
            with pytest.raises(AdapterRefused):
                await call


async def test_tokens_that_end_are_replaced_without_a_failure(tmp_path: Path) -> None:
    with fund(tmp_path, life_s=0.2) as (port, _):
        async with adapter(port) as asked:
            for _ in range(30):
                assert isinstance(await asked.lookup(query(), Deadline.after(10)), Found)


async def test_a_token_of_before_a_restart_is_replaced_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.sdk.kits.sessions._YOUNG_S", 0.0)
    with fund(tmp_path) as (port, process):
        async with adapter(port) as asked:
            assert isinstance(await asked.lookup(query(), Deadline.after(10)), Found)
            process.terminate()
            process.wait()
            with pytest.raises(AdapterUnavailable):
                await asked.lookup(query(), Deadline.after(10))
            with fund(tmp_path, port=port):
                assert isinstance(await asked.lookup(query(), Deadline.after(10)), Found)


def test_of_several_accounts_the_open_one_counts() -> None:
    older = OPEN | {"opened_on": "1999-01-01"}
    later_closed = CLOSED | {"opened_on": "2020-01-01"}
    records = [
        format_account({"id_number": FIRST, "name": "测试甲", "housing_fund": account})
        for account in (CLOSED, older, later_closed)
    ]
    chosen = choose(records)
    assert chosen is not None
    assert parse_record(chosen)["opened_on"] == "1999-01-01"
    closed = choose([records[0], records[2]])
    assert closed is not None
    assert parse_record(closed)["opened_on"] == "2020-01-01"
    assert choose([]) is None


@given(st.decimals(0, 10**12, places=2), st.dates(), st.booleans())
def test_a_record_is_parsed_as_it_was_formatted(amount: Any, day: Any, has_loan: Any) -> None:
    account = OPEN | {
        "balance": f"{amount:.2f}",
        "opened_on": day.isoformat(),
        "paid_to_month": day.isoformat()[:7],
        "has_loan": has_loan,
    }
    own = {"id_number": FIRST, "name": "测试甲"}
    assert parse_record(format_account(own | {"housing_fund": account})) == account | own


def test_empty_members_stay_empty() -> None:
    assert set(parse_record(dict.fromkeys(o.source for o in ORIGINS.values())).values()) == {None}
