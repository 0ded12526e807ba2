# SPDX-License-Identifier: Apache-2.0
"""Emergencies at the desk of supervision: who sees which incidents and alarms, and who acts."""

from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pytest

from gateway.errors import RequestError
from gateway.matter_port import ScopedSite
from gateway.model.incident import AlarmDraft, IncidentDraft
from gateway.model.rung import WHOLE_SITE, Rung
from gateway.model.standing import Standing
from gateway.model.supervised_incident import IncidentOpening, IncidentStepBody
from gateway.office.alarms import AlarmBook
from gateway.office.incidents import IncidentBook
from gateway.office.outbox import EventFeed
from gateway.office.store import OfficeStore
from gateway.sdk import Deadline
from gateway.supervision.desk import PAGE_COUNT
from gateway.supervision.emergency_desk import EmergencyDesk

NOW = datetime(2026, 11, 26, 1, tzinfo=UTC)
AGENCY = Standing("agency", "yq-gjj")
STRANGER = Standing("agency", "yq-none")
DEPARTMENT = Standing("department", "yq-ga", ("public_security",))
SUPERVISOR = Standing("auditor", "zhao")
READER = Standing("auditor", "qian", may_change=False)
KEEPER = Standing("auditor", "sun", may_read=False, may_change=False)
FIRST, SECOND, THIRD = (f"E-2026-00000{n}" for n in (1, 2, 3))
OPENING = IncidentOpening("public_security", "查询积压", "cache")


class Town(ScopedSite):
    """Three departments; one agency has a grant for the first."""

    def scopes_of(self, agency: str) -> tuple[str, ...]:
        return ("public_security", WHOLE_SITE) if agency == AGENCY.id else ()

    def told_of(self, scope: str) -> Collection[str]:
        return {AGENCY.id} if scope in self.scopes_of(AGENCY.id) else set()

    def has_scope(self, scope: str) -> bool:
        return scope in {"public_security", "civil_affairs", "housing_fund", WHOLE_SITE}


class Room:
    """A desk over real books."""

    def __init__(self, folder: Path) -> None:
        self.store = OfficeStore.open(folder)
        self.incidents = IncidentBook(self.store, clock=lambda: NOW)
        self.alarms = AlarmBook(self.store, clock=lambda: NOW)
        self.desk = EmergencyDesk(Town(), incidents=self.incidents, alarms=self.alarms)

    async def happen(self, *scopes: str) -> None:
        """An incident of each scope, in this order."""
        for scope in scopes:
            draft = IncidentDraft(scope=scope, rung="cache", by="值班员", words="积压")
            await self.incidents.open_incident(draft, soon(), agencies=())

    def seen(self, standing: Standing) -> list[str]:
        page, _ = self.desk.page(standing, None, (0, 0))
        return [incident.id for incident in page]


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    opened = Room(tmp_path / "office")
    yield opened
    opened.store.close()


def soon() -> Deadline:
    return Deadline.after(5)


def step(name: Literal["rung", "note", "close"], rung: Rung | None = None) -> IncidentStepBody:
    return IncidentStepBody(name, "处置", rung)


async def test_each_sees_the_incidents_that_concern_them_and_no_others(room: Room) -> None:
    await room.happen("public_security", "civil_affairs", WHOLE_SITE)
    assert room.seen(SUPERVISOR) == room.seen(READER) == [FIRST, SECOND, THIRD]
    assert room.seen(AGENCY) == [FIRST, THIRD]
    assert room.seen(DEPARTMENT) == [FIRST]
    assert room.seen(STRANGER) == []
    for standing in (AGENCY, DEPARTMENT, STRANGER):
        for incident_id in (SECOND, "E-2026-999999"):
            with pytest.raises(RequestError) as absent:
                room.desk.show(standing, incident_id)
            assert absent.value.code == "INCIDENT_ABSENT"


async def test_an_agency_is_told_what_is_asked_and_not_in_whose_words(room: Room) -> None:
    await room.happen("public_security")
    [told] = room.desk.show(AGENCY, FIRST).steps
    assert (told.step, told.rung, told.by, told.words) == ("open", "cache", "", "")
    [page], _ = room.desk.page(AGENCY, "open", (0, 0))
    assert page.steps == (told,)
    for standing in (DEPARTMENT, READER):
        [whole] = room.desk.show(standing, FIRST).steps
        assert (whole.by, whole.words) == ("值班员", "积压")


