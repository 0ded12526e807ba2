# SPDX-License-Identifier: Apache-2.0
"""A worker knows the rungs that are kept, and the last ones where nothing can be read."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.errors import StoreError
from gateway.model.incident import IncidentDraft, IncidentStepDraft
from gateway.model.rung import WHOLE_SITE, Rung, Rungs
from gateway.office.incidents import IncidentBook
from gateway.office.ladder import OfficeLadder
from gateway.office.store import OfficeStore
from gateway.sdk import Deadline

NOW = datetime(2026, 11, 26, 1, tzinfo=UTC)


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[tuple[OfficeStore, OfficeStore]]:
    """The same one, as two processes have it."""
    opened = OfficeStore.open(tmp_path), OfficeStore.open(tmp_path)
    yield opened
    for store in opened:
        store.close()


async def open_incident(store: OfficeStore, scope: str, rung: Rung) -> str:
    book = IncidentBook(store, clock=lambda: NOW)
    draft = IncidentDraft(scope=scope, rung=rung, by="值班员", words="处置")
    return (await book.open_incident(draft, Deadline.after(5), agencies=())).id


async def test_clause_8_1_2_a_change_by_another_process_is_known_at_the_next_look(
    stores: tuple[OfficeStore, OfficeStore],
) -> None:
    theirs, mine = stores
    ladder = OfficeLadder(mine)
    ladder.look()
    before = ladder.now
    assert before == Rungs()
    incident = await open_incident(theirs, "civil_affairs", "ticket")
    assert ladder.now is before
    ladder.look()
    assert ladder.now == Rungs(departments={"civil_affairs": "ticket"})
    await open_incident(theirs, WHOLE_SITE, "cache")
    ladder.look()
    assert ladder.now == Rungs("cache", {"civil_affairs": "ticket"})
    book = IncidentBook(theirs, clock=lambda: NOW)
    step = IncidentStepDraft(step="close", by="值班员", words="恢复")
    await book.take(incident, step, Deadline.after(5))
    ladder.look()
    assert ladder.now == Rungs("cache")


async def test_while_nobody_writes_nothing_is_read(
    stores: tuple[OfficeStore, OfficeStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    ladder = OfficeLadder(stores[1])
    ladder.look()
    monkeypatch.setattr(OfficeStore, "select", lambda *_: pytest.fail("was read"))
    ladder.look()


@pytest.mark.parametrize("broken", ["change_count", "select"])
async def test_clause_8_1_2_a_store_that_cannot_be_read_leaves_the_last_known_rungs(
    stores: tuple[OfficeStore, OfficeStore], monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    theirs, mine = stores
    await open_incident(theirs, "civil_affairs", "verify_only")
    ladder = OfficeLadder(mine)
    ladder.look()
    known = ladder.now
    assert known == Rungs(departments={"civil_affairs": "verify_only"})

    def fail(*_: object) -> None:
        raise StoreError("OFFICE_UNAVAILABLE")

    await open_incident(theirs, "health", "cache")
    with monkeypatch.context() as patch:
        patch.setattr(OfficeStore, broken, fail)
        ladder.look()
        assert ladder.now is known
    ladder.look()  # what happened meanwhile is not missed
    assert ladder.now.of("health") == "cache"
