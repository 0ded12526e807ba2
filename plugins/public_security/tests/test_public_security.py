# SPDX-License-Identifier: Apache-2.0
"""The adapter against a register that is a real process, and against servers that misbehave."""

import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from gateway_adapter_public_security.adapter import PublicSecurity, Settings
from gateway_adapter_public_security.household import HOUSEHOLD
from gateway_adapter_public_security.identity import CODES, IDENTITY
from gateway_adapter_public_security.protocol import PATHS
from gateway_adapter_public_security.record import format_record, parse_record
from hypothesis import given
from hypothesis import strategies as st

from gateway.sdk import (
    AdapterContext,
    AdapterContractBroken,
    AdapterRefused,
    AdapterTimeout,
    AdapterUnavailable,
    CertificateType,
    Deadline,
    DepartmentError,
    Found,
    Holder,
    NotFound,
    Query,
)
from gateway.sdk.kits.signin import NationalSignIn

SECRET = "demo-secret"
CITIZEN = {
    "id_number": "14031119010203003X",
    "name": "测试甲",
    "sex_code": "1",
    "ethnicity_code": "01",
    "birth_date": "1901-02-03",
    "household_address": "阳泉市测试街1号",
    "issuing_authority": "阳泉市公安局测试分局",
    "valid_from": "2010-01-01",
    "valid_to": "长期",
    "person_status": "正常",
    "housing_fund": None,
}
STRANGER = "140303190001020027"
ROW = {
    "id_number": CITIZEN["id_number"],
    "name": "测试甲",
    "household_no": "140300001",
    "head_name": "测试甲",
    "relation_code": "02",
    "marital_status": "20",
    "education_code": "20",
    "moved_in_on": "1936-01-15",
    "moved_in_from": "城区测试路1号",
    "height_cm": 150,
}


