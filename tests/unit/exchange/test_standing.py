# SPDX-License-Identifier: Apache-2.0
"""Standing orders: done on the signature that was kept, and on nothing else; everything anew."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from gateway.errors import AdapterUnavailable, AuditError, RequestError
from gateway.httpsig import keep_request, kept_request
from gateway.model.answer import NotFound
from gateway.model.deferral import DeferralRecord
from gateway.model.order import Mandated, Order
from gateway.ports import Claim, Held, Verdict
from gateway.sdk import Deadline
from tests.unit.exchange.deferring import MATERIAL, Window, registered, soon
from tests.unit.exchange.planning import CERTIFICATES
from tests.unit.exchange.rooms import AGENCY, NOW
from tests.unit.office.drafts import CASE


@pytest.fixture
def window(tmp_path: Path) -> Iterator[Window]:
    opened = Window(tmp_path / "office")
    yield opened
    opened.counter.store.close()


def shown(window: Window) -> DeferralRecord:
    record = window.counter.deferrals.show(AGENCY.id, CASE, MATERIAL)
    assert record is not None
    return record


async def test_clause_7_4_a_department_that_is_back_closes_the_deferral_and_nobody_is_asked_again(
    window: Window,
) -> None:
    counter = window.counter
    await counter.register_family()
    _, said = await window.open()
    tried = await window.do_next()
    assert tried is not None
    assert (tried.ending, tried.said) == ("done", "found")
    record = shown(window)
    assert (record.state, record.reason) == ("closed", "obtained")
    assert [(step.what, step.said) for step in record.steps] == [
        ("opened", ""), ("tried", "found"), ("closed", "obtained"),
    ]  # fmt: skip
    [entry] = counter.log.entries
    assert entry.plan == said["deferral"]["act"] == counter.log.acts[0].id
    assert entry.keyid == "yq-gjj-1"
    assert entry.request.signature_input == counter.log.acts[0].request.signature_input  # type: ignore[union-attr]
    assert record.steps[1].indexes == (1,)
    # The agency's next call has it, without another question to the department.
    asked = len(counter.departments.queries)
    _, answer = await counter.ask()
    marriage = next(each for each in answer["materials"] if each["material"] == MATERIAL)
    assert (marriage["outcome"], marriage["answer"]["served_from"]) == ("shared", "cache")
    assert all(q.certificate.name != "b.marriage" for q in counter.departments.queries[asked:])


async def test_clause_7_4_a_department_that_is_still_away_is_asked_later(window: Window) -> None:
    await window.counter.register_family()
    window.counter.departments.answers = {"b.marriage": AdapterUnavailable()}
    await window.open()
    tried = await window.do_next()
    assert tried is not None
    assert (tried.ending, tried.said) == ("later", "PROVIDER_UNAVAILABLE")
    record = shown(window)
    assert record.state == "open"
    assert record.retry is not None
    assert (record.retry.state, record.retry.tries) == ("waiting", 1)
    assert await window.do_next() is None  # its time has not come
    assert len(window.counter.log.entries) == 1


async def test_clause_7_4_not_on_record_is_no_outage_the_applicant_has_to_bring_it(
    window: Window,
) -> None:
    await window.counter.register_family()
    window.counter.departments.answers = {"b.marriage": NotFound()}
    await window.open()
    tried = await window.do_next()
    assert tried is not None
    assert (tried.ending, tried.said) == ("answered", "not_found")
    record = shown(window)
    assert record.state == "open"
    assert record.retry is not None
    assert (record.retry.state, record.retry.said) == ("over", "not_found")


@pytest.mark.parametrize(
    ("key", "code"), [({"revoked": True}, "KEY_INACTIVE"), ({"id": "other"}, "KEY_UNKNOWN")]
)
async def test_a_key_that_is_no_longer_good_ends_the_order_with_that_reason(
    window: Window, key: dict[str, object], code: str
) -> None:
    await window.counter.register_family()
    await window.open()
    window.agency = registered(**key)
    tried = await window.do_next()
    assert tried is not None
    assert (tried.ending, tried.said) == ("over", code)
    assert not window.counter.log.entries  # nobody was asked about anybody
    assert shown(window).state == "open"


async def test_a_disabled_agency_orders_nothing(window: Window) -> None:
    await window.counter.register_family()
    await window.open()
    window.agency = msgspec.structs.replace(window.agency, active=False)
    tried = await window.do_next()
    assert tried is not None
    assert (tried.ending, tried.said) == ("over", "AGENCY_INACTIVE")


@pytest.mark.parametrize(
    ("granted", "purpose", "code"),
    [
        (("a.identity",), "住房公积金提取", "NOT_GRANTED"),
        (CERTIFICATES, "测试", "PURPOSE_PLACEHOLDER"),
    ],
)
async def test_what_the_policy_refuses_now_ends_the_order_and_stands_on_record(
    tmp_path: Path, granted: tuple[str, ...], purpose: str, code: str
) -> None:
    window = Window(tmp_path / "office", granted=granted)
    await window.counter.register_family()
    await window.open(attribution__purpose=purpose)
    tried = await window.do_next()
    assert tried is not None
    assert (tried.ending, tried.said) == ("over", code)
    [entry] = window.counter.log.entries
    assert (entry.decision.result, entry.code) == ("deny", code)
    assert not window.counter.departments.queries
    window.counter.store.close()


async def test_the_same_request_by_a_good_key_begins_the_order_anew(window: Window) -> None:
    await window.counter.register_family()
    await window.open()
    window.agency = registered(revoked=True)
    await window.do_next()
    window.agency = registered()
    _, said = await window.open()
    assert said["deferral"]["retry"]["state"] == "waiting"
    assert [step["what"] for step in said["deferral"]["steps"]] == ["opened", "tried", "renewed"]
    tried = await window.do_next()
    assert tried is not None
    assert tried.ending == "done"


async def taken(window: Window) -> Order:
    await window.counter.register_family()
    await window.open()
    order = await window.counter.orders.take(soon())
    assert order is not None
    return order


@pytest.mark.parametrize("what", ["subject", "case", "agency"])
async def test_what_was_signed_is_done_for_nothing_else(window: Window, what: str) -> None:
    order = msgspec.structs.replace(await taken(window), **{what: "another"})
    tried = await window.standing(order, soon())
    assert (tried.ending, tried.said) == ("over", "PROOF_INVALID")
    assert not window.counter.departments.queries


async def test_a_body_that_was_not_signed_is_no_order(window: Window) -> None:
    order = await taken(window)
    assert order.mandated is not None
    request = msgspec.structs.replace(order.mandated.request, body=b"{}")
    forged = msgspec.structs.replace(order, mandated=Mandated(request, "127.0.0.1"))
    tried = await window.standing(forged, soon())
    assert (tried.ending, tried.said) == ("over", "DIGEST_MISMATCH")
    unknown = await window.standing(msgspec.structs.replace(order, mandated=None), soon())
    assert (unknown.ending, unknown.said) == ("over", "PROOF_INVALID")


async def test_no_record_no_answer_and_another_try_has_its_own(window: Window) -> None:
    order = await taken(window)
    window.counter.log.fails_at = len(window.counter.log.lines)
    tried = await window.standing(order, soon())
    assert (tried.ending, tried.said, tried.indexes) == ("later", "AUDIT_UNAVAILABLE", ())


async def test_while_nothing_can_be_recorded_no_department_is_asked(window: Window) -> None:
    order, counter = await taken(window), window.counter

    async def away(claim: Claim, deadline: Deadline) -> Held | Verdict:
        raise AuditError("AUDIT_UNAVAILABLE")

    counter.log.claim = away  # type: ignore[method-assign]
    tried = await window.standing(order, soon())
    assert (tried.ending, tried.said) == ("later", "AUDIT_UNAVAILABLE")
    assert not counter.departments.queries


async def test_each_lookup_of_a_try_claims_a_nonce_that_no_other_try_has(window: Window) -> None:
    order, log = await taken(window), window.counter.log
    again = msgspec.structs.replace(order, tries=2)
    window.counter.departments.answers = {"b.marriage": AdapterUnavailable()}
    before = len(log.claims)
    for each in (order, again):
        assert (await window.standing(each, soon())).said == "PROVIDER_UNAVAILABLE"
    nonces = [claim.nonce for claim in log.claims[before:]]
    assert [nonce.partition(".")[2] for nonce in nonces] == ["r1.0", "r2.0"]
    del window.counter.departments.answers["b.marriage"]
    assert (await window.standing(again, soon())).said == "NONCE_REPLAYED"
    assert len(window.counter.departments.queries) == 2


async def test_a_worker_that_dies_before_it_notes_leaves_its_entry_and_the_next_one_has_its_own(
    window: Window,
) -> None:
    counter = window.counter
    first = await taken(window)
    assert (await window.standing(first, soon())).ending == "done"  # and nothing of it is noted
    await counter.store.write(  # as time does
        lambda connection: connection.execute("UPDATE orders SET lease_until_s = 0"), soon()
    )
    assert await window.do_next() is not None
    one, other = counter.log.entries
    assert one.plan == other.plan == first.act
    assert one.id != other.id
    record = shown(window)
    assert (record.reason, record.steps[-1].indexes) == ("obtained", (2,))


async def test_a_kept_request_verifies_as_it_came(window: Window) -> None:
    body = b'{"a":1}'
    caller = window.caller("PUT", "/v1/cases/x", body)
    kept = keep_request(caller.signature, body)
    door = window.door()
    assert door.recall(kept_request(kept), body, "127.0.0.1").signature.member == (
        caller.signature.member
    )
    with pytest.raises(RequestError, match="SIGNATURE_INVALID"):
        door.recall(kept_request(msgspec.structs.replace(kept, path="/v1/cases/y")), body, "")


async def test_its_time_is_long_past_and_that_is_not_asked_about(window: Window) -> None:
    order = await taken(window)
    assert order.mandated is not None
    kept = order.mandated.request
    late = window.door(NOW.timestamp() + 30 * 86_400)
    with pytest.raises(RequestError, match="TIMESTAMP_EXPIRED"):
        late.identify(kept_request(kept), kept.body, "127.0.0.1")
    assert late.recall(kept_request(kept), kept.body, "127.0.0.1").agency.id == AGENCY.id
