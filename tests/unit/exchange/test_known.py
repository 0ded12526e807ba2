# SPDX-License-Identifier: Apache-2.0
"""Who asks in the same words is not understood twice, and gets nothing that he would not get."""

from dataclasses import dataclass

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.crypto.digest import sha256
from gateway.crypto.identity import EpochCipher
from gateway.model.entry import MAX_ENTRY_BYTES, format_entry
from gateway.model.forget import Forget
from gateway.model.grant import Grant
from gateway.policy.policy import GrantPolicy
from gateway.sdk import Deadline
from tests.unit.exchange.rooms import (
    AGENCY,
    CIPHER,
    GRANT,
    IDENTITY,
    NAME,
    NUMBER,
    Corridor,
    request_body,
)

TIMES = 4  # the department, the cache, the cache again, and then by its wording
DAY_S = 86_400


@pytest.fixture
def corridor() -> Corridor:
    return Corridor()


async def ask_often(corridor: Corridor, body: bytes | None = None) -> None:
    for _ in range(TIMES):
        await corridor.ask(body)


async def test_the_same_words_are_decided_once_and_recorded_each_time(corridor: Corridor) -> None:
    await ask_often(corridor)
    assert corridor.policy.decided_count == 1
    assert [entry.served_from for entry in corridor.log.entries] == ["source", *["cache"] * 3]


async def test_every_answer_is_like_the_first_from_the_cache(corridor: Corridor) -> None:
    answers = [(await corridor.ask())[1] for _ in range(TIMES)]
    assert answers[1] == answers[2] == answers[3]
    assert answers[3]["fields"] == {"name": NAME}


async def test_every_entry_is_like_the_first_but_for_what_is_its_own(corridor: Corridor) -> None:
    await ask_often(corridor)
    _, second, third, fourth = corridor.log.entries
    own = {"salt": "", "holder": None, "request": second.request}
    assert msgspec.structs.replace(second, **own) == msgspec.structs.replace(fourth, **own)
    assert len({entry.salt for entry in corridor.log.entries}) == TIMES
    assert second.holder is not None
    assert fourth.holder is not None
    assert (fourth.holder.ix, fourth.holder.masked) == (second.holder.ix, second.holder.masked)
    assert len({entry.holder and entry.holder.ct for entry in (second, third, fourth)}) == 3


async def test_an_entry_by_its_wording_opens_like_any_other(corridor: Corridor) -> None:
    body = request_body()
    await ask_often(corridor, body)
    reply, _ = await corridor.ask(body)
    entry = corridor.log.entries[-1]
    assert entry.holder is not None
    assert CIPHER.reveal_holder(entry.holder, entry.id) == NUMBER
    assert CIPHER.reveal_request(entry.request, entry.id)[0] == sha256(body)
    assert entry.response.digest == sha256(reply.body).hex()


@given(
    purpose=st.text(st.characters(exclude_categories=["Cs"]), min_size=4, max_size=60),
    terminal=st.text(min_size=1, max_size=20),
)
async def test_whatever_was_written_the_bytes_are_the_encoders(purpose: str, terminal: str) -> None:
    corridor = Corridor()
    await ask_often(
        corridor, request_body(attribution__purpose=purpose, attribution__terminal=terminal)
    )
    assert corridor.log.lines == [format_entry(entry) for entry in corridor.log.entries]
    assert len(corridor.log.lines) == TIMES
    assert corridor.faults == []


@dataclass
class Change:
    """What becomes another one between two requests in the same words."""

    name: str

    def __call__(self, corridor: Corridor) -> None:
        match self.name:
            case "grants":
                corridor.policy.rules = GrantPolicy([GRANT])
            case "day":
                corridor.now_s += DAY_S
            case _:
                corridor.address = "10.0.0.1"


@pytest.mark.parametrize("change", [Change("grants"), Change("day"), Change("address")], ids=str)
async def test_what_a_permit_depends_on_has_it_decided_anew(
    corridor: Corridor, change: Change
) -> None:
    await ask_often(corridor)
    change(corridor)
    await corridor.ask()
    assert corridor.policy.decided_count == 2


async def test_the_same_words_of_another_agency_are_its_own(corridor: Corridor) -> None:
    body = request_body()
    await ask_often(corridor, body)
    other = msgspec.structs.replace(
        corridor.caller(body), agency=msgspec.structs.replace(AGENCY, id="yq-other")
    )
    reply = await corridor.lookup(other, "r" * 32, body, Deadline.after(5))
    assert (reply.status, reply.outcome) == (403, "NOT_GRANTED")
    assert corridor.policy.decided_count == 2


def without(**changes: object) -> Grant:
    return msgspec.structs.replace(GRANT, **changes)


async def test_a_grant_that_was_taken_away_refuses_the_same_words(corridor: Corridor) -> None:
    await ask_often(corridor)
    corridor.policy.rules = GrantPolicy([without(version=4, fields=("valid_to",))])
    _, problem = await corridor.ask()
    assert problem["code"] == "FIELD_NOT_GRANTED"


async def test_a_new_version_of_a_grant_asks_the_department_anew(corridor: Corridor) -> None:
    await ask_often(corridor)
    corridor.policy.rules = GrantPolicy([without(version=4)])
    _, answer = await corridor.ask()
    assert (answer["served_from"], answer["grant"]) == ("source", "yq-gjj@4")


