# SPDX-License-Identifier: Apache-2.0
"""Every refusal explains itself, and none says more than it should."""

import unicodedata
from collections.abc import Iterator

import msgspec
import pytest

from fixtures.citizens import Citizen
from fixtures.world import World
from gateway.crypto.digest import sha256
from gateway.errors import CHECKS, REFUSALS
from tests.integration.refusals import CASES, VARIANTS, Case, body, chunked
from tests.integration.wire import (
    Answer,
    Draft,
    log_entries,
    lookup_body,
    send,
    sign,
    verify_signed,
)

FULL_WIDTH = str.maketrans("0123456789X", "０１２３４５６７８９Ｘ")


@pytest.fixture(scope="module")
def subject(unasked: Iterator[Citizen]) -> Citizen:
    """One citizen whose number ends in X, which has the most ways to be written."""
    return next(citizen for citizen in unasked if citizen.id_number.endswith("X"))


def assert_problem(answer: Answer, case: Case) -> None:
    refusal, problem = REFUSALS[case.code], answer.document
    assert (answer.status, problem["code"]) == (case.status, case.code), problem["detail"]
    assert answer.fields["content-type"] == "application/problem+json"
    assert problem["status"] == case.status == refusal.status
    assert case.words in problem["detail"]
    assert problem["hint"] == {"en": refusal.hint.en, "zh": refusal.hint.zh}
    assert (problem["attribution"], problem["retryable"]) == ("consumer", refusal.retryable)
    assert len(problem["request_id"]) == 32
    at = CHECKS.index(refusal.check)
    assert [check["name"] for check in problem["checks"]] == list(CHECKS)
    assert [check["result"] for check in problem["checks"]] == [
        *["passed"] * at,
        "failed",
        *["not_reached"] * (len(CHECKS) - at - 1),
    ]


def assert_discreet(answer: Answer, citizen: Citizen) -> None:
    text = unicodedata.normalize("NFKC", answer.raw.decode()).upper()
    assert citizen.id_number not in text
    assert citizen.id_number[:17] not in text
    assert citizen.name not in text
    assert "TRACEBACK" not in text
    assert ".PY" not in text


@pytest.mark.parametrize("case", [*CASES, *VARIANTS], ids=lambda case: case.name)
def test_a_refusal_names_the_check_and_nobody(world: World, subject: Citizen, case: Case) -> None:
    start = len(log_entries(world))
    draft = case.make(world, subject)
    answer = send(world, draft)
    assert_problem(answer, case)
    assert_discreet(answer, subject)
    entries = log_entries(world, start)
    if not case.known:
        assert "signature" not in answer.fields
        assert "audit-receipt" not in answer.fields
        assert entries == []
        return
    verify_signed(world, draft, answer)
    (entry,) = entries
    assert (entry.id, entry.code) == (answer.document["request_id"], case.code)
    assert (entry.outcome, entry.decision.result) == ("refused", "deny")
    assert entry.response.digest == sha256(answer.body).hex()


def test_no_two_cases_of_the_table_are_told_the_same(world: World, subject: Citizen) -> None:
    told = [send(world, case.make(world, subject)).document for case in CASES]
    assert len({(problem["code"], problem["detail"]) for problem in told}) == len(CASES)
    assert len({problem["request_id"] for problem in told}) == len(CASES)


def test_a_request_counts_once(world: World, subject: Citizen) -> None:
    start = len(log_entries(world))
    draft = sign(world, body(world, subject, attribution__case="YQ-REPLAY-1"))
    first, second, third = (send(world, draft) for _ in range(3))
    assert first.status == 200
    replayed = Case("replayed", lambda *_: draft, 401, "NONCE_REPLAYED", known=True)
    for answer in (second, third):
        assert_problem(answer, replayed)
        assert_discreet(answer, subject)
        verify_signed(world, draft, answer)
    codes = [entry.code for entry in log_entries(world, start)]
    assert codes == [None, "NONCE_REPLAYED", "NONCE_REPLAYED"]


@pytest.mark.parametrize(
    "raw",
    [
        b"\r\n\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello of TLS \r\n\r\n",
        b"GET / SHTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: 140302190001010017\x00\r\n\r\n",
        b"POST /v1/lookups HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/lookups HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    ],
    ids=["blank", "TLS", "version", "control character", "negative length", "two lengths"],
)
def test_bytes_that_are_no_request_are_answered_as_such(world: World, raw: bytes) -> None:
    with_end = raw if raw.strip() else raw + b"x\r\n\r\n"
    answer = send(world, with_end)
    assert (answer.status, answer.document["code"]) == (400, "HTTP_UNACCEPTABLE")
    assert answer.fields["connection"] == "close"
    assert b"140302190001010017" not in answer.raw


def test_a_wrong_method_is_told_which_one_is_right(world: World) -> None:
    answer = send(world, Draft("/healthz", {"Host": "a"}, method="DELETE"))
    assert (answer.status, answer.fields["allow"]) == (405, "GET")


@pytest.mark.parametrize(
    "write",
    [str, str.lower, lambda number: number.translate(FULL_WIDTH), lambda n: f" {n[:6]} {n[6:]} "],
    ids=["plain", "lower case", "full width", "blanks"],
)
@pytest.mark.parametrize("reframe", [lambda draft: draft, chunked], ids=["length", "chunked"])
def test_a_number_is_accepted_however_it_is_typed(
    world: World, subject: Citizen, write: object, reframe: object
) -> None:
    assert callable(write)
    assert callable(reframe)
    draft = reframe(sign(world, msgspec.json.encode(lookup_body(world, write(subject.id_number)))))
    answer = send(world, draft)
    assert (answer.status, answer.document["outcome"]) == (200, "found")
    assert answer.document["fields"]["name"] == subject.name
    verify_signed(world, draft, answer)
