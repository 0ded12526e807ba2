# SPDX-License-Identifier: Apache-2.0
"""A turn's lookups go through each stage together, and none stands in another's way."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from gateway.crypto.digest import sha256
from gateway.crypto.keys import generate_private_key, load_signer
from gateway.errors import AuditError, RequestError
from gateway.exchange.reply import JSON, Reply
from gateway.httpsig import content_digest
from gateway.ports import Caller, Examined, Pressure
from gateway.web.lookups import LookupDesk
from gateway.web.metrics import LookupMetrics
from gateway.web.refusals import Refusals
from gateway.web.request import Peer, Request
from gateway.web.respond import Answer, Responder
from tests.unit.exchange.rooms import Corridor

Tell = Callable[[Reply | AuditError], None]


class Known(Examined):
    """Verifies, or does not."""

    def __init__(self, diary: list[str], caller: Caller, error: Exception | None) -> None:
        self._diary, self._caller, self._error = diary, caller, error

    def verify(self) -> Caller:
        self._diary.append("verify")
        if self._error is not None:
            raise self._error
        return self._caller


class Open(Pressure):
    """Admits as it is told."""

    limit = 10

    def __init__(self, diary: list[str]) -> None:
        self.is_full = False
        self.looked_up_count = 0
        self._diary = diary

    def admits(self, agency: str) -> bool:
        self._diary.append(f"admit {agency}".strip())
        return not self.is_full

    def end_turn(self, looked_up_count: int) -> None:
        self.looked_up_count += looked_up_count
        self._diary.append("end of turn")


class Excuses(Refusals):
    """Notes what went wrong."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.excused: list[Exception] = []

    def excuse(self, error: Exception, request: Request, request_id: str) -> Answer:
        self.excused.append(error)
        return super().excuse(error, request, request_id)


class Broken(list[Answer]):
    """Where nothing can be sent to any more."""

    def append(self, _answer: Answer) -> None:
        raise RuntimeError("the handler is closed")


class Desk:
    """The desk with rooms that note what they do."""

    def __init__(self) -> None:
        self.diary: list[str] = []
        self.told: list[Tell] = []
        self.answers: list[Answer] = []
        self.error: Exception | None = None
        self.lookup_error: Exception | None = None
        self.caller = Corridor().caller(b"{}")
        self.pressure = Open(self.diary)
        self.peer = Peer("10.0.0.1")
        responder = Responder(
            load_signer(generate_private_key("ed25519"), "gw"), origin="o", clock=lambda: 1.0
        )
        metrics = LookupMetrics()
        self.refusals = Excuses(responder, metrics, default_port=":80", sandbox=False)
        self.desk = LookupDesk(
            examine=self._examine,
            lookup=self._lookup,
            responder=responder,
            pressure=self.pressure,
            refusals=self.refusals,
            metrics=metrics,
            deadline_s=5,
            default_port=":80",
        )

    def ask(self, content_type: str = JSON) -> None:
        body = b"{}"
        fields = {
            "host": ["a"],
            "content-type": [content_type],
            "content-digest": [content_digest(body)],
        }
        request = Request(self.peer, "POST", "/v1/lookups", "1.1", fields)
        request.body = body
        self.desk(request, "r" * 32, self.answers.append)

    def _examine(self, *_: Any) -> Examined:
        self.diary.append("examine")
        return Known(self.diary, self.caller, self.error)

    def _lookup(self, _caller: Caller, _id: str, _body: bytes, _deadline: Any, done: Tell) -> None:
        self.diary.append("look up")
        if self.lookup_error is not None:
            raise self.lookup_error
        self.told.append(done)


def reply() -> Reply:
    return Reply(200, JSON, b"{}", sha256(b"{}"), "found", index=7)


@pytest.fixture
async def desk() -> Desk:
    return Desk()


async def test_a_turn_is_examined_then_verified_then_looked_up(desk: Desk) -> None:
    for _ in range(3):
        desk.ask()
    await asyncio.sleep(0)
    stages = [step for step in desk.diary if step != "admit"]
    assert stages == ["examine"] * 3 + ["verify"] * 3 + ["look up"] * 3 + ["end of turn"]


async def test_what_is_recorded_is_signed_and_sent(desk: Desk) -> None:
    desk.ask()
    await asyncio.sleep(0)
    desk.told[0](reply())
    [answer] = desk.answers
    sent = answer.encode(close=False)
    assert b'\r\nAudit-Receipt: log="o", index=7\r\n' in sent
    assert b"\r\nSignature: gateway=:" in sent


