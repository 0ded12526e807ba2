# SPDX-License-Identifier: Apache-2.0
"""What the log says of a change, and what the caches are told."""

from collections.abc import Sequence

import pytest

from gateway.audit.index.build import row_of
from gateway.audit.index.schema import NAMES
from gateway.audit.signals import MAX_TAGS, ChangeSignals, make_event
from gateway.cache.memory import MemoryCache
from gateway.errors import StoreError
from gateway.model.act import Act, Event
from gateway.model.forget import Forget
from gateway.model.holder import Holder
from gateway.model.record import Record, format_record, parse_record
from gateway.ports import Announcer, Appended, Change, Claim, Verdict
from gateway.sdk import Deadline
from tests.unit.exchange.rooms import CIPHER, NOW, NUMBER, Corridor, Month

HOLDER = Holder("cn-id", NUMBER)
TYPE = "public_security.identity"
CALLER = Corridor().caller(b"{}")


class Announced(Announcer):
    def __init__(self, verdict: Verdict | None = None) -> None:
        self.records: list[Record] = []
        self.lines: list[bytes] = []
        self.forgets: list[Forget] = []
        self.claims: list[Claim | None] = []
        self._verdict = verdict

    async def announce(
        self, entry: bytes, forget: Forget, deadline: Deadline, *, claim: Claim | None
    ) -> Appended | Verdict:
        self.claims.append(claim)
        if claim is not None and self._verdict is not None:
            return self._verdict
        self.lines.append(entry)
        self.records.append(parse_record(entry))
        self.forgets.append(forget)
        return Appended(3)


CACHE = MemoryCache(max_entries=10, max_bytes=1 << 20)


class Alone(MemoryCache):
    """A cache whose other nodes cannot be told."""

    async def void(self, forget: Forget) -> float:
        raise StoreError("CACHE_UNREACHED")


def signals(announced: Announced, cache: MemoryCache = CACHE) -> ChangeSignals:
    return ChangeSignals(announced, cache, epochs=Month(), clock=lambda: NOW, nonce_life_s=65)


def change(certificates: Sequence[str] = (TYPE,)) -> Change:
    return Change("r" * 32, HOLDER, tuple(certificates), "2026-11-22T08:00:00Z")


def soon() -> Deadline:
    return Deadline.after(5)


async def test_a_signal_is_an_act_whose_signature_opens_under_the_epochs_key() -> None:
    announced = Announced()
    assert await signals(announced).signal(CALLER, change(), soon()) == 3
    [act] = announced.records
    assert isinstance(act, Act)
    assert (act.action, act.actor, act.outcome) == ("invalidate", CALLER.agency.id, "done")
    assert announced.forgets == [Forget(tags=CACHE.tags("cn-id", NUMBER, (TYPE,)))]
    [claim] = announced.claims
    assert claim is not None
    assert (claim.nonce, claim.expires_at_s) == (
        CALLER.signature.nonce,
        CALLER.signature.created + 65,
    )
    assert NUMBER.encode() not in announced.lines[0]
    assert act.holder is not None
    assert CIPHER.reveal_holder(act.holder, act.id) == NUMBER


async def test_what_other_nodes_cannot_be_told_is_not_recorded_as_done() -> None:
    announced = Announced()
    alone = signals(announced, Alone(max_entries=10, max_bytes=1 << 20))
    with pytest.raises(StoreError):
        await alone.signal(CALLER, change(), soon())
    with pytest.raises(StoreError):
        await alone.notice("public_security", HOLDER, (TYPE,), soon())
    assert not announced.records


async def test_a_refusal_makes_nobody_forget() -> None:
    announced = Announced()
    assert await signals(announced).refuse(CALLER, "r" * 32, None, "BODY_MALFORMED", soon()) == 3
    [act] = announced.records
    assert isinstance(act, Act)
    assert (act.outcome, act.code, act.holder) == ("refused", "BODY_MALFORMED", None)
    assert announced.forgets == [Forget()]


async def test_a_replay_has_no_index_until_its_refusal_is_recorded() -> None:
    announced = Announced("replayed")
    room = signals(announced)
    assert await room.signal(CALLER, change(), soon()) is None
    assert await room.refuse(CALLER, "r" * 32, None, "X", soon()) is None
    again = await room.refuse(CALLER, "r" * 32, HOLDER, "NONCE_REPLAYED", soon(), is_replay=True)
    assert again == 3
    assert announced.claims[-1] is None


async def test_what_an_adapter_learned_is_an_event_that_auditors_find_by_holder() -> None:
    announced = Announced()
    await signals(announced).notice("public_security", HOLDER, (TYPE,), soon())
    [event] = announced.records
    assert isinstance(event, Event)
    assert event.event == "holder_changed"
    assert event.detail == f"adapter=public_security certificates={TYPE}"
    assert event.holder
    assert CIPHER.reveal_holder(event.holder, event.id) == NUMBER
    assert NUMBER.encode() not in announced.lines[0]
    row = dict(zip(NAMES, row_of(0, event), strict=True))
    assert (row["masked"], row["outcome"]) == (HOLDER.masked, "holder_changed")


async def test_a_change_of_too_many_types_is_about_everything() -> None:
    announced = Announced()
    await signals(announced).signal(CALLER, change([f"x.y{n}" for n in range(MAX_TAGS)]), soon())
    await signals(announced).notice(
        "x", HOLDER, tuple(f"x.y{n}" for n in range(MAX_TAGS + 1)), soon()
    )
    assert [len(forget.tags) for forget in announced.forgets] == [MAX_TAGS, 0]
    assert announced.forgets[1].everything


@pytest.mark.parametrize("about", [None, (HOLDER, CIPHER)])
def test_an_event_has_a_holder_only_where_it_is_about_one(
    about: tuple[Holder, object] | None,
) -> None:
    event = make_event(
        "cache_purged", "what=all", now=NOW, about=None if about is None else (HOLDER, CIPHER)
    )
    line = format_record(event)
    assert (b'"holder"' in line) is (about is not None)
    assert parse_record(line) == event
