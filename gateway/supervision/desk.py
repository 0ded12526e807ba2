# SPDX-License-Identifier: Apache-2.0
"""The desk of supervision: what an agency, a department or an auditor asks, by one table.

All kinds of matters, and findings, go the same ways here; `gateway.supervision.rights` says who
goes them, and `gateway.supervision.life` where they lead. Who asks, and that it is recorded, is
others' business.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Final, final

import msgspec

from gateway.crypto.digest import sha256
from gateway.errors import RequestError, SetupError
from gateway.matter_port import (
    EvaluationShelf,
    FindingShelf,
    MatterShelf,
    Reckoner,
    ReportForm,
    SupervisedSite,
)
from gateway.model.evaluation import EvaluationDraft, EvaluationTotal, UnitEvaluation, for_unit
from gateway.model.finding import Finding, FindingState
from gateway.model.ids import parse_holder
from gateway.model.instant import format_time_s
from gateway.model.matter import (
    Matter,
    MatterDraft,
    MatterKind,
    MatterState,
    Metric,
    StepDraft,
    StepResult,
)
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
from gateway.sdk import Deadline
from gateway.supervision.life import is_better
from gateway.supervision.rights import check_deed, check_oversight, sees, sees_finding

#: Most matters or findings of a page.
PAGE_COUNT: Final = 100
_WINDOW: Final = timedelta(minutes=5)
_EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
_encode: Final = msgspec.json.Encoder(order="deterministic").encode

Opening = ComplaintDraft | CorrectionDraft | MeasureDraft
_KINDS: Final[dict[type[Opening], MatterKind]] = {
    ComplaintDraft: "complaint",
    CorrectionDraft: "correction",
    MeasureDraft: "corrective",
}


@final
class SupervisionDesk:
    """Matters, findings and evaluations, for whoever stands somehow to them.

    Every method raises StoreError when a store, or the log, cannot answer.

    Args:
        clock: aware UTC now.
    """

    def __init__(
        self,
        site: SupervisedSite,
        *,
        matters: MatterShelf,
        findings: FindingShelf,
        evaluations: EvaluationShelf,
        reckoner: Reckoner,
        clock: Callable[[], datetime],
    ) -> None:
        self._site: Final = site
        self._matters: Final = matters
        self._findings: Final = findings
        self._evaluations: Final = evaluations
        self._reckoner: Final = reckoner
        self._clock: Final = clock

    def show(self, standing: Standing, kind: MatterKind, matter_id: str) -> Matter:
        """One matter, with its replay and its change log.

        Raises:
            RequestError: MATTER_ABSENT, of another's too; SUPERVISION_REFUSED.
        """
        if standing.side == "auditor":
            check_oversight(standing)
        matter = self._matters.show(matter_id)
        if matter.draft.kind != kind or not sees(standing, matter):
            raise RequestError("MATTER_ABSENT")
        return matter

    def page(
        self,
        standing: Standing,
        kind: MatterKind,
        state: MatterState | None,
        after: tuple[int, int],
    ) -> tuple[tuple[Matter, ...], str | None]:
        """The next matters behind a number, without replays, and the id to go on behind.

        Raises:
            RequestError: SUPERVISION_REFUSED.
        """
        check_deed(standing, kind, "read")
        found = self._matters.page(standing, kind, state, after=after, limit=PAGE_COUNT + 1)
        shown = tuple(
            msgspec.structs.replace(
                matter, draft=msgspec.structs.replace(matter.draft, replay=None)
            )
            for matter in found[:PAGE_COUNT]
        )
        return shown, shown[-1].id if len(found) > PAGE_COUNT else None

    def totals(self, standing: Standing) -> tuple[EvaluationTotal, ...]:
        """How cases were rated: an agency's own, or all.

        Raises:
            RequestError: SUPERVISION_REFUSED.
        """
        if standing.side == "agency":
            return tuple(self._evaluations.totals(standing.id))
        check_oversight(standing)
        return tuple(self._evaluations.totals(None))

    def report(self, standing: Standing, month: str, form: ReportForm) -> bytes:
        """The frozen report of a month.

        Raises:
            RequestError: SUPERVISION_REFUSED, REPORT_ABSENT.
        """
        check_oversight(standing)
        found = self._site.report(month, form)
        if found is None:
            raise RequestError("REPORT_ABSENT")
        return found

    async def open_matter(self, standing: Standing, asked: Opening, deadline: Deadline) -> Matter:
        """Open a matter; the same body by the same signer again is the same matter.

        Raises:
            RequestError: SUPERVISION_REFUSED, BODY_MALFORMED, CASE_ABSENT, AGENCY_UNKNOWN,
                CERTIFICATE_UNKNOWN, MATTER_PERSONAL, MATTER_STEP_REFUSED, CALENDAR_MISSING.
        """
        check_deed(standing, _KINDS[type(asked)], "open")
        draft = await self._draft(standing, asked, deadline)
        content = sha256(f"{draft.kind} {standing.id} ".encode() + _encode(asked))
        return await self._matters.open_once(draft, content, deadline)

    async def take(
        self,
        standing: Standing,
        kind: MatterKind,
        matter_id: str,
        asked: StepBody,
        deadline: Deadline,
    ) -> Matter:
        """Take a step.

        Raises:
            RequestError: MATTER_ABSENT, SUPERVISION_REFUSED, MATTER_STEP_REFUSED, MATTER_PERSONAL.
        """
        matter = self.show(standing, kind, matter_id)
        check_deed(standing, kind, asked.step)
        step = StepDraft(
            step=asked.step,
            by=standing.id,
            words=asked.words,
            owner=asked.owner,
            cause=asked.cause,
            answer=asked.answer,
            result=asked.result,
        )
        if asked.step == "verify" and matter.draft.before is not None:
            step = await self._measured(matter.draft, step, asked, deadline)
        elif asked.days is not None:
            raise RequestError("MATTER_STEP_REFUSED", "`days` is for the verification of a measure")
        return await self._matters.take(matter_id, step, deadline)

    def show_finding(self, standing: Standing, finding_id: str) -> Finding:
        """One finding, with its change log.

        Raises:
            RequestError: FINDING_ABSENT, of another's too; SUPERVISION_REFUSED.
        """
        if standing.side == "auditor":
            check_oversight(standing)
        finding = self._findings.show(finding_id)
        if not sees_finding(standing, finding):
            raise RequestError("FINDING_ABSENT")
        return finding

    def page_findings(
        self, standing: Standing, state: FindingState | None, after: tuple[int, int]
    ) -> tuple[tuple[Finding, ...], str | None]:
        """The next findings behind a number, and the id to go on behind.

        Raises:
            RequestError: SUPERVISION_REFUSED.
        """
        check_deed(standing, "finding", "read")
        agency = standing.id if standing.side == "agency" else None
        found = self._findings.page(agency, state, after=after, limit=PAGE_COUNT + 1)
        shown = tuple(found[:PAGE_COUNT])
        return shown, shown[-1].id if len(found) > PAGE_COUNT else None

    async def take_finding(
        self, standing: Standing, finding_id: str, asked: FindingStepBody, deadline: Deadline
    ) -> Finding:
        """Settle a finding.

        Raises:
            RequestError: FINDING_ABSENT, SUPERVISION_REFUSED, FINDING_SETTLED, MATTER_PERSONAL.
        """
        self.show_finding(standing, finding_id)
        check_deed(standing, "finding", asked.step)
        return await self._findings.settle(
            finding_id, by=standing.id, words=asked.words, deadline=deadline
        )

    async def evaluate(
        self, standing: Standing, asked: GivenEvaluation, deadline: Deadline
    ) -> UnitEvaluation:
        """Keep an evaluation on behalf of who gives it.

        Raises:
            RequestError: SUPERVISION_REFUSED, CASE_ABSENT, HOLDER_INVALID, CASE_HOLDER_MISMATCH,
                EVALUATION_TWICE, MATTER_PERSONAL; CALENDAR_MISSING of a bad one.
        """
        if standing.side != "agency":
            raise RequestError("SUPERVISION_REFUSED", "an evaluation is given through an agency")
        agency, digest = standing.id, None
        item = self._item_of(agency, asked.case)
        if asked.evaluator is not None:
            holder = parse_holder(asked.evaluator, today=self._site.today())
            digest = self._site.evaluator(agency, asked.case, holder)
        draft = EvaluationDraft(
            agency=agency,
            case=asked.case,
            item=item,
            level=asked.level,
            words=asked.words,
            evaluator=digest,
        )
        due_on = self._due_of("rating") if draft.is_bad else None
        kept = await self._evaluations.give(draft, deadline, due_on=due_on)
        return for_unit(kept, self._site.zone)

    async def _draft(self, standing: Standing, asked: Opening, deadline: Deadline) -> MatterDraft:
        match asked:
            case ComplaintDraft():
                return await self._complaint(standing, asked, deadline)
            case CorrectionDraft():
                return self._correction(standing, asked)
            case MeasureDraft():
                return await self._measure(standing, asked, deadline)

    async def _complaint(
        self, standing: Standing, asked: ComplaintDraft, deadline: Deadline
    ) -> MatterDraft:
        if not _EARLIEST <= asked.demanded_at <= self._clock() + _WINDOW:
            raise RequestError("BODY_MALFORMED", "`demanded_at` is not an instant that has passed")
        item = self._item_of(standing.id, asked.case)
        draft = MatterDraft(
            kind="complaint",
            agency=standing.id,
            words=asked.words,
            by=standing.id,
            due_on=self._due_of("complaint"),
            case=asked.case,
            item=item,
            material=asked.material,
            demanded_at=format_time_s(asked.demanded_at),
            evidence=asked.evidence,
        )
        wanted = ReplayWanted(
            draft.agency, asked.case, item, asked.material, draft.demanded_at or ""
        )
        replay = await self._reckoner.replay(wanted, deadline)
        return msgspec.structs.replace(draft, department=replay.department.adapter, replay=replay)

    def _correction(self, standing: Standing, asked: CorrectionDraft) -> MatterDraft:
        adapter = self._site.adapter_of(asked.certificate)
        if adapter is None:
            raise RequestError("CERTIFICATE_UNKNOWN")
        item = None if asked.case is None else self._item_of(standing.id, asked.case)
        return MatterDraft(
            kind="correction",
            agency=standing.id,
            words=asked.words,
            by=standing.id,
            due_on=self._due_of("correction"),
            case=asked.case,
            item=item,
            department=adapter,
            certificate=asked.certificate,
            evidence=asked.evidence,
        )

    async def _measure(
        self, standing: Standing, asked: MeasureDraft, deadline: Deadline
    ) -> MatterDraft:
        if not self._site.knows(asked.agency, asked.department):
            raise RequestError("AGENCY_UNKNOWN", "no such agency, or no such department")
        return MatterDraft(
            kind="corrective",
            agency=asked.agency,
            words=asked.words,
            by=standing.id,
            due_on=self._due_of("corrective"),
            department=asked.department,
            source=asked.source,
            source_id=asked.source_id,
            metric=asked.metric,
            before=await self._figure(asked.department, asked.metric, asked.days, deadline),
        )

    async def _measured(
        self, draft: MatterDraft, step: StepDraft, asked: StepBody, deadline: Deadline
    ) -> StepDraft:
        """The verification of a measure: nobody states its result."""
        if asked.result is not None:
            raise RequestError("MATTER_STEP_REFUSED", "the result of a measure is measured")
        metric, before = draft.metric, draft.before
        assert metric is not None  # a figure is of something
        assert before is not None
        after = await self._figure(draft.department or "", metric, asked.days or 30, deadline)
        result: StepResult = "improved" if is_better(metric, before, after) else "not_improved"
        return msgspec.structs.replace(step, result=result, after=after)

    async def _figure(
        self, department: str, metric: Metric, days: int, deadline: Deadline
    ) -> float:
        wanted = FigureWanted(department, metric, days)
        figure = await self._reckoner.figure(wanted, deadline)
        if figure is None:
            raise RequestError("MATTER_STEP_REFUSED", "the department was not asked in those days")
        return figure

    def _due_of(self, kind: MatterKind) -> date:
        try:
            return self._site.due_of(kind)
        except SetupError:  # the remedy is the operator's, and names a file of the site
            raise RequestError("CALENDAR_MISSING") from None

    def _item_of(self, agency: str, case: str) -> str:
        item = self._site.item_of(agency, case)
        if item is None:
            raise RequestError("CASE_ABSENT")
        return item
