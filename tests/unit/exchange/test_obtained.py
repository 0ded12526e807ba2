# SPDX-License-Identifier: Apache-2.0
"""What a call for all materials obtained is told once, and costs no answer."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.errors import AdapterUnavailable, StoreError
from gateway.model.office_event import MaterialObtained
from gateway.office.outbox import EventFeed
from tests.unit.exchange.planning import Counter
from tests.unit.exchange.rooms import AGENCY
from tests.unit.office.drafts import CASE


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[Counter]:
    opened = Counter(tmp_path / "office")
    yield opened
    opened.store.close()


async def test_clause_4_8_a_material_that_an_earlier_call_had_not_is_told_once(
    counter: Counter,
) -> None:
    await counter.register(situation="single")
    counter.departments.answers["a.identity"] = AdapterUnavailable("down")
    await counter.ask()
    first = obtained(counter)
    assert "身份证" not in [event.material for event in first]
    del counter.departments.answers["a.identity"]
    await counter.ask()
    [fresh] = obtained(counter)[len(first) :]
    assert (fresh.material, fresh.holder) == ("身份证", "140*************17")
    assert (fresh.case, fresh.certificate, fresh.served_from) == (CASE, "a.identity", "source")
    await counter.ask()
    assert len(obtained(counter)) == len(first) + 1


async def test_what_cannot_be_told_now_costs_no_answer(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    await counter.register_family()

    async def away(*_: object) -> None:
        raise StoreError("OFFICE_UNAVAILABLE")

    with monkeypatch.context() as broken:
        broken.setattr(counter.store, "write", away)
        reply, _ = await counter.ask()
    assert reply.status == 200
    assert not obtained(counter)
    await counter.ask()
    assert obtained(counter)


def obtained(counter: Counter) -> list[MaterialObtained]:
    events = [event.what for event in EventFeed(counter.store).page(AGENCY.id, 0)]
    return [each for each in events if isinstance(each, MaterialObtained)]
