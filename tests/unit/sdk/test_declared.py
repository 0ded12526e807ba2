# SPDX-License-Identifier: Apache-2.0
"""Declared adapters against real servers, databases and folders: no Python stands between."""

import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web

from gateway.errors import (
    AdapterContractBroken,
    AdapterRefused,
    AdapterTimeout,
    AdapterUnavailable,
    DepartmentError,
)
from gateway.model.site import AdapterSite
from gateway.registry.directory import Departments
from gateway.sdk import AdapterContext, Deadline, Found, NotFound
from gateway.sdk.contract import check_answer
from gateway.sdk.kits.declarative.adapter import DeclaredAdapter, declared_adapter
from gateway.sdk.kits.filedrop.deliver import deliver
from gateway.sdk.kits.filedrop.layout import CHINA
from tests.unit.sdk.declared import CARD, FIELDS, FILE, HTTP, NUMBER, SQL, query


@asynccontextmanager
async def opened(
    folder: Path, text: str, settings: Mapping[str, Any], secret: str = "demo-secret"
) -> AsyncIterator[DeclaredAdapter]:
    (folder / "adapter.toml").write_text(text)
    made = declared_adapter("desk", folder / "adapter.toml")
    adapter = made(msgspec.convert(dict(settings), made.settings_type))
    await adapter.open(AdapterContext("desk", lambda _reference: secret))
    try:
        yield adapter
    finally:
        await adapter.aclose()


@asynccontextmanager
async def http(
    folder: Path,
    reply: object,
    *,
    text: str = HTTP,
    seen: list[Any] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> AsyncIterator[DeclaredAdapter]:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        if seen is not None:
            seen.extend([request.path_qs, await request.read(), dict(request.headers)])
        body = reply if isinstance(reply, bytes) else msgspec.json.encode(reply)
        return web.Response(body=body, content_type="application/json")

    runner = web.ServerRunner(web.Server(handler), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    own = {"url": f"http://127.0.0.1:{runner.addresses[0][1]}"} | dict(settings or {})
    try:
        async with opened(folder, text, own) as adapter:
            yield adapter
    finally:
        await runner.cleanup()


def answered(*cards: Mapping[str, Any], code: object = 0) -> dict[str, Any]:
    return {"code": code, "data": {"list": list(cards)}}


async def test_a_record_is_found_with_every_field(tmp_path: Path) -> None:
    async with http(tmp_path, answered(CARD)) as adapter:
        asked = query(adapter)
        answer = await adapter.lookup(asked, Deadline.after(10))
        check_answer(answer, asked.certificate, asked.holder)
    assert isinstance(answer, Found)
    assert answer.fields == FIELDS


async def test_what_is_asked_is_filled_into_the_body_and_into_nothing_else(tmp_path: Path) -> None:
    seen: list[Any] = []
    async with http(tmp_path, answered(), seen=seen) as adapter:
        await adapter.lookup(query(adapter, card_no='"}]'), Deadline.after(10))
    path, body, headers = seen
    assert path == "/cards"
    assert msgspec.json.decode(body) == {
        "who": NUMBER,
        "nested": [{"name": "测试甲", "card": 'no. "}]'}],
        "why": "withdrawal/yq-gjj-001/YQ-1/yq-gjj/yq-0417/r-1/140300",
        "page": 1,
        "all": True,
    }
    assert headers["Content-Type"] == "application/json"
    assert NUMBER not in str(headers)


@pytest.mark.parametrize(
    "reply",
    [
        answered(),
        {"code": "0", "data": {"list": None}},
        {"code": 44},
        {"code": "44", "data": None},
    ],
)
async def test_no_record_is_not_found(tmp_path: Path, reply: object) -> None:
    async with http(tmp_path, reply) as adapter:
        assert await adapter.lookup(query(adapter), Deadline.after(10)) == NotFound()


async def test_a_record_may_stand_alone(tmp_path: Path) -> None:
    async with http(tmp_path, {"code": 0, "data": {"list": CARD}}) as adapter:
        assert isinstance(await adapter.lookup(query(adapter), Deadline.after(10)), Found)


async def test_of_several_the_newest_counts_whatever_their_order(tmp_path: Path) -> None:
    older = {**CARD, "fkrq": "20191231", "grade": 2}
    for cards in ((older, CARD), (CARD, older)):
        async with http(tmp_path, answered(*cards)) as adapter:
            answer = await adapter.lookup(query(adapter), Deadline.after(10))
        assert isinstance(answer, Found)
        assert answer.fields["grade"] == "一级"


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        ({"code": 51}, AdapterRefused),
        ({"code": "52"}, AdapterUnavailable),
        ({"code": -50}, AdapterUnavailable),  # the provincial table
        ({"code": 2010}, AdapterTimeout),
        ({"code": 77}, AdapterContractBroken),
        ({"code": True}, AdapterContractBroken),
        ({"data": {"list": [CARD]}}, AdapterContractBroken),
        ({"code": 0}, AdapterContractBroken),
        ({"code": 0, "data": {"liste": [CARD]}}, AdapterContractBroken),
        (answered({**CARD, "fkrq": "soon"}), AdapterContractBroken),
        (answered({**CARD, "grade": 3}), AdapterContractBroken),
        (answered(CARD, CARD), AdapterContractBroken),
        ({"code": 0, "data": {"list": ["card"]}}, AdapterContractBroken),
        (b"<html>maintenance</html>", AdapterContractBroken),
        (b'"0"', AdapterContractBroken),
        (b'{"code": 0, "data": ' + b"[" * 10_000, AdapterContractBroken),
    ],
)
async def test_anything_else_is_a_failure_and_never_not_found(
    tmp_path: Path, reply: object, kind: type[DepartmentError]
) -> None:
    async with http(tmp_path, reply) as adapter:
        with pytest.raises(kind) as caught:
            await adapter.lookup(query(adapter), Deadline.after(10))
    assert NUMBER[:17] not in caught.value.cause
    assert "测试甲" not in caught.value.cause


