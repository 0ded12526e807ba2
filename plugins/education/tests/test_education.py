# SPDX-License-Identifier: Apache-2.0
"""The declaration against a degree register that is a real process."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import gateway_adapter_education
import msgspec
import pytest

from gateway.sdk import (
    Adapter,
    AdapterContext,
    AdapterRefused,
    Deadline,
    Found,
    Holder,
    NotFound,
    Query,
)
from gateway.sdk.kits.declarative.adapter import declared_adapter
from gateway.sdk.kits.simulator import running

ADAPTER = declared_adapter(
    "education", Path(gateway_adapter_education.__file__).with_name("adapter.toml")
)
[CERTIFICATE] = ADAPTER.certificates

FIRST: dict[str, Any] = {
    "id_number": "14031119010203003X",
    "name": "测试甲",
    "sex_code": "1",
    "birth_date": "1901-02-03",
    "school_name": "测试大学甲",
    "school_code": "99990",
    "level": "专科",
    "category": "普通高等教育",
    "study_mode": "全日制",
    "major": "测试科学",
    "enrolled_on": "1919-09-01",
    "graduated_on": "1922-07-01",
    "result": "毕业",
    "certificate_no": "999901192205000001",
    "president": "测试校长甲",
}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("register")
    (folder / "records.json").write_bytes(msgspec.json.encode([FIRST]))
    (folder / "secret").write_text("demo-secret")
    with running(
        "gateway_adapter_education.simulator",
        f"--records={folder / 'records.json'}",
        f"--secret-file={folder / 'secret'}",
    ) as (ready, _):
        sign_in = {"dialect": "irs", "access_key": "yizheng-demo", "secret": "env:DEMO"}
        yield {"url": f"http://127.0.0.1:{ready['port']}", "sign_in": sign_in}


@asynccontextmanager
async def adapter(
    settings: dict[str, Any], secret: str = "demo-secret"
) -> AsyncIterator[Adapter[Any]]:
    given = msgspec.convert(settings, ADAPTER.settings_type)
    opened = ADAPTER(given)
    await opened.open(AdapterContext("education", {"env:DEMO": secret}.__getitem__))
    try:
        yield opened
    finally:
        await opened.aclose()


def query(number: str, **claims: str) -> Query:
    return Query(
        holder=Holder("cn-id", number),
        certificate=CERTIFICATE,
        request_id="r-1",
        agency="yq-zwdt",
        operator="yq-0901",
        item="yq-1",
        case="YQ-1",
        purpose="counter service",
        claims=claims,
    )


async def test_a_degree_is_found_with_every_field(settings: dict[str, Any]) -> None:
    async with adapter(settings) as asked:
        answer = await asked.lookup(query(FIRST["id_number"]), Deadline.after(10))
    assert isinstance(answer, Found)
    assert answer.fields == FIRST
    assert answer.fields.keys() == CERTIFICATE.field_names


async def test_who_has_none_is_not_found(settings: dict[str, Any]) -> None:
    async with adapter(settings) as asked:
        assert await asked.lookup(query("140105194912310017"), Deadline.after(10)) == NotFound()


async def test_a_wrong_secret_is_refused_by_the_registers_code(settings: dict[str, Any]) -> None:
    async with adapter(settings, secret="other") as asked:
        with pytest.raises(AdapterRefused) as caught:
            await asked.lookup(query(FIRST["id_number"]), Deadline.after(10))
    assert caught.value.cause == "code 401001"


async def test_it_answers_a_ping(settings: dict[str, Any]) -> None:
    async with adapter(settings) as asked:
        await asked.ping()