@contextmanager
def register(folder: Path, *, port: int = 0, latency_ms: int = 0) -> Iterator[tuple[int, Any]]:
    """A simulator as a process, with its port."""
    (folder / "citizens.json").write_bytes(msgspec.json.encode([CITIZEN]))
    (folder / "households.json").write_bytes(msgspec.json.encode([ROW]))
    (folder / "secret").write_text(f"{SECRET}\n")
    command = [sys.executable, "-m", "gateway_adapter_public_security.simulator"]
    command += ["--citizens", str(folder / "citizens.json"), "--port", str(port)]
    command += ["--households", str(folder / "households.json")]
    command += ["--secret-file", str(folder / "secret"), "--latency-ms", str(latency_ms)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield msgspec.json.decode(process.stdout.readline())["port"], process
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with register(tmp_path_factory.mktemp("register")) as (bound, _):
        yield bound


@asynccontextmanager
async def adapter(port: int, *, secret: str = SECRET) -> AsyncIterator[PublicSecurity]:
    settings = Settings(
        url=f"http://127.0.0.1:{port}",
        requester="demo-rid-001",
        service="s_1400000000000_0001",
        secret="env:DEMO",
    )
    opened = PublicSecurity(settings)
    await opened.open(AdapterContext("public_security", {"env:DEMO": secret}.__getitem__))
    try:
        yield opened
    finally:
        await opened.aclose()


def query(
    number: str = CITIZEN["id_number"] or "", certificate: CertificateType = IDENTITY
) -> Query:
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


async def test_a_citizen_is_found_with_every_field(port: int) -> None:
    async with adapter(port) as asked:
        answer = await asked.lookup(query(), Deadline.after(10))
    assert isinstance(answer, Found)
    assert answer.fields == {name: CITIZEN[name] for name in CODES}
    assert answer.fields.keys() == IDENTITY.field_names


async def test_the_household_row_is_found_with_every_field(port: int) -> None:
    async with adapter(port) as asked:
        answer = await asked.lookup(query(certificate=HOUSEHOLD), Deadline.after(10))
    assert isinstance(answer, Found)
    assert answer.fields == ROW
    assert answer.fields.keys() == HOUSEHOLD.field_names


async def test_a_stranger_is_not_found(port: int) -> None:
    async with adapter(port) as asked:
        assert await asked.lookup(query(STRANGER), Deadline.after(10)) == NotFound()


async def test_a_wrong_secret_is_refused(port: int) -> None:
    async with adapter(port, secret="other-secret") as asked:
        with pytest.raises(AdapterRefused):
            await asked.lookup(query(), Deadline.after(10))


async def test_an_old_sign_in_is_refused(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    now_ms = time.time_ns() // 1_000_000
    async with adapter(port) as asked:
        headers = NationalSignIn.headers
        monkeypatch.setattr(
            NationalSignIn,
            "headers",
            lambda self, call, _, nonce: headers(self, call, now_ms - 11 * 60 * 1000, nonce),
        )
        with pytest.raises(AdapterRefused):
            await asked.lookup(query(), Deadline.after(10))


async def test_it_answers_a_ping(port: int) -> None:
    async with adapter(port) as asked:
        await asked.ping()


async def test_a_slow_register_ends_at_the_deadline(tmp_path: Path) -> None:
    with register(tmp_path, latency_ms=30_000) as (port, _):
        async with adapter(port) as asked:
            with pytest.raises(AdapterTimeout):
                await asked.lookup(query(), Deadline.after(0.2))


async def test_a_register_that_was_killed_is_unavailable_until_it_is_back(tmp_path: Path) -> None:
    with register(tmp_path) as (port, process):
        async with adapter(port) as asked:
            assert isinstance(await asked.lookup(query(), Deadline.after(10)), Found)
            process.kill()
            process.wait()
            for call in (asked.lookup(query(), Deadline.after(10)), asked.ping()):
                with pytest.raises(AdapterUnavailable):
                    await call
            with register(tmp_path, port=port):
                assert isinstance(await asked.lookup(query(), Deadline.after(10)), Found)


async def test_the_simulator_stops_when_told_and_logs_nothing(tmp_path: Path) -> None:
    with register(tmp_path) as (port, process):
        async with adapter(port) as asked:
            await asked.lookup(query(), Deadline.after(10))
        process.terminate()
        assert process.wait(10) == 0
        assert process.stdout.read() + process.stderr.read() == b""


@asynccontextmanager
async def misbehaving(body: bytes, seen: list[Any] | None = None) -> AsyncIterator[int]:
    """A server that answers every call with these bytes."""

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        if seen is not None:
            seen.extend([request.method, request.path_qs, await request.json()])
        return web.Response(body=body, content_type="application/json")

    runner = web.ServerRunner(web.Server(handler))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    "body",
    [
        b"<html>maintenance</html>",
        b"{}",
        b'{"code":"0"}',
        b'{"code":"0","data":{"total":1,"result":[]}}',
        b'{"code":"0","data":{"total":2,"result":[{},{}]}}',
        b'{"code":"0","data":{"total":1,"result":[{"GMSFHM":14}]}}',
        b'{"code":"12000","message":"error"}',
    ],
)
async def test_garbage_is_a_breach(body: bytes) -> None:
    async with misbehaving(body) as port, adapter(port) as asked:
        with pytest.raises(AdapterContractBroken):
            await asked.lookup(query(), Deadline.after(10))


async def test_who_asks_and_why_goes_along_and_the_number_stays_out_of_the_url() -> None:
    seen: list[Any] = []
    reply = b'{"code":"0","data":{"total":0}}'
    async with misbehaving(reply, seen) as port, adapter(port) as asked:
        assert await asked.lookup(query(), Deadline.after(10)) == NotFound()
    assert seen == [
        "POST",
        PATHS[IDENTITY.name],
        {
            "EndUser": {
                "UserDept": "yq-gjj",
                "UserId": "yq-0417",
                "CallReason": "housing fund withdrawal",
                "ItemCode": "yq-gjj-001",
                "CaseNo": "YQ-1",
                "RequestId": "r-1",
            },
            "Params": {
                "Condition": {"GMSFHM": CITIZEN["id_number"]},
                "RequiredItems": list(CODES.values()),
            },
            "Method": "Query",
        },
    ]


async def test_a_register_that_says_that_it_is_down_fails_the_ping() -> None:
    async def handler(_request: web.BaseRequest) -> web.StreamResponse:
        return web.json_response({"status": "draining"})

    runner = web.ServerRunner(web.Server(handler))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with adapter(runner.addresses[0][1]) as asked:
        with pytest.raises(AdapterUnavailable):
            await asked.ping()
    await runner.cleanup()


@pytest.mark.parametrize(
    ("code", "kind", "retry_after_s"),
    [("-5", AdapterRefused, None), ("-50", AdapterUnavailable, 20), ("2010", AdapterTimeout, None)],
)
async def test_the_registers_code_becomes_an_error(
    code: str, kind: type[DepartmentError], retry_after_s: int | None
) -> None:
    async with misbehaving(b'{"code":"%s"}' % code.encode()) as port, adapter(port) as asked:
        with pytest.raises(kind) as caught:
            await asked.lookup(query(), Deadline.after(10))
    assert caught.value.retry_after_s == retry_after_s
    assert caught.value.cause == f"code {code}"


_DAYS = st.dates().map(lambda day: day.isoformat()) | st.just("长期") | st.none()
_TEXTS = st.text(min_size=1) | st.none()


@given(
    st.fixed_dictionaries(
        {
            field.name: _DAYS if field.type == "date" else _TEXTS
            for field in IDENTITY.fields
            if field.name != "id_number"
        }
        | {"id_number": st.from_regex(r"[0-9]{17}[0-9X]", fullmatch=True)}
    )
)
def test_a_record_is_parsed_as_it_was_formatted(fields: Mapping[str, str | None]) -> None:
    assert parse_record(format_record(fields)) == fields


def test_a_height_that_is_no_number_is_a_breach_without_its_value() -> None:
    with pytest.raises(AdapterContractBroken) as caught:
        parse_record({"SG": "测试甲"}, HOUSEHOLD)
    assert caught.value.cause == "field height_cm is no whole number"


def test_older_rows_with_a_small_x_and_empty_values_are_understood() -> None:
    fields = parse_record({"GMSFHM": "14031119010203003x", "XM": ""})
    assert fields["id_number"] == "14031119010203003X"
    assert fields["name"] is None
    assert fields["valid_to"] is None
