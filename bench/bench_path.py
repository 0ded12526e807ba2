# SPDX-License-Identifier: Apache-2.0
"""The hot path step by step, and as a whole: bytes in, bytes out.

Steps that stand elsewhere: base and admission (`bench_httpsig.py`), policy, cache and disclosure
(`bench_rooms.py`), the append's round trip (`bench_audit.py`). The whole has everything but the
kernel and the sequencer: the log acknowledges at once. It is shown for words that came before
(`gateway/exchange/known.py`) and for words that never did; a gateway's callers are between them.
"""

import asyncio
from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any, cast

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pytest_benchmark.fixture import BenchmarkFixture

from bench.one_worker import (
    BODY,
    GATEWAY_KEYID,
    GATEWAY_PEM,
    Gateway,
    Wire,
    now_s,
    raw_request,
)
from gateway.crypto.digest import sha256
from gateway.crypto.keys import load_verifier, public_pem
from gateway.crypto.primitives import (
    Ed25519Signer,
    Ed25519Verifier,
    FastEd25519Signer,
    FastEd25519Verifier,
    FastP256Signer,
    FastP256Verifier,
    P256Signer,
    P256Verifier,
    Signer,
    Verifier,
)
from gateway.errors import RequestError, TrustError
from gateway.exchange.access import Access
from gateway.exchange.body import parse_lookup
from gateway.exchange.known import Wording
from gateway.exchange.reply import answer_reply
from gateway.httpsig import parse_request_signature, verify_response_signature
from gateway.model.answer import Sealed
from gateway.model.entry import format_entry, parse_entry
from gateway.model.grant import Permit
from gateway.model.holder import Holder
from gateway.model.ids import parse_holder
from gateway.model.instant import format_unix_ms
from gateway.model.lookup import LookupAnswer
from gateway.ports import Claim
from gateway.web.connection import Connection
from gateway.web.connections import Connections, Limits
from gateway.web.edge import signed_view
from gateway.web.lookups import Send
from gateway.web.request import Request
from gateway.web.respond import Answer
from tests.unit.exchange.rooms import CIPHER, GRANT, NAME, NOW, Corridor, request_body

#: More than are remembered, so that none is when its turn comes again.
FRESH_COUNT = 4800
#: Requests that one turn of the loop brings: one that comes alone, and as many as under load.
TURNS = (1, 16)
REQUEST_ID = "0123456789abcdef0123456789abcdef"
MESSAGE = bytes(range(256)) * 2
TIME = format_unix_ms(now_s())

P256 = ec.generate_private_key(ec.SECP256R1())
ED25519 = Ed25519PrivateKey.generate()
SIGNERS: dict[str, Signer] = {
    "P-256 cryptography": P256Signer(P256, "k"),
    "P-256 awscrt": FastP256Signer(P256, "k"),
    "Ed25519 cryptography": Ed25519Signer(ED25519, "k"),
    "Ed25519 pynacl": FastEd25519Signer(ED25519, "k"),
}
VERIFIERS: dict[str, Verifier] = {
    "P-256 cryptography": P256Verifier(P256.public_key()),
    "P-256 awscrt": FastP256Verifier(P256.public_key()),
    "Ed25519 cryptography": Ed25519Verifier(ED25519.public_key()),
    "Ed25519 pynacl": FastEd25519Verifier(ED25519.public_key()),
}


class Desk:
    """Takes a request and answers nothing to speak of."""

    request: Request
    _nothing = Answer("HTTP/1.1 200 OK\r\n", b"")

    def answer(self, request: Request, send: Send) -> None:
        self.request = request
        send(self._nothing)

    def refuse(self, error: RequestError) -> Answer:
        raise error


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    """Not uvloop's, as in production: a turn by itself costs 7 µs here, and 42 µs there."""
    with asyncio.Runner() as made:
        yield made


@pytest.fixture
def gateway(runner: asyncio.Runner) -> Gateway:
    """Its cache holds the one answer."""

    async def start() -> Gateway:
        made = Gateway(max(TURNS))
        await made.warm_up()
        return made

    return runner.run(start())


def parsed(raw: bytes) -> Request:
    """The request that a connection reads out of these bytes."""

    async def read() -> Request:
        desk = Desk()
        connection = Connection(Connections(cast("Any", desk), Limits()))
        connection.connection_made(Wire())
        connection.data_received(raw)
        return desk.request

    return asyncio.run(read())