@pytest.mark.parametrize("number", ["1e100000000", "-1e-100000000", "1e99999999999999999999"])
async def test_a_number_that_would_fill_the_memory_is_a_breach(tmp_path: Path, number: str) -> None:
    reply = msgspec.json.encode(answered({**CARD, "amount": 0.25})).replace(
        b"0.25", number.encode()
    )
    async with http(tmp_path, reply) as adapter:
        with pytest.raises(AdapterContractBroken):
            await adapter.lookup(query(adapter), Deadline.after(10))


async def test_several_records_without_a_rule_are_a_breach(tmp_path: Path) -> None:
    text = HTTP.replace('newest = "issued_on"\n', "")
    async with http(tmp_path, answered(CARD, CARD), text=text) as adapter:
        with pytest.raises(AdapterContractBroken, match="PROVIDER_ERROR"):
            await adapter.lookup(query(adapter), Deadline.after(10))


@pytest.mark.parametrize(
    ("sign_in", "header"),
    [
        ({"dialect": "national", "requester": "r", "service": "s"}, "gjgxjhpt_sign"),
        ({"dialect": "municipal", "app": "a"}, "gateway_sig"),
        ({"dialect": "irs", "access_key": "a"}, "X-BG-HMAC-SIGNATURE"),
        ({"dialect": "tif", "app": "a"}, "x-tif-signature"),
        ({"dialect": "legacy_md5", "app": "a", "insecure": True}, "sign"),
        ({"dialect": "bearer"}, "Authorization"),
    ],
)
async def test_every_dialect_is_a_setting(
    tmp_path: Path, sign_in: dict[str, Any], header: str
) -> None:
    seen: list[Any] = []
    settings = {"sign_in": {"secret": "file:keys/x"} | sign_in}
    async with http(tmp_path, answered(), seen=seen, settings=settings) as adapter:
        await adapter.lookup(query(adapter), Deadline.after(10))
    assert header in seen[2]
    assert "demo-secret" not in str(seen[2]).replace("Bearer demo-secret", "")