@pytest.mark.parametrize(
    "read",
    [
        lambda desk: desk.page(KEEPER, None, (0, 0)),
        lambda desk: desk.show(KEEPER, FIRST),
        lambda desk: desk.alarms(KEEPER, 0),
    ],
)
async def test_emergencies_are_not_for_every_auditor(
    room: Room, read: Callable[[EmergencyDesk], object]
) -> None:
    await room.happen("public_security")
    with pytest.raises(RequestError) as refused:
        read(room.desk)
    assert refused.value.code == "SUPERVISION_REFUSED"


async def test_incidents_are_shown_in_pages_and_by_state(room: Room) -> None:
    await room.happen(*(f"department_{n}" for n in range(PAGE_COUNT + 1)))
    first, following = room.desk.page(READER, None, (0, 0))
    assert (len(first), following) == (PAGE_COUNT, first[-1].id)
    rest, following = room.desk.page(READER, "open", (2026, PAGE_COUNT))
    assert ([each.scope for each in rest], following) == ([f"department_{PAGE_COUNT}"], None)
    await room.desk.take(SUPERVISOR, FIRST, step("close"), soon())
    closed, _ = room.desk.page(READER, "closed", (0, 0))
    assert [each.id for each in closed] == [FIRST]


async def test_clause_8_1_2_who_supervises_opens_climbs_and_ends_and_agencies_are_told(
    room: Room,
) -> None:
    opened = await room.desk.open_incident(SUPERVISOR, OPENING, soon())
    assert (opened.rung, opened.alarm, opened.steps[0].by) == ("cache", "by_hand", SUPERVISOR.id)
    with pytest.raises(RequestError) as twice:
        await room.desk.open_incident(SUPERVISOR, OPENING, soon())
    assert twice.value.code == "INCIDENT_OPEN"
    climbed = await room.desk.take(SUPERVISOR, FIRST, step("rung", rung="ticket"), soon())
    noted = await room.desk.take(SUPERVISOR, FIRST, step("note"), soon())
    closed = await room.desk.take(SUPERVISOR, FIRST, step("close"), soon())
    assert [each.rung for each in (climbed, noted, closed)] == ["ticket", "ticket", "normal"]
    assert closed.closed_at is not None
    told = [event.what.__struct_config__.tag for event in EventFeed(room.store).page(AGENCY.id, 0)]
    assert told == ["incident.opened", "incident.closed"]


@pytest.mark.parametrize("standing", [AGENCY, DEPARTMENT, READER])
async def test_nobody_else_changes_an_incident(room: Room, standing: Standing) -> None:
    await room.happen("public_security")
    with pytest.raises(RequestError) as unopened:
        await room.desk.open_incident(standing, OPENING, soon())
    with pytest.raises(RequestError) as untaken:
        await room.desk.take(standing, FIRST, step("close"), soon())
    assert unopened.value.code == untaken.value.code == "SUPERVISION_REFUSED"
    assert room.desk.show(READER, FIRST).closed_at is None


async def test_a_scope_is_a_department_that_there_is(room: Room) -> None:
    with pytest.raises(RequestError) as unknown:
        await room.desk.open_incident(SUPERVISOR, IncidentOpening("nobody", "查询积压"), soon())
    assert unknown.value.code == "SCOPE_UNKNOWN"


@pytest.mark.parametrize(
    "asked", [step("rung"), step("note", rung="ticket"), step("close", rung="ticket")]
)
async def test_a_rung_is_named_where_one_is_taken_and_nowhere_else(
    room: Room, asked: IncidentStepBody
) -> None:
    await room.happen("public_security")
    with pytest.raises(RequestError) as refused:
        await room.desk.take(SUPERVISOR, FIRST, asked, soon())
    assert refused.value.code == "INCIDENT_STEP_REFUSED"


async def test_each_sees_the_alarms_of_their_departments(room: Room) -> None:
    for scope in ("public_security", "civil_affairs", WHOLE_SITE):
        draft = AlarmDraft(
            rule="slow",
            scope=scope,
            figure="p95_ms",
            value=4200.0,
            threshold=2000.0,
            proposes="cache",
        )
        await room.alarms.raise_alarm(draft, soon(), acts_for=None)
    alarms, following = room.desk.alarms(READER, 1)
    assert ([alarm.id for alarm in alarms], following) == ([2, 3], None)
    own, _ = room.desk.alarms(DEPARTMENT, 0)
    assert [alarm.draft.scope for alarm in own] == ["public_security"]
    with pytest.raises(RequestError) as refused:
        room.desk.alarms(AGENCY, 0)
    assert refused.value.code == "SUPERVISION_REFUSED"