async def test_answers_are_sent_together_once_all_that_was_given_to_the_log_is_recorded(
    desk: Desk,
) -> None:
    for _ in range(3):
        desk.ask()
    await asyncio.sleep(0)
    for done in desk.told[:2]:
        done(reply())
    assert desk.answers == []
    desk.told[2](reply())
    assert len(desk.answers) == 3


async def test_and_without_waiting_for_those_that_take_longer(desk: Desk) -> None:
    for _ in range(3):
        desk.ask()
    await asyncio.sleep(0)
    for done in desk.told[:2]:
        done(reply())
    await asyncio.sleep(0)
    assert len(desk.answers) == 2


async def test_a_connection_that_breaks_takes_nobody_elses_answer_with_it(desk: Desk) -> None:
    desk.ask()
    desk.answers = Broken()
    desk.ask()
    desk.answers = []
    desk.ask()
    await asyncio.sleep(0)
    for done in desk.told:
        done(reply())
    assert len(desk.answers) == 1


async def test_without_a_record_a_signed_refusal_leaves_and_nothing_else(desk: Desk) -> None:
    desk.ask()
    await asyncio.sleep(0)
    desk.told[0](AuditError("AUDIT_UNAVAILABLE"))
    await asyncio.sleep(0)
    sent = desk.answers[0].encode(close=False)
    assert sent.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nSignature: gateway=:" in sent
    assert b"Audit-Receipt" not in sent


@pytest.mark.parametrize("error", [RequestError("SIGNATURE_INVALID"), ZeroDivisionError()])
async def test_who_cannot_be_verified_is_no_caller_and_keeps_nobody_waiting(
    desk: Desk, error: Exception
) -> None:
    desk.error = error
    desk.ask()
    desk.error = None
    desk.ask()
    await asyncio.sleep(0)
    assert desk.refusals.excused == [error]
    assert len(desk.told) == 1
    assert desk.diary[-1] == "end of turn"
    assert desk.pressure.looked_up_count == 1


async def test_an_agency_is_known_on_a_connection_only_once_its_signature_held(desk: Desk) -> None:
    desk.error = RequestError("SIGNATURE_INVALID")
    desk.ask()
    await asyncio.sleep(0)
    assert desk.peer.agency == ""
    desk.error = None
    desk.ask()
    await asyncio.sleep(0)
    desk.ask()
    assert [step for step in desk.diary if step.startswith("admit")] == [
        "admit",
        "admit",
        "admit yq-gjj",
    ]


async def test_a_fault_of_one_lookup_is_its_own(desk: Desk) -> None:
    desk.lookup_error = ZeroDivisionError()
    desk.ask()
    await asyncio.sleep(0)
    assert len(desk.answers) == len(desk.refusals.excused) == 1
    assert desk.diary[-1] == "end of turn"


async def test_who_is_too_much_is_refused_before_anything_is_examined(desk: Desk) -> None:
    desk.pressure.is_full = True
    desk.ask()
    assert desk.diary == ["admit"]
    await asyncio.sleep(0)
    assert desk.diary == ["admit", "end of turn"]
    head, _, body = desk.answers[0].encode(close=False).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nRetry-After: 1" in head
    assert msgspec.json.decode(body)["code"] == "GATEWAY_BUSY"


async def test_a_crowd_is_refused_in_parts_and_who_is_accepted_meanwhile_goes_first(
    desk: Desk,
) -> None:
    desk.pressure.is_full = True
    for _ in range(100):
        desk.ask()
    await asyncio.sleep(0)
    first = len(desk.answers)
    assert 0 < first < 50
    desk.pressure.is_full = False
    desk.ask()
    await asyncio.sleep(0)
    assert desk.pressure.looked_up_count == 1
    assert first < len(desk.answers) < 100
    while len(desk.answers) < 100:  # nothing more has to arrive for that
        before = len(desk.answers)
        await asyncio.sleep(0)
        assert len(desk.answers) > before


async def test_a_body_that_is_no_json_is_refused_before_its_signature(desk: Desk) -> None:
    with pytest.raises(RequestError) as caught:
        desk.ask("text/plain")
    assert caught.value.code == "CONTENT_TYPE_UNSUPPORTED"
    assert desk.diary == ["admit"]
