# SPDX-License-Identifier: Apache-2.0
"""Incidents in the store: one open a scope, each step kept, agencies told of both ends."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.errors import RequestError
from gateway.model.incident import IncidentDraft, IncidentStepDraft
from gateway.model.office_event import IncidentClosed, IncidentOpened
from gateway.model.rung import WHOLE_SITE, Rungs
from gateway.office.incidents import IncidentBook
from gateway.office.ladder import read_rungs
from gateway.office.outbox import EventFeed
from gateway.office.store import OfficeStore
from gateway.sdk import Deadline

NOW = datetime(2026, 11, 26, 1, tzinfo=UTC)
AT = "2026-11-26T01:00:00.000Z"
DRAFT = IncidentDraft(scope="civil_affairs", rung="cache", by="值班员", words="查询积压，先用缓存")
TOLD = ("yq-gjj", "yq-zwdt")


def soon() -> Deadline:
    return Deadline.after(5)


def step(name: Any, **changes: Any) -> IncidentStepDraft:
    return IncidentStepDraft(step=name, by="值班员", words="处置", **changes)


def changed(**changes: Any) -> IncidentDraft:
    return msgspec.structs.replace(DRAFT, **changes)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[OfficeStore]:
    opened = OfficeStore.open(tmp_path / "office")
    yield opened
    opened.close()


@pytest.fixture
def book(store: OfficeStore) -> IncidentBook:
    return IncidentBook(store, clock=lambda: NOW)


def heard(store: OfficeStore, agency: str) -> list[Any]:
    return [event.what for event in EventFeed(store).page(agency, 0)]


async def test_clause_8_1_2_an_incident_records_start_scope_rungs_actions_and_end(
    store: OfficeStore, book: IncidentBook
) -> None:
    opened = await book.open_incident(DRAFT, soon(), agencies=TOLD)
    assert (opened.id, opened.scope, opened.alarm) == ("E-2026-000001", "civil_affairs", "by_hand")
    assert (opened.opened_at, opened.closed_at, opened.drill) == (AT, None, False)
    assert read_rungs(store) == Rungs(departments={"civil_affairs": "cache"})
    await book.take(opened.id, step("rung", rung="substitute"), soon())
    await book.take(opened.id, step("note"), soon())
    assert read_rungs(store) == Rungs(departments={"civil_affairs": "substitute"})
    closed = await book.take(opened.id, step("close"), soon(), agencies=TOLD)
    assert closed.closed_at == AT
    assert [(each.draft.step, each.rung) for each in closed.steps] == [
        ("open", "cache"),
        ("rung", "substitute"),
        ("note", "substitute"),
        ("close", "normal"),
    ]
    assert (closed.steps[0].draft.by, closed.steps[0].draft.words) == (DRAFT.by, DRAFT.words)
    assert read_rungs(store) == Rungs()
    assert book.show(opened.id) == closed


async def test_clause_8_1_2_those_agencies_are_told_of_the_beginning_and_the_end(
    store: OfficeStore, book: IncidentBook
) -> None:
    opened = await book.open_incident(DRAFT, soon(), agencies=TOLD)
    await book.take(opened.id, step("rung", rung="ticket"), soon())
    await book.take(opened.id, step("close"), soon(), agencies=TOLD)
    for agency in TOLD:
        assert heard(store, agency) == [
            IncidentOpened(opened.id, "by_hand", "cache", adapter="civil_affairs"),
            IncidentClosed(opened.id),
        ]
    assert heard(store, "another") == []


async def test_clause_8_1_2_a_drill_is_recorded_and_raises_nothing(
    store: OfficeStore, book: IncidentBook
) -> None:
    drill = await book.open_incident(
        changed(drill=True, rung="substitute", scope=WHOLE_SITE), soon(), agencies=TOLD
    )
    assert (drill.drill, drill.rung) == (True, "substitute")
    assert read_rungs(store) == Rungs()
    [told] = heard(store, "yq-gjj")
    assert (told.drill, told.adapter) == (True, None)
    # A real one may be opened meanwhile.
    real = await book.open_incident(changed(scope=WHOLE_SITE), soon(), agencies=())
    assert read_rungs(store) == Rungs("cache")
    assert [each.id for each in book.list_incidents()] == [real.id, drill.id]
    await book.take(drill.id, step("close"), soon(), agencies=TOLD)
    assert read_rungs(store) == Rungs("cache")
    assert heard(store, "yq-gjj")[-1] == IncidentClosed(drill.id, drill=True)
    assert [each.id for each in book.list_incidents(is_open=True)] == [real.id]


async def test_a_scope_has_one_open_incident(book: IncidentBook) -> None:
    first = await book.open_incident(DRAFT, soon(), agencies=())
    with pytest.raises(RequestError, match=first.id) as twice:
        await book.open_incident(DRAFT, soon(), agencies=())
    assert twice.value.code == "INCIDENT_OPEN"
    await book.open_incident(changed(scope="health"), soon(), agencies=())
    await book.take(first.id, step("close"), soon())
    assert (await book.open_incident(DRAFT, soon(), agencies=())).id == "E-2026-000003"


async def test_what_is_closed_stays_closed_and_what_is_the_same_is_no_step(
    book: IncidentBook,
) -> None:
    opened = await book.open_incident(DRAFT, soon(), agencies=())
    with pytest.raises(RequestError, match="on rung cache already"):
        await book.take(opened.id, step("rung", rung="cache"), soon())
    assert book.show(opened.id) == opened
    await book.take(opened.id, step("close"), soon())
    for refused in (step("rung", rung="ticket"), step("note"), step("close")):
        with pytest.raises(RequestError, match="was closed") as caught:
            await book.take(opened.id, refused, soon())
        assert caught.value.code == "INCIDENT_STEP_REFUSED"
    with pytest.raises(RequestError) as absent:
        await book.take("E-2026-000009", step("note"), soon())
    assert absent.value.code == "INCIDENT_ABSENT"
    with pytest.raises(RequestError, match="INCIDENT_ABSENT"):
        book.show("E-2026-000009")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"by": " "}, "INCIDENT_STEP_REFUSED"),
        ({"words": ""}, "INCIDENT_STEP_REFUSED"),
        ({"by": "甲" * 65}, "INCIDENT_STEP_REFUSED"),
        ({"words": "办件人 140302190001010017"}, "MATTER_PERSONAL"),
        ({"by": "140302190001010017"}, "MATTER_PERSONAL"),
    ],
)
async def test_each_step_says_who_and_why_and_names_nobody(
    book: IncidentBook, changes: dict[str, Any], code: str
) -> None:
    with pytest.raises(RequestError) as opening:
        await book.open_incident(changed(**changes), soon(), agencies=())
    assert opening.value.code == code
    assert "140302" not in opening.value.detail
    opened = await book.open_incident(DRAFT, soon(), agencies=())
    with pytest.raises(RequestError) as taking:
        await book.take(opened.id, msgspec.structs.replace(step("note"), **changes), soon())
    assert taking.value.code == code
    assert book.show(opened.id) == opened
