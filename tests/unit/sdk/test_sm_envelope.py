# SPDX-License-Identifier: Apache-2.0
"""Bodies that travel sealed: what the department gets, what it does not believe, what we do not."""

import base64
import json
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.crypto.sm import load_sm2_key_pair, sm3
from gateway.errors import AdapterContractBroken, AdapterUnavailable, SetupError
from gateway.sdk import AdapterContext, Deadline, RetryBudget
from gateway.sdk.kits.http_settings import HttpSettings, http_source
from gateway.sdk.kits.signin import MAX_SKEW_MS
from gateway.sdk.kits.simulator_http import HttpSimulator, Options, json_answer
from gateway.sdk.kits.sm_envelope import SmDepartment, SmEnvelope
from tests.unit.sdk.http_department import NUMBER, Answer, department

QUESTION = {"zjhm": NUMBER}


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def pem(folder: Path, name: str) -> tuple[str, str]:
    """A new key pair: private and public PEM."""
    key, public = folder / f"{name}.pem", folder / f"{name}-public.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "SM2", "-out", key], check=True)
    subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-out", public], check=True)
    return key.read_text(), public.read_text()


class Ends(msgspec.Struct):
    ours: tuple[str, str]
    theirs: tuple[str, str]

    def envelope(self) -> SmEnvelope:
        ours, theirs = load_sm2_key_pair(self.ours[0]), load_sm2_key_pair(self.theirs[0])
        return SmEnvelope("yizheng", ours, theirs.public)

    def department(self, app: str = "yizheng") -> SmDepartment:
        ours, theirs = load_sm2_key_pair(self.ours[0]), load_sm2_key_pair(self.theirs[0])
        return SmDepartment(app, theirs, ours.public)


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> Ends:
    folder = tmp_path_factory.mktemp("keys")
    return Ends(pem(folder, "ours"), pem(folder, "theirs"))


def test_a_question_and_its_answer_come_through(ends: Ends) -> None:
    sealed = ends.envelope().seal(b"question")
    received = ends.department().receive(sealed.headers, sealed.body, now_ms())
    assert received is not None
    assert received.body == b"question"
    assert sealed.open(received.answer(b"answer")) == b"answer"


def test_a_call_has_the_members_and_headers_that_were_seen(ends: Ends) -> None:
    sealed = ends.envelope().seal(b"question")
    assert set(sealed.headers) == {"appId", "timestamp", "nonce"}
    call = json.loads(sealed.body)
    assert set(call) == {"encData", "encKey", "iv", "signature"}
    assert len(base64.b64decode(call["iv"])) == 16
    # What is encrypted is the key's base64 text, and what is signed the digest of three texts.
    assert len(base64.b64decode(call["encKey"])) == 97 + 24
    signed = call["encData"] + sealed.headers["timestamp"] + sealed.headers["nonce"]
    public = load_sm2_key_pair(ends.ours[0]).public
    assert public.verify(sm3(signed.encode()), bytes.fromhex(call["signature"]))


def test_no_two_calls_share_anything(ends: Ends) -> None:
    envelope = ends.envelope()
    first, second = (json.loads(envelope.seal(b"question").body) for _ in range(2))
    assert not set(first.values()) & set(second.values())


@pytest.mark.parametrize("member", ["encData", "encKey", "iv", "signature"])
def test_a_call_that_was_changed_is_not_received(ends: Ends, member: str) -> None:
    sealed = ends.envelope().seal(b"question")
    call: dict[str, Any] = json.loads(sealed.body)
    other = json.loads(ends.envelope().seal(b"question").body)
    call[member] = other[member]
    received = ends.department().receive(sealed.headers, json.dumps(call).encode(), now_ms())
    assert received is None or (member == "iv" and received.body != b"question")


@pytest.mark.parametrize(
    "changes",
    [
        {"appId": "other"},
        {"nonce": "other"},
        {"nonce": ""},
        {"timestamp": str(now_ms() - 1)},
        {"timestamp": "soon"},
        {"timestamp": ""},
    ],
)
def test_nor_is_one_under_other_headers(ends: Ends, changes: dict[str, str]) -> None:
    sealed = ends.envelope().seal(b"question")
    assert ends.department().receive({**sealed.headers, **changes}, sealed.body, now_ms()) is None


@pytest.mark.parametrize("skew_ms", [-1, 1])
def test_nor_is_an_old_one(ends: Ends, skew_ms: int) -> None:
    sealed = ends.envelope().seal(b"question")
    late_ms = int(sealed.headers["timestamp"]) + skew_ms * (MAX_SKEW_MS + 1)
    assert ends.department().receive(sealed.headers, sealed.body, late_ms) is None


