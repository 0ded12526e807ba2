# SPDX-License-Identifier: Apache-2.0
"""The interfaces around matters: how the desks of supervision know their books without SQLite.

A page of its own beside `gateway.ports` and `gateway.office_port`.
"""

from collections.abc import Collection, Sequence
from datetime import date, tzinfo
from typing import Literal, Protocol

from gateway.model.evaluation import Evaluation, EvaluationDraft, EvaluationTotal
from gateway.model.finding import Finding, FindingState
from gateway.model.holder import Holder
from gateway.model.incident import Alarm, Incident, IncidentDraft, IncidentStepDraft
from gateway.model.matter import Matter, MatterDraft, MatterKind, MatterState, Replay, StepDraft
from gateway.model.reckoning import FigureWanted, ReplayWanted
from gateway.model.standing import Standing
from gateway.model.supervised_incident import IncidentState
from gateway.sdk import Deadline

ReportForm = Literal["jws", "xlsx"]


class MatterShelf(Protocol):
    """Matters. Every method raises StoreError when the store cannot answer."""

    def show(self, matter_id: str) -> Matter:
        """A matter with its change log.

        Raises:
            RequestError: MATTER_ABSENT.
        """

    def page(
        self,
        standing: Standing,
        kind: MatterKind,
        state: MatterState | None,
        *,
        after: tuple[int, int],
        limit: int,
    ) -> Sequence[Matter]:
        """Matters that are there for somebody, by year and number from behind `after` on."""

    async def open_once(self, draft: MatterDraft, content: bytes, deadline: Deadline) -> Matter:
        """Keep a matter; the same content again, while that one is not closed, is that one.

        Args:
            content: digest of what was asked, and by whom.

        Raises:
            RequestError: MATTER_PERSONAL.
        """

    async def take(self, matter_id: str, step: StepDraft, deadline: Deadline) -> Matter:
        """Take a step.

        Raises:
            RequestError: MATTER_ABSENT, MATTER_STEP_REFUSED, MATTER_PERSONAL.
        """


class EvaluationShelf(Protocol):
    """Evaluations. Every method raises StoreError when the store cannot answer."""

    async def give(
        self, draft: EvaluationDraft, deadline: Deadline, *, due_on: date | None
    ) -> Evaluation:
        """Keep an evaluation, and open the ticket of a bad one.

        Args:
            due_on: by when what a bad one is about has to be mended; None of a good one.

        Raises:
            RequestError: EVALUATION_TWICE, MATTER_PERSONAL.
        """

    def totals(self, agency: str | None) -> Sequence[EvaluationTotal]:
        """Counts by unit, item and month; of one agency or of all."""


class FindingShelf(Protocol):
    """Findings of monitoring. Every method raises StoreError when the store cannot answer."""

    def show(self, finding_id: str) -> Finding:
        """A finding with its change log.

        Raises:
            RequestError: FINDING_ABSENT.
        """

    def page(
        self,
        agency: str | None,
        state: FindingState | None,
        *,
        after: tuple[int, int],
        limit: int,
    ) -> Sequence[Finding]:
        """Findings of an agency or of all, by year and number from behind `after` on."""

    async def settle(self, finding_id: str, *, by: str, words: str, deadline: Deadline) -> Finding:
        """End a finding with a reason.

        Raises:
            RequestError: FINDING_ABSENT, FINDING_SETTLED, MATTER_PERSONAL.
        """


class IncidentShelf(Protocol):
    """Incidents and drills. Every method raises StoreError when the store cannot answer."""

    def show(self, incident_id: str) -> Incident:
        """An incident with its log.

        Raises:
            RequestError: INCIDENT_ABSENT.
        """

    def page(
        self,
        scopes: Sequence[str] | None,
        state: IncidentState | None,
        *,
        after: tuple[int, int],
        limit: int,
    ) -> Sequence[Incident]:
        """Incidents of scopes or of all, by year and number from behind `after` on."""

    async def open_incident(
        self, draft: IncidentDraft, deadline: Deadline, *, agencies: Collection[str]
    ) -> Incident:
        """Begin an incident.

        Args:
            agencies: who is told.

        Raises:
            RequestError: INCIDENT_OPEN, INCIDENT_STEP_REFUSED, MATTER_PERSONAL.
        """

    async def take(
        self,
        incident_id: str,
        step: IncidentStepDraft,
        deadline: Deadline,
        *,
        agencies: Collection[str] = (),
    ) -> Incident:
        """Take a step.

        Args:
            agencies: who is told, with `close`.

        Raises:
            RequestError: INCIDENT_ABSENT, INCIDENT_STEP_REFUSED, MATTER_PERSONAL.
        """


class AlarmShelf(Protocol):
    """Alarms. Every method raises StoreError when the store cannot answer."""

    def page(self, scopes: Sequence[str] | None, *, after: int, limit: int) -> Sequence[Alarm]:
        """Alarms of scopes or of all, by id from behind `after` on."""


class ScopedSite(Protocol):
    """What emergencies at the desk need to know of the site."""

    def scopes_of(self, agency: str) -> tuple[str, ...]:
        """Departments that an agency has a grant for, and the whole site; none without a grant."""

    def told_of(self, scope: str) -> Collection[str]:
        """Agencies that are told of an incident: active, and with a grant for the scope."""

    def has_scope(self, scope: str) -> bool:
        """Whether it is the whole site, or an adapter that is in use."""


class SupervisedSite(Protocol):
    """What the desk needs to know of the site."""

    @property
    def zone(self) -> tzinfo:
        """Of the site's days, months and years."""

    def due_of(self, kind: MatterKind) -> date:
        """The day by which a matter of that kind is due that starts now.

        Raises:
            SetupError: a year on the way has no table.
        """

    def item_of(self, agency: str, case: str) -> str | None:
        """The item of a known case."""

    def applicant_of(self, agency: str, case: str) -> Holder | None:
        """Whom a case is of, for the record."""

    def evaluator(self, agency: str, case: str, holder: Holder) -> bytes:
        """The keyed digest of who evaluates.

        Raises:
            RequestError: CASE_ABSENT, CASE_HOLDER_MISMATCH.
        """

    def today(self) -> date:
        """The day in the site's zone."""

    def adapter_of(self, certificate: str) -> str | None:
        """The adapter that hands a certificate out; None where none does."""

    def knows(self, agency: str, adapter: str) -> bool:
        """Whether both are of this site."""

    def report(self, month: str, form: ReportForm) -> bytes | None:
        """The frozen report of a month."""


class Reckoner(Protocol):
    """Reckons from the log, beside the workers. Every method raises StoreError.

    Never does it take an index that is not there, or not up to date, for an empty one.
    """

    async def replay(self, wanted: ReplayWanted, deadline: Deadline) -> Replay:
        """What the log knows about a demand."""

    async def figure(self, wanted: FigureWanted, deadline: Deadline) -> float | None:
        """A department's figure; None where it was not asked."""