@pytest.mark.parametrize(
    ("reply", "kind"),
    [({"status": "up"}, None), ({"status": "down"}, AdapterUnavailable), ({}, AdapterUnavailable)],
)
async def test_a_ping_says_what_was_declared(
    tmp_path: Path, reply: object, kind: type[DepartmentError] | None
) -> None:
    async with http(tmp_path, reply) as adapter:
        if kind is None:
            await adapter.ping()
            return
        with pytest.raises(kind):
            await adapter.ping()


def database(folder: Path, *rows: tuple[object, ...]) -> str:
    file = folder / "cards.db"
    with closing(sqlite3.connect(file)) as made, made:
        made.execute("CREATE TABLE card (zjhm, xm, card_no, fkrq, amount, grade, is_open)")
        made.executemany("INSERT INTO card VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    return f"sqlite://{file}"


ROW = (NUMBER, "测试甲", "A-1", "20200131", "5000.5", 1, "启用")


async def test_a_database_is_asked_by_its_parameters(tmp_path: Path) -> None:
    dsn = database(tmp_path, ROW)
    async with opened(tmp_path, SQL, {"dsn": "file:keys/dsn"}, secret=dsn) as adapter:
        await adapter.ping()
        answer = await adapter.lookup(query(adapter), Deadline.after(10))
        assert isinstance(answer, Found)
        assert answer.fields == FIELDS
        for other in (query(adapter, card_no="A-2"), query(adapter, number="140303190001020027")):
            assert await adapter.lookup(other, Deadline.after(10)) == NotFound()


async def test_several_rows_are_a_breach(tmp_path: Path) -> None:
    dsn = database(tmp_path, ROW, ROW)
    async with opened(tmp_path, SQL, {"dsn": "file:keys/dsn"}, secret=dsn) as adapter:
        with pytest.raises(AdapterContractBroken):
            await adapter.lookup(query(adapter), Deadline.after(10))


async def test_a_delivery_is_asked_by_its_keys(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    lines = ("zjhm,xm,card_no,fkrq,amount,grade,is_open", ",".join(map(str, ROW)))
    deliver(tmp_path / f"in/cards-{datetime.now(CHINA):%Y%m%d}.csv", "\n".join(lines).encode())
    settings = {"folder": str(tmp_path / "in"), "state": str(tmp_path / "state")}
    async with opened(tmp_path, FILE, settings) as adapter:
        answer = await adapter.lookup(query(adapter), Deadline.after(20))
        assert isinstance(answer, Found)
        assert answer.fields == FIELDS
        missing = await adapter.lookup(query(adapter, card_no="A-2"), Deadline.after(10))
        assert isinstance(missing, NotFound)
        await adapter.ping()


async def test_it_answers_from_a_process_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "dsn").write_text(database(tmp_path, ROW))
    (tmp_path / "dsn").chmod(0o600)
    (tmp_path / "adapter.toml").write_text(SQL)
    made = declared_adapter("desk", tmp_path / "adapter.toml")
    site = AdapterSite(
        plugin="desk", name="desk", isolation="process", settings={"dsn": "file:dsn"}
    )
    departments = Departments([(site, made)], folder=tmp_path)
    await departments.open()
    try:
        answer = await departments.lookup(query(made), Deadline.after(30))
    finally:
        await departments.aclose()
    assert isinstance(answer, Found)
    assert answer.fields == FIELDS


async def test_closing_without_opening_is_fine(tmp_path: Path) -> None:
    (tmp_path / "adapter.toml").write_text(HTTP)
    made = declared_adapter("desk", tmp_path / "adapter.toml")
    await made(msgspec.convert({"url": "http://desk.example"}, made.settings_type)).aclose()
