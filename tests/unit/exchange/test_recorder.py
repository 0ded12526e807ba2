# SPDX-License-Identifier: Apache-2.0
"""An outcome becomes a record first, and a reply only when that record is durable."""

from collections.abc import Callable

import pytest

from gateway.crypto.digest import sha256
from gateway.errors import REFUSALS, AuditError
from gateway.exchange.access import Access
from gateway.exchange.body import parse_lookup
from gateway.exchange.day import SiteDay
from gateway.exchange.recorder import Recorder
from gateway.exchange.reply import Refused, Reply
from gateway.model.entry import MAX_ENTRY_BYTES
from gateway.model.grant import Permit
from gateway.model.ids import parse_holder
from gateway.model.limits import Allowance
from gateway.model.lookup import LookupAnswer
from gateway.ports import Appended, Claim, Held, Quota, Verdict
from gateway.sdk import Deadline
from tests.unit.exchange.rooms import GRANT, NOW, Corridor, Log, Month, request_body

REQUEST_ID = "r" * 32
QUOTA = Quota(GRANT.id, "2026-11-22", 100)
CLAIM = Claim("yq-gjj-p256", "A" * 24, 1_800_000_000, QUOTA)
LIMITS = (Allowance("agency", 3, 3, 2, 1),)


class SlowLog(Log):
    """Answers when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[bytes, Claim | None, Held | None]] = []
        self._told: list[Callable[[Appended | Verdict | AuditError], None]] = []

    def append_soon(
        self,
        entry: bytes,
        deadline: Deadline,
        done: Callable[[Appended | Verdict | AuditError], None],
        *,
        claim: Claim | None,
        held: Held | None = None,
    ) -> None:
        self.asked.append((entry, claim, held))
        self._told.append(done)

    def tell(self, result: Appended | Verdict | AuditError) -> None:
        self._told.pop(0)(result)


class Desk:
    """A recorder, its log, and what it called back with."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.faults: list[BaseException] = []
        self.said: list[Reply | AuditError] = []
        self.recorder = Recorder(
            log,
            Month(),
            SiteDay(NOW.timestamp, 8),
            clock_s=NOW.timestamp,
            on_fault=self.faults.append,
        )

    def record(self, access: Access, outcome: LookupAnswer | Refused) -> None:
        self.recorder.record(access, outcome, Deadline.after(5), self.said.append)


def permitted(**changes: object) -> Access:
    body = request_body(**changes)
    access = Access(Corridor().caller(body), REQUEST_ID, CLAIM)
    access.request = parse_lookup(body)
    access.asked = access.request.fields
    access.holder = parse_holder(access.request.holder, today=NOW.date())
    access.permit = Permit(GRANT, "grant")
    access.served_from, access.as_of = "cache", "2026-11-22T08:00:00Z"
    access.limits = LIMITS
    return access


def found() -> LookupAnswer:
    return LookupAnswer(
        REQUEST_ID,
        "found",
        "public_security.identity",
        "2026-11-22T08:00:00Z",
        "cache",
        GRANT.reference,
        fields={"name": "测试甲"},
        sealed="token",
    )


def test_there_is_no_reply_before_the_record_is_durable() -> None:
    log = SlowLog()
    desk = Desk(log)
    desk.record(permitted(), found())
    assert len(log.asked) == 1
    assert desk.said == []
    log.tell(Appended(7))
    [reply] = desk.said
    assert isinstance(reply, Reply)
    assert (reply.status, reply.index, reply.limits) == (200, 7, LIMITS)


def test_the_record_holds_the_digest_of_the_reply() -> None:
    desk = Desk(Log())
    desk.record(permitted(), found())
    [reply], [entry] = desk.said, desk.log.entries
    assert isinstance(reply, Reply)
    assert entry.response.digest == sha256(reply.body).hex()
    assert (entry.id, entry.outcome, entry.fields_released) == (REQUEST_ID, "found", ("name",))


def test_who_cannot_be_recorded_is_told_so_and_nothing_else() -> None:
    log = SlowLog()
    desk = Desk(log)
    desk.record(permitted(), found())
    lost = AuditError("AUDIT_UNAVAILABLE")
    log.tell(lost)
    assert desk.said == [lost]


@pytest.mark.parametrize(
    ("verdict", "code", "wait_s"),
    [("replayed", "NONCE_REPLAYED", None), ("over_quota", "QUOTA_EXCEEDED", 8 * 3600)],
)
def test_a_verdict_is_a_second_record_without_a_claim(
    verdict: Verdict, code: str, wait_s: int | None
) -> None:
    log = SlowLog()
    desk = Desk(log)
    desk.record(permitted(), found())
    log.tell(verdict)
    assert desk.said == []  # the refusal is not on record yet
    log.tell(Appended(8))
    [reply] = desk.said
    assert isinstance(reply, Reply)
    assert (reply.outcome, reply.index, reply.retry_after_s) == (code, 8, wait_s)
    assert "测试甲".encode() not in reply.body
    assert [claim for _, claim, _ in log.asked] == [CLAIM, None]


def test_a_claim_that_is_held_goes_along() -> None:
    log = SlowLog()
    access = permitted()
    access.held = Held(3)
    Desk(log).record(access, found())
    [(_, claim, held)] = log.asked
    assert (claim, held) == (CLAIM, Held(3))


def test_a_mistake_in_writing_is_a_fault_and_leaves_nothing() -> None:
    desk = Desk(Log())
    access = permitted()
    access.permit = None  # an answer without a permit is one of our own mistakes
    desk.record(access, found())
    [said] = desk.said
    assert isinstance(said, AuditError)
    assert said.code == "AUDIT_UNAVAILABLE"
    assert [type(fault) for fault in desk.faults] == [AssertionError]
    assert desk.log.entries == []


def test_what_no_record_can_hold_is_refused_in_a_record_that_fits() -> None:
    log = SlowLog()
    desk = Desk(log)
    access = permitted()
    access.asked = tuple(f"field_{number}" for number in range(MAX_ENTRY_BYTES // 8))
    desk.record(access, found())
    log.tell(Appended(0))
    [reply] = desk.said
    assert isinstance(reply, Reply)
    assert (reply.status, reply.outcome) == (422, "ENTRY_TOO_LARGE")
    [(entry, claim, _)] = log.asked
    assert len(entry) <= MAX_ENTRY_BYTES
    assert claim == Claim(CLAIM.keyid, CLAIM.nonce, CLAIM.expires_at_s)  # a refusal uses no quota


def test_a_refusal_names_its_rule() -> None:
    desk = Desk(Log())
    access = permitted()
    access.permit = access.served_from = access.as_of = None
    desk.record(access, Refused(REFUSALS["FIELD_NOT_GRANTED"], "", "grant.fields"))
    [entry] = desk.log.entries
    assert (entry.decision.result, entry.decision.rule) == ("deny", "grant.fields")
    assert (entry.code, entry.outcome, entry.grant) == ("FIELD_NOT_GRANTED", "refused", None)
