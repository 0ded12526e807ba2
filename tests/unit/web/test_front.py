# SPDX-License-Identifier: Apache-2.0
"""Which path goes where, and how whatever happens becomes one answer."""

import asyncio
from typing import Any, cast

import msgspec
import pytest

from gateway.crypto.keys import generate_private_key, load_signer
from gateway.errors import GatewayError, RequestError
from gateway.ports import Caller, Examined, Pressure
from gateway.web.front import Front
from gateway.web.lookups import LookupDesk
from gateway.web.metrics import LookupMetrics
from gateway.web.refusals import Refusals
from gateway.web.request import Fields, Peer, Request
from gateway.web.respond import Answer, Responder
from tests.unit.exchange.rooms import NOW, Corridor, request_body

BODY = request_body()
SECRET = "测试甲 must not leave"


class Crowd(Pressure):
    """Admits whom the test says, and remembers who was asked about."""

    limit = 10

    def __init__(self) -> None:
        self.is_full = False
        self.asked: list[str] = []
        self.looked_up: list[int] = []

    def admits(self, agency: str) -> bool:
        self.asked.append(agency)
        return not self.is_full

    def end_turn(self, looked_up_count: int) -> None:
        self.looked_up.append(looked_up_count)


class Signed(Examined):
    """Verifies at once, unless it must not."""

    def __init__(self, caller: Caller, failure: Exception | None) -> None:
        self._caller, self._failure = caller, failure

    def verify(self) -> Caller:
        if self._failure is not None:
            raise self._failure
        return self._caller


class Pages:
    """Pages of a log that tell what they were asked for."""

    def __init__(self, responder: Responder) -> None:
        self._responder = responder

    def _page(self, name: str) -> Any:
        async def page(request: Request, _request_id: str) -> Answer:
            return self._responder.publish(200, "text/plain", f"{name} {request.target}".encode())

        return page

    def __getattr__(self, name: str) -> Any:
        return self._page(name)


class Door:
    """A front desk with a corridor behind it, in which nobody has to be identified."""

    def __init__(self) -> None:
        self.corridor = Corridor()
        self.crowd = Crowd()
        self.is_ready = True
        self.failure: Exception | None = None
        self.examined = self.let_go_count = 0
        signer = load_signer(generate_private_key("ecdsa-p256-sha256"), "gateway")
        responder = Responder(signer, origin="test/log", clock=NOW.timestamp)
        metrics = LookupMetrics()
        refusals = Refusals(responder, metrics, default_port=":80", sandbox=False)
        self.front = Front(
            lookups=LookupDesk(
                examine=self._examine,
                lookup=self.corridor.lookup.begin,
                responder=responder,
                pressure=self.crowd,
                refusals=refusals,
                metrics=metrics,
                deadline_s=5.0,
                default_port=":80",
            ),
            refusals=refusals,
            metrics=metrics,
            responder=responder,
            ready=self._ready,
            jwks=b'{"keys":[]}',
            pages=cast("Any", Pages(responder)),
            more={"/v1/invalidations": ("POST", self._broken)},
            let_go=self._let_go,
        )

    def _examine(self, _signed: object, body: bytes, _address: str, _x509: object) -> Examined:
        self.examined += 1
        return Signed(self.corridor.caller(body), self.failure)

    def _let_go(self) -> None:
        self.let_go_count += 1

    async def _ready(self) -> tuple[bool, dict[str, str]]:
        return self.is_ready, {"audit": "up"}

    async def _broken(self, _request: Request, _request_id: str) -> Answer:
        raise ValueError(SECRET)

    async def ask(
        self, method: str, target: str, *, body: bytes = b"", peer: Peer | None = None
    ) -> "Heard":
        """Ask, and wait until it was answered, which must be once."""
        fields: Fields = {"host": ["gw.example"]}
        if body:
            fields["content-type"] = ["application/json"]
        request = Request(peer or Peer("10.0.0.1"), method, target, "1.1", fields)
        request.body = body
        heard = asyncio.Queue[Answer]()
        self.front.answer(request, heard.put_nowait)
        async with asyncio.timeout(5):
            answer = await heard.get()
        await asyncio.sleep(0)
        assert heard.empty()
        return Heard(answer)

    async def look_up(self, peer: Peer | None = None) -> "Heard":
        return await self.ask("POST", "/v1/lookups", body=BODY, peer=peer)


class Heard:
    """An answer, read."""

    def __init__(self, answer: Answer) -> None:
        self.close = answer.close
        raw = answer.encode(close=answer.close)
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        self.status = int(lines[0].split()[1])
        self.fields = {
            name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])
        }

    @property
    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = msgspec.json.decode(self.body)
        return document


@pytest.fixture
async def door() -> Door:
    return Door()


async def test_a_lookup_is_answered_signed_and_with_its_receipt(door: Door) -> None:
    heard = await door.look_up()
    assert (heard.status, heard.document["outcome"]) == (200, "found")
    assert heard.fields["audit-receipt"] == 'log="test/log", index=0'
    assert {"signature", "signature-input", "content-digest"} <= heard.fields.keys()
    assert not heard.close


@pytest.mark.parametrize("target", ["/healthz", "/healthz?a=b", "/.well-known/jwks.json?"])
async def test_a_path_is_found_with_and_without_a_query(door: Door, target: str) -> None:
    assert (await door.ask("GET", target)).status == 200


@pytest.mark.parametrize("query", ["?", "?number=140302190001010017"])
async def test_no_query_follows_a_lookup(door: Door, query: str) -> None:
    heard = await door.ask("POST", f"/v1/lookups{query}", body=BODY)
    assert (heard.status, heard.document["code"]) == (404, "PATH_UNKNOWN")
    assert "no query follows" in heard.document["detail"]
    assert door.examined == 0


