# SPDX-License-Identifier: Apache-2.0
"""Unmasking: whatever acts the log holds, no number is shown without two persons, and once."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.desk import sign_act, verify_act
from gateway.audit.signed import Signatories
from gateway.audit.unmask import (
    WINDOW,
    Unmasking,
    check_approvable,
    check_redeemable,
    check_redeemed_by,
    check_seen,
    derive,
    target_of,
)
from gateway.crypto.digest import b64url_encode
from gateway.errors import GatewayError, RequestError
from gateway.model.act import Act, SignedTarget
from gateway.model.instant import format_time_ms
from tests.unit.audit.people import NOW, Person

ALI = Person("ali", "read")
BEA = Person("bea", "read", "approve")
CAI = Person("cai", "approve")
DOUBLE = Person("double", "read", "approve", pem=ALI.pem)  # another name, the same key
GONE = Person("gone", "read", "approve")
PEOPLE = (ALI, BEA, CAI, DOUBLE, GONE)
SIGNATORIES = Signatories(
    [
        *(person.auditor for person in (ALI, BEA, CAI, DOUBLE)),
        msgspec.structs.replace(GONE.auditor, active=False),
    ]
)
ASK = "a" * 32
RECORD = "request-1"


def ask(person: Person = ALI, at: datetime = NOW, **members: Any) -> Act:
    return person.act("unmask_ask", at, **({"id": ASK, "subject": RECORD} | members))


def approve(person: Person = BEA, at: datetime = NOW, record: str = RECORD, **members: Any) -> Act:
    query = msgspec.json.encode({"record": record}).decode()
    return person.act("unmask_approve", at, **({"subject": ASK, "query": query} | members))


def redeem(person: Person = ALI, at: datetime = NOW, **members: Any) -> Act:
    return person.act("unmask_redeem", at, **({"subject": ASK} | members))


def state(*acts: Act) -> Unmasking:
    return derive(acts, ASK, SIGNATORIES)


def test_one_asks_another_approves_and_who_asked_redeems() -> None:
    acts = ask(), approve(), redeem()
    assert state(*acts) == Unmasking(acts[0], (acts[1],), acts[2])
    assert target_of(acts[0]) == {"record": RECORD}
    check_redeemable(state(*acts[:2]), "ali", NOW)
    check_redeemed_by(state(*acts), acts[2])


@pytest.mark.parametrize(
    "approval",
    [
        approve(ALI),
        approve(DOUBLE),
        approve(GONE),
        approve(BEA, signer=ALI.signer),
        approve(BEA, record="request-2"),
        approve(BEA, subject="b" * 32),
        msgspec.structs.replace(approve(CAI), actor="bea", keyid="bea-1"),
        msgspec.structs.replace(approve(), signature=""),
        msgspec.structs.replace(approve(), keyid="nobody"),
    ],
    ids=[
        "own", "own key", "left", "forged", "other record", "other ask", "borrowed", "unsigned",
        "unknown key",
    ],
)  # fmt: skip
def test_what_is_no_approval_by_another_person_counts_for_nothing(approval: Act) -> None:
    assert state(ask(), approval).approvals == ()
    with pytest.raises(RequestError, match="not approved"):
        check_redeemable(state(ask(), approval), "ali", NOW)


def test_who_has_not_the_role_cannot_approve() -> None:
    asked = ask(BEA)
    assert state(asked, approve(ALI)).approvals == ()
    assert state(asked, approve(CAI)).approvals != ()


@pytest.mark.parametrize(
    ("after", "is_open"),
    [
        (timedelta(), True),
        (WINDOW, True),
        (WINDOW + timedelta(milliseconds=1), False),
        (timedelta(milliseconds=-1), False),
    ],
)
def test_the_window_is_15_minutes_from_the_approval(after: timedelta, is_open: bool) -> None:
    opened = state(ask(), approve())
    assert opened.is_open(NOW + after) is is_open
    assert (state(ask(), approve(), redeem(at=NOW + after)).redeemed is not None) is is_open


def test_an_ask_is_good_for_once() -> None:
    first, second = redeem(), redeem()
    used = state(ask(), approve(), first, approve(CAI), second)
    check_redeemed_by(used, first)
    with pytest.raises(RequestError, match="another redemption came first"):
        check_redeemed_by(used, second)
    with pytest.raises(RequestError, match="good for once"):
        check_redeemable(used, "ali", NOW)
    with pytest.raises(RequestError, match="good for once"):
        check_approvable(used, "cai")


def test_only_who_asked_redeems_and_nobody_approves_an_own_ask() -> None:
    approved = state(ask(), approve())
    with pytest.raises(RequestError, match="only ali"):
        check_redeemable(approved, "bea", NOW)
    with pytest.raises(RequestError, match="who asked cannot approve"):
        check_approvable(approved, "ali")
    assert state(ask(), approve(), redeem(BEA)).redeemed is None


def test_who_has_seen_a_number_by_two_persons_has_seen_it_for_good() -> None:
    acts = ask(), approve(), redeem(), redeem(at=NOW + timedelta(days=400))
    check_seen(acts, ASK, SIGNATORIES, record=RECORD, actor="ali")


@pytest.mark.parametrize(
    ("acts", "record", "actor", "words"),
    [
        ((), RECORD, "ali", "no unmasking was asked for"),
        ((ask(CAI),), RECORD, "cai", "no unmasking was asked for"),
        ((ask(), approve(), redeem()), RECORD, "bea", "to ali only"),
        ((ask(), approve(), redeem()), RECORD, "double", "to ali only"),
        ((ask(), approve(), redeem()), "request-2", "ali", "for another record"),
        ((ask(),), RECORD, "ali", "no number yet"),
        ((ask(), approve()), RECORD, "ali", "no number yet"),
        ((ask(), redeem()), RECORD, "ali", "no number yet"),
        ((ask(), approve(DOUBLE), redeem()), RECORD, "ali", "no number yet"),
        ((ask(), approve(), redeem(BEA)), RECORD, "ali", "no number yet"),
        ((ask(), approve(), redeem(signer=BEA.signer)), RECORD, "ali", "no number yet"),
        ((ask(), approve(), redeem(at=NOW + 2 * WINDOW)), RECORD, "ali", "no number yet"),
    ],
)
def test_nobody_else_has_seen_it(
    acts: tuple[Act, ...], record: str, actor: str, words: str
) -> None:
    with pytest.raises(RequestError, match=words) as caught:
        check_seen(acts, ASK, SIGNATORIES, record=record, actor=actor)
    assert caught.value.code == "UNMASK_REFUSED"


def test_a_second_ask_under_an_approved_id_gets_nothing() -> None:
    """Whoever can write to the log cannot have one record approved and another shown."""
    other = ask(subject="request-2")
    assert state(ask(), approve(), other, redeem()).ask.subject == RECORD
    assert state(other, ask(), approve(), redeem()).redeemed is None


def test_an_act_counts_only_behind_what_it_refers_to() -> None:
    assert state(approve(), ask(), redeem(), approve()).redeemed is None


def test_an_ask_that_nobody_made_is_unknown() -> None:
    for acts in ((), (ask(CAI),), (ask(GONE),), (ask(signer=BEA.signer),), (ask(id="b" * 32),)):
        with pytest.raises(RequestError) as caught:
            state(*acts)
        assert caught.value.code == "RECORD_UNKNOWN"


@st.composite
def any_act(draw: st.DrawFn) -> Act:
    person = draw(st.sampled_from(PEOPLE))
    at = NOW + timedelta(minutes=draw(st.integers(-20, 40)))
    make: Callable[..., Act] = draw(st.sampled_from([ask, approve, redeem]))
    signer = draw(st.sampled_from([None, None, None, *(each.signer for each in PEOPLE)]))
    members: dict[str, Any] = draw(
        st.sampled_from([{}, {}, {"subject": "request-2"}, {"subject": "b" * 32}])
    )
    return make(person, at, signer=signer, **members)


def genuine(act: Act) -> bool:
    """Signed by the person who is named; an Ed25519 signature is the same each time it is made."""
    person = next(each for each in PEOPLE if each.auditor.id == act.actor)
    return sign_act(act, person.signer).signature == act.signature


@given(st.lists(any_act(), max_size=9))
def test_no_number_is_shown_without_two_persons(acts: list[Act]) -> None:
    """What a redemption that shows a number rests on, looked for in the sequence by hand."""
    try:
        shown = state(*acts).redeemed
    except GatewayError:
        return
    if shown is None:
        return
    at = acts.index(shown)
    before = acts[:at]
    assert genuine(shown)
    assert shown.actor in {"ali", "bea", "double"}
    pairs = [
        (asked, approval)
        for i, asked in enumerate(before)
        for approval in before[i + 1 :]
        if asked.action == "unmask_ask"
        and approval.action == "unmask_approve"
        and asked.actor == shown.actor
        and approval.actor in {"bea", "cai", "double"} - {asked.actor}
        and {asked.actor, approval.actor} != {"ali", "double"}
        and genuine(asked)
        and genuine(approval)
        and timedelta()
        <= datetime.fromisoformat(shown.time) - datetime.fromisoformat(approval.time)
        <= WINDOW
    ]
    assert pairs
    assert [act for act in acts if act == shown] == [shown]


@given(st.lists(any_act(), max_size=6), st.lists(any_act(), max_size=3))
def test_what_comes_later_does_not_undo_or_repeat_a_redemption(
    before: list[Act], after: list[Act]
) -> None:
    acts = [ask(), *before, approve(), redeem()]
    try:
        shown = state(*acts).redeemed
    except GatewayError:
        shown = None
    assert shown is not None
    assert state(*acts, *after, redeem()).redeemed == shown


def read_over_http(path: str = "/log/tile/entries/000") -> Act:
    """What stands in the log after Bea has once fetched entries with a signed request."""
    signed = (
        '("@method" "@authority" "@path" "@query");created=1;nonce="abcdefghijklmnopqrstuv"'
        ';keyid="bea-1";alg="ed25519";tag="yizheng-v1"'
    )
    request = SignedTarget("gw.example", f"GET {path}", signed)
    base = (
        f'"@method": GET\n"@authority": gw.example\n"@path": {path}\n"@query": ?\n'
        f'"@signature-params": {signed}'
    )
    return Act(
        id="e" * 32,
        salt="c2FsdHNhbHRzYWx0c2FsdA",
        time=format_time_ms(NOW),
        action="entries",
        actor="bea",
        keyid="bea-1",
        subject=path.removeprefix("/log/"),
        request=request,
        signature=b64url_encode(BEA.signer.sign(base.encode())),
    )


def test_a_signed_request_is_no_approval() -> None:
    """Its signature is over a path alone; an ask whose id is that path makes it no approval."""
    genuine = read_over_http()
    verify_act(genuine, BEA.key)
    path = "/log/tile/entries/000"
    query = msgspec.json.encode({"record": RECORD}).decode()
    change = msgspec.structs.replace
    forged = change(genuine, action="unmask_approve", subject=path, query=query)
    for act in (
        forged,
        change(genuine, reason="核对投诉 complaint 7"),
        change(genuine, query="{}"),
        change(genuine, action="search", subject=path),
        change(genuine, action="receipt"),
    ):
        assert not SIGNATORIES.has_signed(act)
    with pytest.raises(RequestError, match="RECORD_UNKNOWN"):
        derive([ask(id=path), forged], path, SIGNATORIES)
    assert not state(ask(), change(forged, subject=ASK)).approvals
