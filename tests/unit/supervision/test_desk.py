# SPDX-License-Identifier: Apache-2.0
"""The desk of supervision: what becomes of a request once it is known who asks."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path

import msgspec
import pytest

from gateway.errors import RequestError, SetupError, StoreError
from gateway.matter_port import Reckoner, ReportForm, SupervisedSite
from gateway.model.holder import Holder
from gateway.model.matter import Department, Matter, MatterKind, Replay
from gateway.model.reckoning import FigureWanted, ReplayWanted
from gateway.model.standing import Standing
from gateway.model.supervised import (
    ComplaintDraft,
    CorrectionDraft,
    FindingStepBody,
    GivenEvaluation,
    MeasureDraft,
    StepBody,
)
from gateway.office.evaluations import EvaluationBook
from gateway.office.findings import FindingBook
from gateway.office.matters import MatterBook
from gateway.office.store import OfficeStore
from gateway.sdk import Deadline
from gateway.supervision.desk import PAGE_COUNT, SupervisionDesk
from gateway.supervision.life import advance
from tests.unit.supervision.seeing import matter, suspicion

NOW = datetime(2026, 11, 26, 1, tzinfo=UTC)
AGENCY = Standing("agency", "yq-gjj")
DEPARTMENT = Standing("department", "yq-ga", ("public_security",))
SUPERVISOR = Standing("auditor", "zhao")
KEEPER = Standing("auditor", "sun", may_read=False, may_change=False)
CASE = "YQ20261122-0001"
COMPLAINT = ComplaintDraft(CASE, "身份证", "窗口要求提交复印件", NOW)
MEASURE = MeasureDraft("yq-gjj", "public_security", "availability", "audit", "增加连接数")
REPLAY = Replay(
    material="身份证",
    available=True,
    cause="window_did_not_use_data",
    finding="it was served",
    department=Department("public_security", 1, 0, "up"),
    indexed=7,
)


class Town(SupervisedSite):
    """One agency with one case, one department, one report."""

    def __init__(self) -> None:
        self.has_calendar = True

    @property
    def zone(self) -> tzinfo:
        return UTC

    def due_of(self, kind: MatterKind) -> date:
        if not self.has_calendar:
            raise SetupError("no table", where="calendar/2027.toml", remedy="add the file.")
        return date(2026, 12, 3)

    def item_of(self, agency: str, case: str) -> str | None:
        return "yq-gjj-001" if (agency, case) == ("yq-gjj", CASE) else None

    def applicant_of(self, agency: str, case: str) -> Holder | None:
        return None

    def evaluator(self, agency: str, case: str, holder: Holder) -> bytes:
        return holder.number.encode()

    def today(self) -> date:
        return NOW.date()

    def adapter_of(self, certificate: str) -> str | None:
        return "public_security" if certificate.startswith("public_security.") else None

    def knows(self, agency: str, adapter: str) -> bool:
        return (agency, adapter) == ("yq-gjj", "public_security")

    def report(self, month: str, form: ReportForm) -> bytes | None:
        return form.encode() if month == "2026-10" else None


class Abacus(Reckoner):
    """Says what it was told to say; None is an index that is away."""

    def __init__(self) -> None:
        self.said: Replay | None = REPLAY
        self.figures: list[float | None] = []

    async def replay(self, wanted: ReplayWanted, deadline: Deadline) -> Replay:
        if self.said is None:
            raise StoreError("INDEX_UNAVAILABLE")
        return self.said

    async def figure(self, wanted: FigureWanted, deadline: Deadline) -> float | None:
        return self.figures.pop(0)


class Room:
    """A desk over real books."""

    def __init__(self, folder: Path) -> None:
        self.store = OfficeStore.open(folder)
        self.book = MatterBook(self.store, advance=advance, clock=lambda: NOW)
        self.findings = FindingBook(self.store, clock=lambda: NOW)
        self.abacus = Abacus()
        self.town = Town()
        self.desk = SupervisionDesk(
            self.town,
            matters=self.book,
            findings=self.findings,
            evaluations=EvaluationBook(self.store, clock=lambda: NOW),
            reckoner=self.abacus,
            clock=lambda: NOW,
        )

    async def step(self, standing: Standing, known: Matter, body: StepBody) -> Matter:
        return await self.desk.take(standing, known.draft.kind, known.id, body, soon())


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    opened = Room(tmp_path / "office")
    yield opened
    opened.store.close()


def soon() -> Deadline:
    return Deadline.after(5)


async def test_clause_8_1_3_a_complaint_without_a_replay_is_not_taken(room: Room) -> None:
    room.abacus.said = None
    with pytest.raises(StoreError):
        await room.desk.open_matter(AGENCY, COMPLAINT, soon())
    assert room.desk.page(SUPERVISOR, "complaint", None, (0, 0)) == ((), None)
    room.abacus.said = REPLAY
    opened = await room.desk.open_matter(AGENCY, COMPLAINT, soon())
    assert (opened.draft.replay, opened.draft.department) == (REPLAY, "public_security")


@pytest.mark.parametrize("off", [timedelta(minutes=6), timedelta(days=-10_000)])
async def test_a_demand_lies_in_the_past(room: Room, off: timedelta) -> None:
    asked = msgspec.structs.replace(COMPLAINT, demanded_at=NOW + off)
    with pytest.raises(RequestError, match="demanded_at"):
        await room.desk.open_matter(AGENCY, asked, soon())


async def test_two_agencies_complaining_in_the_same_words_have_two_complaints(room: Room) -> None:
    mine = await room.desk.open_matter(AGENCY, COMPLAINT, soon())
    assert await room.desk.open_matter(AGENCY, COMPLAINT, soon()) == mine
    with pytest.raises(RequestError) as absent:
        await room.desk.open_matter(Standing("agency", "yq-mzj"), COMPLAINT, soon())
    assert absent.value.code == "CASE_ABSENT"


@pytest.mark.parametrize(
    ("standing", "asked", "code"),
    [
        (DEPARTMENT, COMPLAINT, "SUPERVISION_REFUSED"),
        (SUPERVISOR, COMPLAINT, "SUPERVISION_REFUSED"),
        (AGENCY, MEASURE, "SUPERVISION_REFUSED"),
        (AGENCY, CorrectionDraft("nobody.knows", "错误"), "CERTIFICATE_UNKNOWN"),
        (AGENCY, CorrectionDraft("public_security.identity", "错误", "YQ-none"), "CASE_ABSENT"),
        (SUPERVISOR, msgspec.structs.replace(MEASURE, agency="yq-none"), "AGENCY_UNKNOWN"),
    ],
)
async def test_what_cannot_be_opened(
    room: Room,
    standing: Standing,
    asked: ComplaintDraft | CorrectionDraft | MeasureDraft,
    code: str,
) -> None:
    with pytest.raises(RequestError) as refused:
        await room.desk.open_matter(standing, asked, soon())
    assert refused.value.code == code


async def test_clause_8_3_1_the_result_of_a_measure_is_measured_both_times(room: Room) -> None:
    room.abacus.figures = [None, 0.9, 0.9, 0.95]
    with pytest.raises(RequestError, match="was not asked"):
        await room.desk.open_matter(SUPERVISOR, MEASURE, soon())
    opened = await room.desk.open_matter(SUPERVISOR, MEASURE, soon())
    assert opened.draft.before == 0.9
    for result, state in (("not_improved", "assigned"), ("improved", "closed")):
        if result == "not_improved":
            await room.step(SUPERVISOR, opened, StepBody("assign", owner="operations"))
        await room.step(AGENCY, opened, StepBody("reply", "已增加"))
        with pytest.raises(RequestError, match="is measured"):
            await room.step(SUPERVISOR, opened, StepBody("verify", result="improved"))
        after = await room.step(SUPERVISOR, opened, StepBody("verify"))
        assert (after.steps[-1].draft.result, after.state) == (result, state)


async def test_days_are_of_figures_only(room: Room) -> None:
    opened = await room.desk.open_matter(AGENCY, COMPLAINT, soon())
    with pytest.raises(RequestError, match="`days`"):
        await room.step(SUPERVISOR, opened, StepBody("assign", owner="x", days=3))


async def test_a_long_list_is_read_to_its_end_without_replays(room: Room) -> None:
    for _ in range(PAGE_COUNT + 1):
        await room.book.open_matter(matter(replay=REPLAY).draft, soon())
    first, following = room.desk.page(AGENCY, "complaint", None, (0, 0))
    assert (len(first), following) == (PAGE_COUNT, f"C-2026-{PAGE_COUNT:06}")
    assert all(each.draft.replay is None for each in first)
    rest, end = room.desk.page(AGENCY, "complaint", None, (2026, PAGE_COUNT))
    assert ([each.id for each in rest], end) == ([f"C-2026-{PAGE_COUNT + 1:06}"], None)


async def test_a_matter_is_found_under_its_own_kind_only(room: Room) -> None:
    opened = await room.desk.open_matter(AGENCY, COMPLAINT, soon())
    assert room.desk.show(AGENCY, "complaint", opened.id) == opened
    with pytest.raises(RequestError) as absent:
        room.desk.show(AGENCY, "correction", opened.id)
    assert absent.value.code == "MATTER_ABSENT"
    with pytest.raises(RequestError) as refused:
        room.desk.show(KEEPER, "complaint", opened.id)
    assert refused.value.code == "SUPERVISION_REFUSED"


@pytest.mark.parametrize(
    ("standing", "asked"),
    [
        (AGENCY, COMPLAINT),
        (AGENCY, CorrectionDraft("public_security.identity", "错误")),
        (SUPERVISOR, MEASURE),
    ],
)
async def test_what_is_due_in_a_year_without_a_table_is_refused_by_name(
    room: Room, standing: Standing, asked: ComplaintDraft | CorrectionDraft | MeasureDraft
) -> None:
    room.town.has_calendar = False
    with pytest.raises(RequestError) as refused:
        await room.desk.open_matter(standing, asked, soon())
    assert (refused.value.code, refused.value.detail) == ("CALENDAR_MISSING", "")


async def test_clause_8_2_only_a_bad_rating_needs_a_due_day(room: Room) -> None:
    room.town.has_calendar = False
    with pytest.raises(RequestError) as refused:
        await room.desk.evaluate(AGENCY, GivenEvaluation(CASE, 2), soon())
    assert refused.value.code == "CALENDAR_MISSING"
    kept = await room.desk.evaluate(AGENCY, GivenEvaluation(CASE, 3), soon())
    assert kept.level == 3


async def test_clause_8_2_an_evaluation_comes_through_an_agency_and_returns_no_case(
    room: Room,
) -> None:
    given = GivenEvaluation(CASE, 2, "跑了两次")
    for standing in (DEPARTMENT, SUPERVISOR):
        with pytest.raises(RequestError) as refused:
            await room.desk.evaluate(standing, given, soon())
        assert refused.value.code == "SUPERVISION_REFUSED"
    kept = await room.desk.evaluate(AGENCY, given, soon())
    assert msgspec.to_builtins(kept) == {
        "item": "yq-gjj-001",
        "level": 2,
        "month": "2026-11",
        "words": "跑了两次",
    }
    [total] = room.desk.totals(SUPERVISOR)
    assert total.counts == (0, 1, 0, 0, 0)
    assert room.desk.totals(Standing("agency", "yq-mzj")) == ()


def test_clause_8_3_2_a_report_is_read_by_auditors_in_either_form(room: Room) -> None:
    assert room.desk.report(SUPERVISOR, "2026-10", "xlsx") == b"xlsx"
    for standing, month, code in (
        (SUPERVISOR, "2026-11", "REPORT_ABSENT"),
        (AGENCY, "2026-10", "SUPERVISION_REFUSED"),
        (DEPARTMENT, "2026-11", "SUPERVISION_REFUSED"),
        (KEEPER, "2026-10", "SUPERVISION_REFUSED"),
    ):
        with pytest.raises(RequestError) as refused:
            room.desk.report(standing, month, "jws")
        assert refused.value.code == code


async def test_clause_8_1_1_a_finding_is_settled_once_by_who_supervises(room: Room) -> None:
    [finding_id], _ = await room.findings.keep([suspicion()], soon())
    settle = FindingStepBody("settle", "已督促办结")
    with pytest.raises(RequestError) as refused:
        await room.desk.take_finding(AGENCY, finding_id, settle, soon())
    assert refused.value.code == "SUPERVISION_REFUSED"
    settled = await room.desk.take_finding(SUPERVISOR, finding_id, settle, soon())
    assert (settled.state, settled.steps[-1].by) == ("settled", SUPERVISOR.id)
    with pytest.raises(RequestError) as twice:
        await room.desk.take_finding(SUPERVISOR, finding_id, settle, soon())
    assert twice.value.code == "FINDING_SETTLED"


async def test_an_agency_finds_its_own_findings_and_no_others(room: Room) -> None:
    others = [suspicion(agency="yq-mzj", case=f"MZ-{n}") for n in range(2)]
    (_, own, _), _ = await room.findings.keep([others[0], suspicion(), others[1]], soon())
    shown, _ = room.desk.page_findings(AGENCY, None, (0, 0))
    assert [finding.id for finding in shown] == [own]
    everything, _ = room.desk.page_findings(SUPERVISOR, "open", (2026, 1))
    assert [finding.id for finding in everything] == [own, "F-2026-000003"]
    for finding_id in ("F-2026-000001", "F-2026-999999"):
        with pytest.raises(RequestError) as absent:
            room.desk.show_finding(AGENCY, finding_id)
        assert absent.value.code == "FINDING_ABSENT"


async def test_findings_are_shown_in_pages(room: Room) -> None:
    many = [suspicion(case=f"YQ-{n:04}") for n in range(PAGE_COUNT + 1)]
    ids, _ = await room.findings.keep(many, soon())
    first, following = room.desk.page_findings(AGENCY, None, (0, 0))
    assert ([each.id for each in first], following) == (list(ids[:PAGE_COUNT]), first[-1].id)
    rest, following = room.desk.page_findings(AGENCY, None, (2026, PAGE_COUNT))
    assert ([each.id for each in rest], following) == ([ids[-1]], None)


@pytest.mark.parametrize("standing", [DEPARTMENT, KEEPER])
async def test_findings_are_not_for_departments_nor_for_every_auditor(
    room: Room, standing: Standing
) -> None:
    with pytest.raises(RequestError) as refused:
        room.desk.page_findings(standing, None, (0, 0))
    assert refused.value.code == "SUPERVISION_REFUSED"