@pytest.mark.parametrize("target", ["/log/tile/0/000", "/v1/receipts/7"])
async def test_a_folder_has_everything_below_it(door: Door, target: str) -> None:
    heard = await door.ask("GET", target)
    assert heard.body.endswith(target.encode())


@pytest.mark.parametrize("target", ["/", "/v1/lookups/", "/V1/lookups", "/log/", "/healthz/x"])
async def test_no_other_path_is_known(door: Door, target: str) -> None:
    heard = await door.ask("GET", target)
    assert (heard.status, heard.document["code"]) == (404, "PATH_UNKNOWN")


@pytest.mark.parametrize(
    ("method", "target", "allowed"),
    [
        ("GET", "/v1/lookups", "POST"),
        ("HEAD", "/v1/lookups", "POST"),
        ("HEAD", "/healthz", "GET"),
        ("DELETE", "/log/checkpoint", "GET"),
        ("POST", "/log/tile/0/000", "GET"),
    ],
)
async def test_another_method_is_told_which_is_allowed(
    door: Door, method: str, target: str, allowed: str
) -> None:
    heard = await door.ask(method, target)
    assert (heard.status, heard.document["code"]) == (405, "METHOD_UNSUPPORTED")
    assert heard.fields["allow"] == allowed
    assert door.examined == 0


async def test_to_head_the_fields_are_the_answer(door: Door) -> None:
    answer = door.front.refuse(RequestError("PATH_UNKNOWN"))
    whole, head = answer.encode(close=True), answer.encode(close=True, method="HEAD")
    assert head.endswith(b"\r\n\r\n")
    assert whole.startswith(head)
    assert len(whole) > len(head)


async def test_a_handler_that_raises_is_an_internal_error_without_its_words(door: Door) -> None:
    heard = await door.ask("POST", "/v1/invalidations")
    assert (heard.status, heard.document["code"]) == (500, "INTERNAL")
    assert SECRET.encode() not in heard.body


@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [
        (GatewayError("INTERNAL"), 500, "INTERNAL"),
        (RequestError("BODY_MALFORMED"), 400, "BODY_MALFORMED"),
        (KeyError(SECRET), 500, "INTERNAL"),
    ],
    ids=["ours", "theirs", "unforeseen"],
)
async def test_whoever_is_not_identified_is_answered_unsigned_and_unrecorded(
    door: Door, failure: Exception, status: int, code: str
) -> None:
    door.failure = failure
    heard = await door.look_up()
    assert (heard.status, heard.document["code"]) == (status, code)
    assert "signature" not in heard.fields
    assert SECRET.encode() not in heard.body
    assert door.corridor.log.entries == []


async def test_without_a_record_the_answer_is_a_signed_refusal(door: Door) -> None:
    door.corridor.log.fails = True
    heard = await door.look_up()
    assert (heard.status, heard.document["code"]) == (503, "AUDIT_UNAVAILABLE")
    assert "signature" in heard.fields
    assert "audit-receipt" not in heard.fields


async def test_what_is_too_much_is_refused_before_anything_is_verified(door: Door) -> None:
    door.crowd.is_full = True
    heard = await door.look_up()
    assert (heard.status, heard.document["code"]) == (503, "GATEWAY_BUSY")
    assert heard.fields["retry-after"] == "1"
    assert (door.examined, door.corridor.log.entries, door.corridor.log.claims) == (0, [], [])


async def test_who_is_refused_as_too_much_keeps_the_connection(door: Door) -> None:
    door.crowd.is_full = True
    assert not (await door.look_up()).close
    door.crowd.is_full = False
    door.failure = RequestError("BODY_MALFORMED")
    assert (await door.look_up()).close  # where the next message begins is anybody's guess


async def test_an_agency_is_known_by_what_was_signed_on_its_connection_before(door: Door) -> None:
    peer = Peer("10.0.0.1")
    await door.look_up(peer)
    await door.look_up(peer)
    await door.look_up(Peer("10.0.0.1"))
    assert door.crowd.asked == ["", "yq-gjj", ""]


async def test_who_fails_to_identify_is_taken_for_nobody(door: Door) -> None:
    peer = Peer("10.0.0.1")
    door.failure = RequestError("BODY_MALFORMED")
    await door.look_up(peer)
    assert peer.agency == ""


async def test_each_second_what_is_over_is_forgotten(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.web.front._TIDY_S", 0)
    tidying = asyncio.create_task(door.front.tidy_forever())
    for _ in range(5):
        await asyncio.sleep(0)
    tidying.cancel()
    await asyncio.wait({tidying})
    assert door.let_go_count > 1


async def test_pages_are_not_counted_as_lookups(door: Door) -> None:
    door.crowd.is_full = True
    assert (await door.ask("GET", "/healthz")).status == 200
    assert door.crowd.asked == []


async def test_readiness_is_told_with_each_dependency(door: Door) -> None:
    assert (await door.ask("GET", "/readyz")).status == 200
    door.is_ready = False
    heard = await door.ask("GET", "/readyz")
    assert (heard.status, heard.document["dependencies"]) == (503, {"audit": "up"})


async def test_a_task_that_is_cancelled_answers_nobody(door: Door) -> None:
    fields: Fields = {"host": ["gw.example"]}
    heard: list[Answer] = []
    door.front.answer(Request(Peer(), "GET", "/healthz", "1.1", fields), heard.append)
    await door.front.cancel()
    assert heard == []