@pytest.mark.parametrize("body", [b"", b"{}", b"question", b'{"encData":1}'])
def test_nor_is_what_is_no_call(ends: Ends, body: bytes) -> None:
    headers = ends.envelope().seal(b"question").headers
    assert ends.department().receive(headers, body, now_ms()) is None


def test_an_answer_of_somebody_else_is_not_opened(ends: Ends) -> None:
    sealed = ends.envelope().seal(b"question")
    received = ends.department().receive(sealed.headers, sealed.body, now_ms())
    assert received is not None
    answer = msgspec.structs.replace(received, department=load_sm2_key_pair(ends.ours[0]))
    with pytest.raises(AdapterContractBroken, match="PROVIDER_ERROR") as caught:
        sealed.open(answer.answer(b"answer"))
    assert caught.value.cause == "the answer is not signed by the department"


@pytest.mark.parametrize(
    "answer",
    [b"", b'{"code":"0"}', b'{"encData":"","signature":"x"}', b'{"more":' + b"[" * 4000],
)
def test_an_answer_that_is_not_sealed_is_a_breach(ends: Ends, answer: bytes) -> None:
    with pytest.raises(AdapterContractBroken):
        ends.envelope().seal(b"question").open(answer)


def test_the_answer_to_another_call_is_not_this_ones(ends: Ends) -> None:
    calls = [ends.envelope().seal(b"question") for _ in range(2)]
    received = ends.department().receive(calls[0].headers, calls[0].body, now_ms())
    assert received is not None
    with suppress(AdapterContractBroken):  # but for one time in 256, its padding is none
        assert calls[1].open(received.answer(b"answer")) != b"answer"


def test_nothing_of_it_is_in_a_repr(ends: Ends) -> None:
    sealed = ends.envelope().seal(b"question")
    received = ends.department().receive(sealed.headers, sealed.body, now_ms())
    assert repr(sealed) == "SmSealedCall(…)"
    assert repr(received) == "SmReceivedCall(…)"


def settings(url: str) -> HttpSettings:
    raw = {
        "url": url,
        "sign_in": {
            "dialect": "sm_envelope",
            "app": "yizheng",
            "secret": "file:ours",
            "department_key": "file:theirs",
        },
    }
    return msgspec.convert(raw, HttpSettings)


async def test_a_site_asks_a_department_that_demands_it(ends: Ends) -> None:
    asked: list[bytes] = []

    def answer(body: bytes) -> web.Response:
        asked.append(body)
        return json_answer({"code": "0"})

    simulator = HttpSimulator(Options((), "", 0, 0), envelope=ends.department())
    simulator.answer("/q", answer)
    simulator.health("/health", {"code": "up"})
    async with TestServer(simulator.application) as server:
        files = {"file:ours": ends.ours[0], "file:theirs": ends.theirs[1]}
        context = AdapterContext("desk", files.__getitem__)
        source = http_source(settings(str(server.make_url("")).rstrip("/")), context)
        await source.open()
        deadline = Deadline.after(10)
        assert await source.call("POST", "/q", Answer, deadline, body=QUESTION) == Answer("0")
        assert await source.call("GET", "/health", Answer, deadline) == Answer("up")
        with pytest.raises(Exception, match="PROVIDER_REFUSED"):
            await source.call("POST", "/q", Answer, deadline, body=QUESTION, signed=False)
        await source.aclose()
    assert [json.loads(body) for body in asked] == [QUESTION]


async def test_a_call_that_is_sent_again_is_sealed_again(ends: Ends) -> None:
    nonces: list[str] = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        nonces.append(request.headers["nonce"])
        return web.Response(status=503)

    budget = RetryBudget()
    for _ in range(10):
        budget.note_call()
    async with department(handler, envelope=ends.envelope(), retries=budget) as source:
        with pytest.raises(AdapterUnavailable):
            await source.call(
                "POST", "/q", Answer, Deadline.after(10), body=QUESTION, idempotent=True
            )
    assert len(set(nonces)) == len(nonces) == 2


def test_a_key_that_is_none_is_refused_when_the_site_is_loaded(ends: Ends) -> None:
    context = AdapterContext("desk", {"file:ours": "x", "file:theirs": "y"}.__getitem__)
    with pytest.raises(SetupError, match="not usable as an SM2 private key"):
        http_source(settings("http://127.0.0.1:1"), context)
