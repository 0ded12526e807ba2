# SPDX-License-Identifier: Apache-2.0
"""The declaration against a registrar that delivers files."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import gateway_adapter_market_regulation
import msgspec
import pytest
from gateway_adapter_market_regulation.simulator import deliver_licences

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
from gateway.sdk.kits.filedrop.layout import CHINA
from gateway.sdk.kits.simulator import running

ADAPTER = declared_adapter(
    "market_regulation", Path(gateway_adapter_market_regulation.__file__).with_name("adapter.toml")
)
[CERTIFICATE] = ADAPTER.certificates

LICENCE: dict[str, Any] = {
    "uscc": "91140300MA0TE0T12P",
    "name": "测试㐀企业",
    "entity_type": "有限责任公司（测试）",
    "legal_representative": "测试甲",
    "registered_capital": "100.000000",
    "currency": "人民币",
    "established_on": "2001-03-01",
    "approved_on": "2025-01-10",
    "term_from": "2001-03-01",
    "term_to": "长期",
    "domicile": "阳泉市测试大道1号",
    "business_scope": "测试服务，“测试”咨询\n（依法须经批准的项目除外）",
    "registrar": "阳泉市市场监督管理局（测试）",
    "entity_status": "存续",
}


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[dict[str, Any]]:
    (tmp_path / "records.json").write_bytes(msgspec.json.encode([LICENCE]))
    folder = tmp_path / "deliveries"
    with running(
        "gateway_adapter_market_regulation.simulator",
        f"--records={tmp_path / 'records.json'}",
        f"--folder={folder}",
    ):
        yield {"folder": str(folder), "state": str(tmp_path / "state"), "poll_s": 0.1}


@asynccontextmanager
async def adapter(
    settings: dict[str, Any], secret: str = "demo-secret"
) -> AsyncIterator[Adapter[Any]]:
    given = msgspec.convert(settings, ADAPTER.settings_type)
    opened = ADAPTER(given)
    await opened.open(AdapterContext("market_regulation", {"env:DEMO": secret}.__getitem__))
    try:
        yield opened
    finally:
        await opened.aclose()


def query(number: str, **claims: str) -> Query:
    return Query(
        holder=Holder("cn-uscc", number),
        certificate=CERTIFICATE,
        request_id="r-1",
        agency="yq-zwdt",
        operator="yq-0901",
        item="yq-1",
        case="YQ-1",
        purpose="counter service",
        claims=claims,
    )


async def test_a_licence_is_found_with_every_field_as_of_its_delivery(
    settings: dict[str, Any],
) -> None:
    async with adapter(settings) as asked:
        answer = await asked.lookup(query(LICENCE["uscc"]), Deadline.after(20))
        missing = await asked.lookup(query("92140311MA0DEM128E"), Deadline.after(10))
    assert isinstance(answer, Found)
    assert answer.fields == LICENCE
    assert answer.fields.keys() == CERTIFICATE.field_names
    assert answer.as_of is not None
    assert abs(datetime.now(CHINA) - answer.as_of) < timedelta(minutes=10)
    assert missing == NotFound(answer.as_of)


async def test_the_next_nights_delivery_is_taken(settings: dict[str, Any]) -> None:
    async with adapter(settings) as asked:
        assert isinstance(await asked.lookup(query(LICENCE["uscc"]), Deadline.after(20)), Found)
        revoked = LICENCE | {"entity_status": "吊销"}
        tomorrow = datetime.now(CHINA) + timedelta(seconds=5)
        deliver_licences(Path(settings["folder"]), (revoked,), tomorrow)
        status = None
        while status != "吊销":  # each turn reads the index again
            answer = await asked.lookup(query(LICENCE["uscc"]), Deadline.after(10))
            assert isinstance(answer, Found)
            status = answer.fields["entity_status"]


async def test_without_a_delivery_nothing_is_known(tmp_path: Path) -> None:
    settings = {"folder": str(tmp_path / "none"), "state": str(tmp_path / "state")}
    async with adapter(settings) as asked:
        for call in (asked.lookup(query(LICENCE["uscc"]), Deadline.after(10)), asked.ping()):
            with pytest.raises(AdapterUnavailable):
                await call
