# SPDX-License-Identifier: Apache-2.0
"""An agency's requests about its cases: done once, recorded once, answered after that."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.admission.rate import AgencyLimits
from gateway.audit.cases import CaseActs
from gateway.catalog.catalog import ItemCatalog
from gateway.crypto.office import OfficeCipher
from gateway.errors import AuditError
from gateway.exchange.case_requests import CaseRequests
from gateway.exchange.cases import Cases
from gateway.exchange.reply import Reply
from gateway.model.act import Act
from gateway.model.limits import LimitsSection
from gateway.model.record import parse_record
from gateway.office.cases import SqliteCaseBook
from gateway.office.store import OfficeStore
from gateway.policy.cases import CasePolicy
from gateway.ports import Appended, AuditLog, Claim, Held, Verdict
from gateway.sdk import Deadline
from tests.unit.exchange.rooms import AGENCY, ITEM, NOW, NUMBER, Corridor, Month
from tests.unit.office.drafts import CASE, SPOUSE

BODY: dict[str, Any] = {
    "item": ITEM.code,
    "holders": [{"role": "applicant", "holder": {"scheme": "cn-id", "number": NUMBER}}],
    "operator": {"id": "yq-0417", "name": "测试经办"},
    "opened_at": "2026-11-22T15:00:00+08:00",
}


class Log(AuditLog):
    """Keeps acts; decides nonces once; fails as told."""

    origin = "test/log"

    def __init__(self) -> None:
        self.acts: list[Act] = []
        self.lines: list[bytes] = []
        self.nonces: set[str] = set()
        self.fail_count = 0
        self.claimed: list[int] = []

    async def claim(self, claim: Claim, deadline: Deadline) -> Held | Verdict:
        if claim.nonce in self.nonces:
            return "replayed"
        self.nonces.add(claim.nonce)
        self.claimed.append(len(self.acts))
        return Held(1)

    async def append(
        self, entry: bytes, deadline: Deadline, *, claim: Claim | None, held: Held | None = None
    ) -> Appended | Verdict:
        if self.fail_count:
            self.fail_count -= 1
            raise AuditError("AUDIT_UNAVAILABLE")
        if claim is not None and held is None:
            decided = await self.claim(claim, deadline)
            if not isinstance(decided, Held):
                return decided
        act = parse_record(entry)
        assert isinstance(act, Act)
        self.acts.append(act)
        self.lines.append(entry)
        return Appended(len(self.acts) - 1)

    def append_soon(self, *_: Any, **__: Any) -> None:
        raise NotImplementedError  # cases have no use for it


class Desk:
    def __init__(self, folder: Path, limits: LimitsSection | None = None) -> None:
        self.store = OfficeStore.open(folder)
        self.book = SqliteCaseBook(self.store, OfficeCipher(b"o" * 32), clock_s=NOW.timestamp)
        self.log = Log()
        self.faults: list[BaseException] = []
        self.corridor = Corridor()
        self.cases = Cases(
            book=self.book,
            gate=CasePolicy(
                self.book, registration="required", within_minutes=30, clock_s=NOW.timestamp
            ),
            requests=CaseRequests(
                CaseActs(self.log, epochs=Month(), clock=lambda: NOW, nonce_life_s=65),
                AgencyLimits(limits or LimitsSection(), workers=1),
                on_fault=self.faults.append,
            ),
            catalog=ItemCatalog([ITEM]),
            clock=lambda: NOW,
            utc_offset_h=8,
            clock_window_s=60,
        )

    async def ask(self, what: str, body: bytes = b"", number: str = CASE) -> Reply:
        """One request; but for a replay each has a nonce of its own."""
        caller = self.corridor.caller(body)
        caller = msgspec.structs.replace(
            caller,
            signature=msgspec.structs.replace(
                caller.signature, nonce=f"{len(self.log.nonces):024}"
            ),
        )
        return await self.send(caller, what, body, number)

    async def send(self, caller: Any, what: str, body: bytes = b"", number: str = CASE) -> Reply:
        deadline, request_id = Deadline.after(5), "r" * 32
        if what == "show":
            return await self.cases.show(caller, request_id, number, deadline)
        call = self.cases.register if what == "register" else self.cases.close
        return await call(caller, request_id, number, body, deadline)

    async def register(self, **changes: Any) -> tuple[Reply, dict[str, Any]]:
        reply = await self.ask("register", msgspec.json.encode(BODY | changes))
        return reply, msgspec.json.decode(reply.body)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    opened = Desk(tmp_path / "office")
    yield opened
    opened.store.close()


async def test_a_registration_is_kept_recorded_and_answered_masked(desk: Desk) -> None:
    reply, said = await desk.register()
    assert (reply.status, reply.index) == (200, 0)
    assert said["case"] == {
        "agency": AGENCY.id,
        "number": CASE,
        "state": "open",
        "version": 1,
        "item": ITEM.code,
        "holders": [{"role": "applicant", "scheme": "cn-id", "masked": "140*************17"}],
        "first_seen_at": "2026-11-22T08:00:00Z",
        "operator": "yq-0417",
        "opened_at": "2026-11-22T07:00:00Z",
        "registered_at": "2026-11-22T08:00:00Z",
    }
    [act] = desk.log.acts
    assert (act.action, act.subject, act.outcome, act.id) == (
        *("case_register", CASE, "done", said["request_id"]),
    )
    assert act.query == '{"item":"yq-gjj-001","operator":"yq-0417","roles":{"applicant":1}}'
    assert act.holder is not None
    assert act.holder.masked == "140*************17"
    assert NUMBER.encode() not in desk.log.lines[0] + reply.body


async def test_the_same_again_is_the_same_answer_and_another_record(desk: Desk) -> None:
    first = (await desk.register())[1]["case"]
    assert (await desk.register())[1]["case"] == first
    assert [act.outcome for act in desk.log.acts] == ["done", "done"]


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"item": "yq-none"}, 422, "ITEM_UNKNOWN"),
        ({"holders": []}, 400, "BODY_MALFORMED"),
        ({"opened_at": "2026-11-22T15:00:00"}, 400, "BODY_MALFORMED"),
        ({"opened_at": "2026-11-22T18:00:00+08:00"}, 400, "BODY_MALFORMED"),
        ({"colour": "red"}, 400, "BODY_MALFORMED"),
        ({"operator": {"id": "yq-9", "name": "测试经办"}}, 403, "OPERATOR_UNKNOWN"),
        ({"operator": {"id": "admin", "name": "测试经办"}}, 422, "OPERATOR_PLACEHOLDER"),
        ({"situation": NUMBER}, 422, "ATTRIBUTION_PERSONAL"),
    ],
)
async def test_what_cannot_be_kept_is_refused_on_record_and_leaves_nothing(
    desk: Desk, changes: dict[str, Any], status: int, code: str
) -> None:
    reply, said = await desk.register(**changes)
    assert (reply.status, said["code"], reply.index) == (status, code, 0)
    [act] = desk.log.acts
    assert (act.outcome, act.code) == ("refused", code)
    assert NUMBER.encode() not in desk.log.lines[0]
    assert not desk.book.list_cases()


async def test_a_member_that_is_given_twice_is_refused(desk: Desk) -> None:
    body = msgspec.json.encode(BODY).replace(b'"role":', b'"role":"spouse","role":')
    reply = await desk.ask("register", body)
    assert reply.outcome == "BODY_MALFORMED"


async def test_another_item_is_a_conflict(desk: Desk) -> None:
    await desk.register()
    desk.cases._catalog = ItemCatalog(  # type: ignore[misc]
        [ITEM, msgspec.structs.replace(ITEM, code="yq-gjj-002")]
    )
    reply, said = await desk.register(item="yq-gjj-002")
    assert (reply.status, said["code"]) == (409, "CASE_ITEM_FIXED")


async def test_a_case_is_shown_to_its_agency_on_record(desk: Desk) -> None:
    registered = (await desk.register())[1]["case"]
    reply = await desk.ask("show")
    assert msgspec.json.decode(reply.body)["case"] == registered
    assert desk.log.acts[-1].action == "case_show"
    assert desk.log.acts[-1].holder is not None


@pytest.mark.parametrize("what", ["show", "close"])
async def test_a_case_that_is_not_there_is_absent_on_record(desk: Desk, what: str) -> None:
    reply = await desk.ask(what, b"{}" if what == "close" else b"")
    assert (reply.status, reply.outcome, reply.index) == (404, "CASE_ABSENT", 0)
    assert desk.log.acts[0].code == "CASE_ABSENT"


async def test_a_closing_may_say_how_and_why_and_the_record_says_how(desk: Desk) -> None:
    await desk.register()
    body = msgspec.json.encode({"result": "refused", "reason": "不符合提取条件"})
    reply = await desk.ask("close", body)
    case = msgspec.json.decode(reply.body)["case"]
    assert (case["result"], case["reason"]) == ("refused", "不符合提取条件")
    assert msgspec.json.decode(desk.log.acts[-1].query or "") == {"result": "refused"}


@pytest.mark.parametrize(
    "reason", [f"证件{NUMBER}不符", f"证件{SPOUSE.number}不符", "测试甲不符合条件"]
)
async def test_a_reason_holds_no_number_and_no_name_of_a_holder(desk: Desk, reason: str) -> None:
    named = {"scheme": "cn-id", "number": NUMBER, "name": "测试甲"}
    await desk.register(holders=[{"role": "applicant", "holder": named}])
    reply = await desk.ask("close", msgspec.json.encode({"result": "refused", "reason": reason}))
    assert msgspec.json.decode(reply.body)["code"] == "ATTRIBUTION_PERSONAL"
    assert reason.encode() not in b"".join(desk.log.lines)


async def test_a_case_is_closed_once(desk: Desk) -> None:
    await desk.register()
    first = await desk.ask("close", b'{"closed_at":"2026-11-22T15:30:00+08:00"}')
    again = await desk.ask("close", b"{}")
    case = msgspec.json.decode(first.body)["case"]
    assert (case["state"], case["closed_at"]) == ("closed", "2026-11-22T07:30:00Z")
    assert msgspec.json.decode(again.body)["case"] == case
    reply, said = await desk.register(holders=[*BODY["holders"], {
        "role": "spouse", "holder": {"scheme": "cn-id", "number": SPOUSE.number}}])  # fmt: skip
    assert (reply.status, said["code"]) == (409, "CASE_CLOSED")


async def test_a_request_that_came_before_does_nothing_and_is_on_record(desk: Desk) -> None:
    body = msgspec.json.encode(BODY)
    caller = desk.corridor.caller(body)
    assert (await desk.send(caller, "register", body)).status == 200
    await desk.ask("close", b"{}")
    again = await desk.send(caller, "register", body)
    assert (again.status, again.outcome, again.index) == (401, "NONCE_REPLAYED", 2)
    assert desk.log.acts[2].code == "NONCE_REPLAYED"
    record = desk.book.show(AGENCY.id, CASE)
    assert record is not None
    assert record.state == "closed"


async def test_the_nonce_is_decided_before_anything_is_kept(desk: Desk) -> None:
    desk.log.nonces.add("A" * 24)
    body = msgspec.json.encode(BODY)
    reply = await desk.send(desk.corridor.caller(body), "register", body)
    assert reply.outcome == "NONCE_REPLAYED"
    assert not desk.book.list_cases()


async def test_without_a_record_there_is_no_answer_and_the_next_try_changes_nothing_more(
    desk: Desk,
) -> None:
    desk.log.fail_count = 1
    with pytest.raises(AuditError):
        await desk.register()
    _, said = await desk.register()
    assert said["case"]["version"] == 1


async def test_a_store_that_is_away_is_refused_on_record(desk: Desk) -> None:
    desk.store._reader.close()
    reply = await desk.ask("show")
    assert (reply.status, reply.outcome, reply.index) == (503, "OFFICE_UNAVAILABLE", 0)
    assert reply.retry_after_s == 1


async def test_cases_count_against_the_agencys_limit(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "office", LimitsSection(agency_per_s=0.001, agency_burst=1))
    assert (await desk.register())[0].status == 200
    reply, said = await desk.register()
    assert (reply.status, said["code"], reply.index) == (429, "RATE_LIMITED", 1)
    assert reply.limits
    desk.store.close()


async def test_a_mistake_of_ours_is_on_record_and_nothing_of_it_is_told(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = RuntimeError(f"of {NUMBER}")

    def fail(*_: object) -> None:
        raise fault

    monkeypatch.setattr(desk.book, "show", fail)
    reply = await desk.ask("show")
    assert (reply.status, reply.outcome, reply.index) == (500, "INTERNAL", 0)
    [act] = desk.log.acts
    assert (act.action, act.outcome, act.code) == ("case_show", "refused", "INTERNAL")
    assert desk.faults == [fault]
    assert NUMBER.encode() not in desk.log.lines[0] + reply.body
