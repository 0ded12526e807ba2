# SPDX-License-Identifier: Apache-2.0
"""A mistake of ours: whoever is identified gets a signed 500, and leaves a record all the same."""

from typing import Any, Final, cast

import msgspec
import pytest

from gateway.admission.rate import AgencyLimits
from gateway.audit.acts import SignedActs
from gateway.audit.cases import CaseActs
from gateway.crypto.digest import sha256
from gateway.crypto.keys import generate_private_key, load_signer
from gateway.errors import SetupError
from gateway.exchange.reply import Reply
from gateway.httpsig import (
    RequestSignature,
    SignedRequest,
    content_digest,
    parse_request_signature,
    request_signature_headers,
)
from gateway.model.limits import LimitsSection
from gateway.model.standing import Standing
from gateway.ports import Caller
from gateway.web.events import EventDesk
from gateway.web.request import Peer, Request
from gateway.web.respond import Answer, Responder
from gateway.web.signed_reads import SignedReads
from gateway.web.supervision import SupervisionPages
from tests.unit.exchange.planning import Log
from tests.unit.exchange.rooms import AGENCY, NOW, NUMBER, Month

KEY: Final = load_signer(generate_private_key("ecdsa-p256-sha256"), "yq-gjj-p256")
FAULTS: Final = (
    RuntimeError(f"of {NUMBER}"),
    SetupError(f"of {NUMBER}", where="calendar/2027.toml", remedy="add the file."),
)


class NoAnswer(Responder):
    """Keeps what would be signed."""

    def __init__(self) -> None:
        self.replies: list[tuple[Reply, RequestSignature | None]] = []

    def respond(self, reply: Reply, signature: RequestSignature | None) -> Answer:
        self.replies.append((reply, signature))
        return Answer("", reply.body)


class Town:
    """Pages over a site, or a shelf of events, of which every part raises."""

    def __init__(self, fault: Exception) -> None:
        def fail(*_: object, **__: object) -> Any:
            raise fault

        self.log, self.responder = Log(), NoAnswer()
        limits = AgencyLimits(LimitsSection(), workers=1)
        acts = SignedActs(self.log, clock=lambda: NOW, nonce_life_s=65)
        edge: dict[str, Any] = {
            "limits": limits, "responder": self.responder, "x509_required": False,
            "deadline_s": 5.0, "default_port": ":80",
        }  # fmt: skip
        self.pages = SupervisionPages(
            lambda signed, body, *_: (_caller(signed, body), Standing("agency", AGENCY.id)),
            fail,
            fail,
            applicant_of=fail,
            reads=SignedReads(identify=_caller, acts=acts, **edge),
            log=CaseActs(self.log, epochs=Month(), clock=lambda: NOW, nonce_life_s=65),
            **edge,
        )
        shelf = cast(Any, type("Shelf", (), {"newest": fail})())
        self.events = EventDesk(shelf, identify=_caller, acts=acts, max_wait_s=0.0, **edge)


def _caller(signed: SignedRequest, body: bytes, *_: object) -> Caller:
    return Caller(AGENCY, parse_request_signature(signed), sha256(body), "127.0.0.1")


def request(method: str, target: str, body: bytes = b"") -> Request:
    """One that is signed; each test sends one only."""
    fields = {"host": ["127.0.0.1:8080"]}
    if body:
        fields |= {"content-type": ["application/json"], "content-digest": [content_digest(body)]}
    path, mark, query = target.partition("?")
    signed = SignedRequest(
        method=method,
        authority="127.0.0.1:8080",
        path=path,
        query=mark + query or "?",
        lines=lambda name: fields.get(name, ()),
        has_body=bool(body),
    )
    added = request_signature_headers(
        signed, signer=KEY, created=int(NOW.timestamp()), nonce="A" * 24
    )
    fields |= {name.lower(): [value] for name, value in added.items()}
    asked = Request(Peer("127.0.0.1"), method, target, "1.1", fields)
    asked.body = body
    return asked


@pytest.mark.parametrize("fault", FAULTS, ids=["unforeseen", "setup"])
@pytest.mark.parametrize(
    ("action", "method", "target", "body"),
    [
        ("evaluation_give", "POST", "/v1/supervision/evaluations", b'{"case":"C-1","level":5}'),
        ("supervision_read", "GET", "/v1/supervision/complaints", b""),
        ("events", "GET", "/v1/events?after=0", b""),
    ],
)
async def test_a_mistake_of_ours_is_on_record_and_nothing_of_it_is_told(
    action: str, method: str, target: str, body: bytes, fault: Exception
) -> None:
    town = Town(fault)
    asked = request(method, target, body)
    await (town.events if action == "events" else town.pages)(asked, "r" * 32)
    [act] = town.log.acts
    assert (act.action, act.outcome, act.code) == (action, "refused", "INTERNAL")
    [(reply, signature)] = town.responder.replies
    assert (reply.status, reply.index, reply.outcome) == (500, 0, "INTERNAL")
    assert signature is not None
    said = msgspec.json.decode(reply.body)
    assert (said["code"], said["request_id"]) == ("INTERNAL", "r" * 32)
    told = reply.body + town.log.lines[0]
    assert NUMBER.encode() not in told
    assert b"calendar" not in told
