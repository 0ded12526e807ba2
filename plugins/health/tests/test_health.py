# SPDX-License-Identifier: Apache-2.0
"""The declaration against a health commission's database: two keys, or nothing."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import gateway_adapter_health
import msgspec
import pytest

from gateway.sdk import (
    Adapter,
    AdapterContext,
    AdapterUnavailable,
    Deadline,
    Found,
    Holder,
    NotFound,
    Query,
)
from gateway.sdk.kits.declarative.adapter import declared_adapter
from gateway.sdk.kits.simulator import running

ADAPTER = declared_adapter(
    "health", Path(gateway_adapter_health.__file__).with_name("adapter.toml")
)
[CERTIFICATE] = ADAPTER.certificates

MOTHER, OTHER = "140303190001100027", "140302190001010017"
BIRTH: dict[str, Any] = {
    "certificate_no": "Z140000001",
    "child_name": "测试子",
    "child_sex_code": "1",
    "born_at": "1930-01-01T08:00",
    "birth_area": "城区",
    "mother_name": "测试乙",
    "mother_id": MOTHER,
    "father_name": "测试甲",
    "father_id": OTHER,
}
SECOND = BIRTH | {"certificate_no": "Z140000002", "father_name": None, "father_id": None}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[tuple[str, Any]]:
    (tmp_path / "records.json").write_bytes(msgspec.json.encode([BIRTH, SECOND]))
    with running(
        "gateway_adapter_health.simulator",
        f"--records={tmp_path / 'records.json'}",
        f"--folder={tmp_path}",
    ) as (ready, process):
        yield ready["dsn"], process


@asynccontextmanager
async def adapter(
    settings: dict[str, Any], secret: str = "demo-secret"
) -> AsyncIterator[Adapter[Any]]:
    given = msgspec.convert(settings, ADAPTER.settings_type)
    opened = ADAPTER(given)
    await opened.open(AdapterContext("health", {"env:DEMO": secret}.__getitem__))
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


async def test_a_birth_is_found_by_mother_and_number(database: tuple[str, Any]) -> None:
    async with adapter({"dsn": "env:DEMO"}, database[0]) as asked:
        for birth in (BIRTH, SECOND):
            asking = query(MOTHER, certificate_no=birth["certificate_no"])
            answer = await asked.lookup(asking, Deadline.after(10))
            assert isinstance(answer, Found)
            assert answer.fields == birth
            assert answer.fields.keys() == CERTIFICATE.field_names


@pytest.mark.parametrize(
    ("number", "claims"),
    [
        (MOTHER, {"certificate_no": "Z140000009"}),
        (OTHER, {"certificate_no": "Z140000001"}),  # the father's number is no key
        (MOTHER, {}),
    ],
)
async def test_one_key_is_none(
    database: tuple[str, Any], number: str, claims: dict[str, str]
) -> None:
    async with adapter({"dsn": "env:DEMO"}, database[0]) as asked:
        assert await asked.lookup(query(number, **claims), Deadline.after(10)) == NotFound()


async def test_a_database_that_is_taken_away_is_unavailable(database: tuple[str, Any]) -> None:
    dsn, process = database
    async with adapter({"dsn": "env:DEMO"}, dsn) as asked:
        await asked.ping()
        process.terminate()
        process.wait()
        for call in (
            asked.lookup(query(MOTHER, certificate_no="Z140000001"), Deadline.after(10)),
            asked.ping(),
        ):
            with pytest.raises(AdapterUnavailable):
                await call
