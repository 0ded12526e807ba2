# SPDX-License-Identifier: Apache-2.0
"""The adapter against an insurance centre that is a real process."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from gateway_adapter_social_insurance.adapter import SocialInsurance
from gateway_adapter_social_insurance.enrollment import PROOF
from gateway_adapter_social_insurance.simulator import APP

from gateway.sdk import AdapterContext, AdapterRefused, Deadline, Found, Holder, NotFound, Query
from gateway.sdk.kits.http_settings import HttpSettings
from gateway.sdk.kits.simulator import running

RECORD: dict[str, Any] = {
    "person_no": "1403000000001",
    "id_number": "14031119010203003X",
    "name": "测试甲 & <乙>",
    "insurance_type": "110",
    "enrollment_status": "1",
    "employer_name": "测试单位甲",
    "employer_uscc": "91140300MA0TE0T12P",
    "first_enrolled_month": "2006-01",
    "period_from": "2006-01",
    "period_to": "2026-10",
    "contribution_base": "5000.00",
    "months_paid": 250,
    "agency": "阳泉市社会保险经办中心（测试）",
    "verify_code": None,
}


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("centre")
    (folder / "records.json").write_bytes(msgspec.json.encode([RECORD]))
    (folder / "secret").write_text("demo-secret")
    with running(
        "gateway_adapter_social_insurance.simulator",
        f"--records={folder / 'records.json'}",
        f"--secret-file={folder / 'secret'}",
    ) as (ready, _):
        yield ready["port"]


@asynccontextmanager
async def adapter(port: int, secret: str = "demo-secret") -> AsyncIterator[SocialInsurance]:
    sign_in = {"dialect": "municipal", "app": APP, "secret": "env:DEMO"}
    given = {"url": f"http://127.0.0.1:{port}", "sign_in": sign_in}
    opened = SocialInsurance(msgspec.convert(given, HttpSettings))
    await opened.open(AdapterContext("social_insurance", {"env:DEMO": secret}.__getitem__))
    try:
        yield opened
    finally:
        await opened.aclose()


def query(number: str = RECORD["id_number"]) -> Query:
    return Query(
        holder=Holder("cn-id", number),
        certificate=PROOF,
        request_id="r-1",
        agency="yq-gjj",
        operator="yq-0417",
        item="yq-gjj-001",
        case="YQ-1",
        purpose="housing fund withdrawal",
    )


async def test_an_enrolment_is_found_with_every_field(port: int) -> None:
    async with adapter(port) as asked:
        answer = await asked.lookup(query(), Deadline.after(10))
    assert isinstance(answer, Found)
    assert answer.fields == RECORD
    assert answer.fields.keys() == PROOF.field_names


async def test_who_is_not_enrolled_is_not_found(port: int) -> None:
    async with adapter(port) as asked:
        assert await asked.lookup(query("140105194912310017"), Deadline.after(10)) == NotFound()


async def test_it_answers_a_ping(port: int) -> None:
    async with adapter(port) as asked:
        await asked.ping()


async def test_a_wrong_secret_is_a_fault_of_the_centres_own(port: int) -> None:
    async with adapter(port, secret="other") as asked:
        with pytest.raises(AdapterRefused) as caught:
            await asked.lookup(query(), Deadline.after(10))
    assert caught.value.cause == "SOAP fault Client.NotAuthorized"