def test_parse_bytes_to_a_request(benchmark: BenchmarkFixture, runner: asyncio.Runner) -> None:
    """With framing, turns and deadlines of a connection, and an answer of 19 bytes."""

    async def connect() -> Connection:
        made = Connection(Connections(cast("Any", desk), Limits()))
        made.connection_made(Wire())
        return made

    desk, raw = Desk(), raw_request()
    connection = runner.run(connect())
    connection.data_received(raw)
    request = desk.request
    assert (request.method, request.target, request.body) == ("POST", "/v1/lookups", BODY)
    assert request.lines("content-type") == ["application/json"]
    benchmark(connection.data_received, raw)


@pytest.mark.parametrize("name", VERIFIERS)
def test_verify_by(benchmark: BenchmarkFixture, name: str) -> None:
    verifier, signature = VERIFIERS[name], SIGNERS[name].sign(MESSAGE)
    with pytest.raises(TrustError):
        verifier.verify(signature, MESSAGE[1:])
    benchmark(verifier.verify, signature, MESSAGE)


@pytest.mark.parametrize("name", SIGNERS)
def test_sign_by(benchmark: BenchmarkFixture, name: str) -> None:
    for verifier in (name, name.partition(" ")[0] + " cryptography"):
        VERIFIERS[verifier].verify(SIGNERS[name].sign(MESSAGE), MESSAGE)
    benchmark(SIGNERS[name].sign, MESSAGE)


def test_identify(benchmark: BenchmarkFixture, gateway: Gateway) -> None:
    """From a parsed request to the caller, the verification included."""
    view = signed_view(parsed(raw_request()), default_port=":80")
    caller = benchmark(gateway.admission.identify, view, BODY, "10.0.0.1")
    assert (caller.agency.id, caller.digest) == ("yq-gjj", sha256(BODY))


def test_decode(benchmark: BenchmarkFixture) -> None:
    request = parse_lookup(BODY)
    assert msgspec.to_builtins(request)["fields"] == ("name",)
    with pytest.raises(RequestError):
        parse_lookup(BODY[:-1] + b',"fields":[]}')
    benchmark(parse_lookup, BODY)


class Hit:
    """One permitted access that the cache has answered, and what came of it."""

    def __init__(self) -> None:
        corridor = Corridor()
        self.request = parse_lookup(BODY)
        self.holder: Holder = parse_holder(self.request.holder, today=NOW.date())
        self.caller = corridor.caller(BODY)
        signature = self.caller.signature
        self.access = Access(
            self.caller, REQUEST_ID, Claim(signature.keyid, signature.nonce, 1_800_000_000)
        )
        self.access.request, self.access.asked = self.request, self.request.fields
        self.access.holder, self.access.permit = self.holder, Permit(GRANT, "grant")
        self.access.served_from, self.access.as_of = "cache", "2026-11-22T08:00:00Z"
        self.answer = LookupAnswer(
            REQUEST_ID,
            "found",
            self.request.certificate,
            "2026-11-22T08:00:00Z",
            "cache",
            GRANT.reference,
            fields={"name": NAME},
            sealed="token" * 200,
        )
        self.reply = answer_reply(self.answer)

    def entry(self) -> bytes:
        entry = self.access.entry(self.answer, self.reply, time=TIME, cipher=CIPHER)
        return format_entry(entry)

    def wording(self) -> Wording:
        entry = self.access.entry(self.answer, self.reply, time=TIME, cipher=CIPHER)
        return Wording(self.answer, entry, cast("Sealed", object()), CIPHER)


@pytest.fixture
def hit() -> Hit:
    return Hit()


def check_entry(line: bytes, hit: Hit) -> None:
    entry = parse_entry(line)
    assert format_entry(entry) == line
    assert entry.holder is not None
    assert CIPHER.reveal_holder(entry.holder, entry.id) == hit.holder.number
    assert CIPHER.reveal_request(entry.request, entry.id)[0] == sha256(BODY)


def test_encode_an_entry(benchmark: BenchmarkFixture, hit: Hit) -> None:
    check_entry(hit.entry(), hit)
    benchmark(hit.entry)


