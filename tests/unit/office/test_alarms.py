# SPDX-License-Identifier: Apache-2.0
"""Alarms in the store: kept once; one that acts takes its rung in the same transaction."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.model.incident import AlarmDraft, IncidentDraft
from gateway.model.rung import Rung, Rungs
from gateway.office.alarms import AlarmBook
from gateway.office.incidents import IncidentBook
from gateway.office.ladder import read_rungs
from gateway.office.outbox import EventFeed
from gateway.office.store import OfficeStore
from gateway.sdk import Deadline

NOW = datetime(2026, 11, 26, 1, tzinfo=UTC)
DRAFT = AlarmDraft(
    rule="slow",
    scope="civil_affairs",
    figure="p95_ms",
    value=4200.0,
    threshold=2000.0,
    proposes="verify_only",
)


def soon() -> Deadline:
    return Deadline.after(5)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[OfficeStore]:
    opened = OfficeStore.open(tmp_path / "office")
    yield opened
    opened.close()


@pytest.fixture
def alarms(store: OfficeStore) -> AlarmBook:
    return AlarmBook(store, clock=lambda: NOW)


@pytest.fixture
def incidents(store: OfficeStore) -> IncidentBook:
    return IncidentBook(store, clock=lambda: NOW)


def changed(**changes: Any) -> AlarmDraft:
    return msgspec.structs.replace(DRAFT, **changes)


async def test_clause_8_1_2_an_alarm_is_kept_once_with_its_figure_until_it_is_cleared(
    store: OfficeStore, alarms: AlarmBook
) -> None:
    kept = await alarms.raise_alarm(DRAFT, soon(), acts_for=None)
    assert kept is not None
    assert (kept.draft, kept.raised_at) == (DRAFT, "2026-11-26T01:00:00Z")
    assert (kept.cleared_at, kept.incident) == (None, None)
    assert await alarms.raise_alarm(changed(value=9000.0), soon(), acts_for=None) is None
    other = await alarms.raise_alarm(changed(scope="health"), soon(), acts_for=None)
    assert alarms.list_alarms() == [other, kept]
    assert read_rungs(store) == Rungs()  # it only proposes
    assert alarms.unrecorded() == []
    assert await alarms.clear("slow", "civil_affairs", soon())
    assert not await alarms.clear("slow", "civil_affairs", soon())
    assert alarms.list_alarms(is_raised=True) == [other]
    again = await alarms.raise_alarm(DRAFT, soon(), acts_for=None)
    assert again is not None
    assert len(alarms.list_alarms()) == 3


async def test_clause_8_1_2_an_alarm_that_acts_opens_an_incident_and_tells_agencies(
    store: OfficeStore, alarms: AlarmBook, incidents: IncidentBook
) -> None:
    kept = await alarms.raise_alarm(DRAFT, soon(), acts_for=["yq-gjj"])
    assert kept is not None
    assert kept.incident == "E-2026-000001"
    assert alarms.unrecorded() == [kept]
    await alarms.note_recorded(kept.id, soon())
    assert alarms.unrecorded() == []
    incident = incidents.show(kept.incident)
    assert (incident.scope, incident.alarm, incident.rung) == (
        "civil_affairs",
        "slow",
        "verify_only",
    )
    assert incident.steps[0].draft.words == "p95_ms 4200, threshold 2000"
    assert read_rungs(store) == Rungs(departments={"civil_affairs": "verify_only"})
    assert len(EventFeed(store).page("yq-gjj", 0)) == 1
    await alarms.clear("slow", "civil_affairs", soon())
    assert incidents.show(kept.incident).rung == "verify_only"  # a person takes it back


@pytest.mark.parametrize(
    ("before", "after"),
    [("normal", "verify_only"), ("cache", "verify_only"), ("substitute", "substitute")],
)
async def test_an_alarm_never_takes_a_rung_back(
    alarms: AlarmBook, incidents: IncidentBook, before: Rung, after: Rung
) -> None:
    draft = IncidentDraft(scope="civil_affairs", rung=before, by="值班员", words="处置")
    opened = await incidents.open_incident(draft, soon(), agencies=())
    kept = await alarms.raise_alarm(DRAFT, soon(), acts_for=["yq-gjj"])
    assert kept is not None
    assert kept.incident == opened.id
    assert incidents.show(opened.id).rung == after


async def test_a_drill_is_not_taken_for_the_open_incident(
    alarms: AlarmBook, incidents: IncidentBook
) -> None:
    draft = IncidentDraft(
        scope="civil_affairs", rung="substitute", by="值班员", words="演练", drill=True
    )
    drill = await incidents.open_incident(draft, soon(), agencies=())
    kept = await alarms.raise_alarm(DRAFT, soon(), acts_for=())
    assert kept is not None
    assert kept.incident not in {None, drill.id}