async def test_a_record_that_is_too_large_by_its_wording_says_so_like_any_other(
    corridor: Corridor,
) -> None:
    body = request_body(attribution__purpose="住" * 200)
    await ask_often(corridor, body)
    caller = corridor.caller(body)
    room = MAX_ENTRY_BYTES - len(corridor.log.lines[-1])
    member = caller.signature.member + " x" * (room // 2 + 1)
    longer = msgspec.structs.replace(
        caller, signature=msgspec.structs.replace(caller.signature, member=member)
    )
    reply = await corridor.lookup(longer, "r" * 32, body, Deadline.after(5))
    assert reply.outcome == "ENTRY_TOO_LARGE"
    assert len(corridor.log.lines[-1]) <= MAX_ENTRY_BYTES


async def test_a_change_is_heard_of_after_the_cache_got_another_secret(
    corridor: Corridor,
) -> None:
    await ask_often(corridor)
    corridor.cache.restart(bytes(32))  # as by the sequencer of another supervisor
    corridor.cache_clock_s += 1
    await ask_often(corridor)
    corridor.cache.forget(Forget(tags=corridor.cache.tags("cn-id", NUMBER, (IDENTITY.name,))))
    corridor.cache_clock_s += 1
    _, answer = await corridor.ask()
    assert answer["served_from"] == "source"


async def remembered_after(corridor: Corridor, age_s: float) -> int:
    """How many requests are remembered so long after the answer was asked for."""
    await ask_often(corridor)
    corridor.cache_clock_s += age_s
    corridor.lookup.known.let_go()
    return len(corridor.lookup.known)


async def test_a_request_is_forgotten_when_its_answer_has_ended(corridor: Corridor) -> None:
    assert await remembered_after(corridor, IDENTITY.ttl_s) == 0


async def test_and_is_remembered_until_then(corridor: Corridor) -> None:
    assert await remembered_after(corridor, IDENTITY.ttl_s - 0.001) == 1


async def test_while_an_older_answer_may_stand_in_it_has_not_ended() -> None:
    corridor = Corridor(certificate=msgspec.structs.replace(IDENTITY, stale_s=60))
    assert await remembered_after(corridor, IDENTITY.ttl_s) == 1
    assert await remembered_after(corridor, IDENTITY.ttl_s + 60) == 0


async def test_a_request_is_forgotten_when_its_holder_has_changed(corridor: Corridor) -> None:
    await ask_often(corridor)
    corridor.cache.forget(Forget(tags=corridor.cache.tags("cn-id", NUMBER, (IDENTITY.name,))))
    corridor.lookup.known.let_go()
    assert len(corridor.lookup.known) == 0


async def test_what_no_cache_keeps_is_not_remembered_for_long() -> None:
    corridor = Corridor(certificate=msgspec.structs.replace(IDENTITY, cache_scope="never"))
    assert await remembered_after(corridor, 0) == 0


async def test_a_wording_is_forgotten_when_another_answer_took_its_answers_place(
    corridor: Corridor,
) -> None:
    body = request_body()
    await ask_often(corridor, body)
    known = corridor.lookup.known.find(sha256(body))
    assert known is not None
    assert known.wording is not None
    corridor.cache_clock_s += 1
    await corridor.ask(max_age_s=0)  # other words about the same: the department is asked
    corridor.lookup.known.let_go()
    assert len(corridor.lookup.known) == 2
    assert known.wording is None


async def test_all_are_looked_at_in_turn(corridor: Corridor) -> None:
    for number in range(600):
        await corridor.ask(attribution__terminal=f"window-{number}")
        corridor.now_ns += 1_000_000_000
    corridor.cache_clock_s += IDENTITY.ttl_s
    left = []
    for _ in range(3):
        corridor.lookup.known.let_go()
        left.append(len(corridor.lookup.known))
    assert left == [344, 88, 0]


async def test_a_new_epoch_makes_new_words(corridor: Corridor) -> None:
    await ask_often(corridor)
    corridor.epochs.current = EpochCipher("2026-12", bytes(32))
    await corridor.ask()
    entry = corridor.log.entries[-1]
    assert entry.holder is not None
    assert (entry.holder.epoch, entry.request.epoch) == ("2026-12", "2026-12")


async def test_a_replay_in_the_same_words_is_refused_and_recorded_as_such(
    corridor: Corridor,
) -> None:
    await ask_often(corridor)
    corridor.log.verdict = "replayed"
    reply, problem = await corridor.ask()
    assert (reply.status, problem["code"]) == (401, "NONCE_REPLAYED")
    entry = corridor.log.entries[-1]
    assert (entry.code, entry.decision.result, entry.served_from) == (
        "NONCE_REPLAYED",
        "deny",
        None,
    )


async def test_without_a_record_nothing_leaves_by_its_wording(corridor: Corridor) -> None:
    await ask_often(corridor)
    corridor.log.fails = True
    with pytest.raises(Exception, match="AUDIT_UNAVAILABLE"):
        await corridor.ask()


async def test_refusals_are_not_remembered(corridor: Corridor) -> None:
    for _ in range(TIMES):
        await corridor.ask(fields=["id_number"])
    assert corridor.policy.decided_count == TIMES


async def test_each_request_counts_against_the_cap(corridor: Corridor) -> None:
    await ask_often(corridor)
    assert [claim.quota is not None for claim in corridor.log.claims] == [True] * TIMES