def test_encode_an_entry_by_its_wording(benchmark: BenchmarkFixture, hit: Hit) -> None:
    wording = hit.wording()
    arguments = (hit.caller, REQUEST_ID, hit.holder, hit.reply, TIME)
    check_entry(wording.entry(*arguments), hit)
    benchmark(wording.entry, *arguments)


def test_encode_a_reply(benchmark: BenchmarkFixture, hit: Hit) -> None:
    assert msgspec.json.decode(benchmark(answer_reply, hit.answer).body)["fields"] == {"name": NAME}


def test_encode_a_reply_by_its_wording(benchmark: BenchmarkFixture, hit: Hit) -> None:
    wording = hit.wording()
    assert wording.reply(REQUEST_ID).body == hit.reply.body
    benchmark(wording.reply, REQUEST_ID)


def test_respond(benchmark: BenchmarkFixture, gateway: Gateway, hit: Hit) -> None:
    """From a recorded reply to one signed buffer."""
    hit.reply.index = 7
    signature = parse_request_signature(signed_view(parsed(raw_request()), default_port=":80"))

    def respond() -> bytes:
        return gateway.responder.respond(hit.reply, signature).encode(close=False)

    check_answer(respond(), request=signature)
    benchmark(respond)


def check_answer(raw: bytes, *, request: Any) -> dict[str, Any]:
    """The document, once its signature binds it to the request."""
    head, _, body = raw.partition(b"\r\n\r\n")
    pairs = (line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    fields = {name.lower(): (value,) for name, value in pairs}
    verify_response_signature(
        status=int(head[9:12]),
        lines=lambda name: fields.get(name, ()),
        body=body,
        request=request,
        find_verifier={
            GATEWAY_KEYID: load_verifier(public_pem(GATEWAY_PEM), "ecdsa-p256-sha256")
        }.get,
        require_receipt=True,
    )
    document: dict[str, Any] = msgspec.json.decode(body)
    return document


def time_whole(
    benchmark: BenchmarkFixture,
    gateway: Gateway,
    requests: list[bytes],
    *,
    operation: str,
    turn: int,
) -> None:
    """Ask them in turn, over and over, so many in one turn of the loop."""
    for raw in requests[:3]:  # the third of the same words is answered by their wording
        view = signed_view(parsed(raw), default_port=":80")
        [sent] = gateway.ask([raw])
        answer = check_answer(sent, request=parse_request_signature(view))
        assert answer["served_from"] == "cache"
        assert parse_entry(gateway.log.last).operation == operation
    turns = cycle([requests[at : at + turn] for at in range(0, len(requests), turn)])
    before, asked = gateway.log.count, 0

    def ask() -> list[bytes]:
        nonlocal asked
        asked += turn
        return gateway.ask(next(turns))

    benchmark.extra_info["requests"] = turn
    sent_last = benchmark(ask)
    assert all(sent.startswith(b"HTTP/1.1 200 OK\r\n") for sent in sent_last)
    assert gateway.log.count - before == asked  # each was recorded
    assert gateway.faults == []


def whole_requests(change: Callable[[int], dict[str, Any]], count: int) -> list[bytes]:
    return [raw_request(request_body(**change(number))) for number in range(count)]


@pytest.mark.parametrize("turn", TURNS)
def test_whole_query_in_repeated_words(
    benchmark: BenchmarkFixture, gateway: Gateway, turn: int
) -> None:
    requests = [raw_request() for _ in range(4 * turn)]
    time_whole(benchmark, gateway, requests, operation="query", turn=turn)


@pytest.mark.parametrize("turn", TURNS)
def test_whole_query_in_fresh_words(
    benchmark: BenchmarkFixture, gateway: Gateway, turn: int
) -> None:
    requests = whole_requests(
        lambda number: {"attribution__terminal": f"window-{number}"}, FRESH_COUNT
    )
    time_whole(benchmark, gateway, requests, operation="query", turn=turn)


@pytest.mark.parametrize("turn", TURNS)
def test_whole_verify_in_fresh_words(
    benchmark: BenchmarkFixture, gateway: Gateway, turn: int
) -> None:
    requests = whole_requests(
        lambda number: {
            "operation": "verify",
            "fields": [],
            "claims": {"name": NAME},
            "attribution__terminal": f"window-{number}",
        },
        FRESH_COUNT,
    )
    time_whole(benchmark, gateway, requests, operation="verify", turn=turn)
