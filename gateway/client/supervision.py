# SPDX-License-Identifier: Apache-2.0
"""Supervision for whoever signs: an agency, a department or an auditor."""

from typing import Final

import msgspec

from gateway.client.connection import Signed, SignedConnection, page_query
from gateway.model.finding import FindingState
from gateway.model.matter import MatterKind, MatterState
from gateway.model.supervised import (
    FINDINGS,
    FOLDER,
    SEGMENTS,
    ComplaintDraft,
    CorrectionDraft,
    EvaluationKept,
    EvaluationTotals,
    FindingAnswer,
    FindingPage,
    FindingStepBody,
    GivenEvaluation,
    MatterAnswer,
    MatterPage,
    MeasureDraft,
    StepBody,
)

_FINDINGS: Final = f"{FOLDER}{FINDINGS}"
_EVALUATIONS: Final = f"{FOLDER}evaluations"
_XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_SEGMENT_OF: Final = {kind: segment for segment, kind in SEGMENTS.items()}

Opening = ComplaintDraft | CorrectionDraft | MeasureDraft
_KIND_OF: Final[dict[type[Opening], MatterKind]] = {
    ComplaintDraft: "complaint",
    CorrectionDraft: "correction",
    MeasureDraft: "corrective",
}

_parse_matter = msgspec.json.Decoder(MatterAnswer).decode
_parse_page = msgspec.json.Decoder(MatterPage).decode
_parse_finding = msgspec.json.Decoder(FindingAnswer).decode
_parse_findings = msgspec.json.Decoder(FindingPage).decode
_parse_kept = msgspec.json.Decoder(EvaluationKept).decode
_parse_totals = msgspec.json.Decoder(EvaluationTotals).decode


class SupervisionCalls(SignedConnection):
    """The calls below `/v1/supervision/`. Every one raises as `SignedConnection.get`."""

    async def open_matter(self, draft: Opening) -> Signed[MatterAnswer]:
        """Complain, ask for a correction, or open a measure.

        The same again opens nothing twice, so that it may be sent again when no answer came.
        """
        return await self.send("POST", _target(_KIND_OF[type(draft)]), draft, _parse_matter)

    async def matters(
        self, kind: MatterKind, *, after: str | None = None, state: MatterState | None = None
    ) -> Signed[MatterPage]:
        """Own matters of a kind, oldest first.

        Args:
            after: `next` of the page before.
        """
        return await self.get(_target(kind) + page_query(after, state), _parse_page)

    async def matter(self, kind: MatterKind, matter_id: str) -> Signed[MatterAnswer]:
        """One matter, with its replay and every step."""
        return await self.get(f"{_target(kind)}/{matter_id}", _parse_matter)

    async def step(self, kind: MatterKind, matter_id: str, body: StepBody) -> Signed[MatterAnswer]:
        """Take a step."""
        return await self.send("POST", f"{_target(kind)}/{matter_id}/steps", body, _parse_matter)

    async def findings(
        self, *, after: str | None = None, state: FindingState | None = None
    ) -> Signed[FindingPage]:
        """What monitoring found, oldest first: own ones, for an auditor all.

        Args:
            after: `next` of the page before.
        """
        return await self.get(_FINDINGS + page_query(after, state), _parse_findings)

    async def finding(self, finding_id: str) -> Signed[FindingAnswer]:
        """One finding, with every step."""
        return await self.get(f"{_FINDINGS}/{finding_id}", _parse_finding)

    async def settle_finding(self, finding_id: str, words: str) -> Signed[FindingAnswer]:
        """End a finding; the same is not found again.

        Args:
            words: the reason.
        """
        body = FindingStepBody("settle", words)
        return await self.send("POST", f"{_FINDINGS}/{finding_id}/steps", body, _parse_finding)

    async def evaluate(self, evaluation: GivenEvaluation) -> Signed[EvaluationKept]:
        """Evaluate a case of the agency's own, once."""
        return await self.send("POST", _EVALUATIONS, evaluation, _parse_kept)

    async def evaluations(self) -> Signed[EvaluationTotals]:
        """How cases were rated, counted by unit, item and month."""
        return await self.get(_EVALUATIONS, _parse_totals)

    async def monthly_report(self, month: str, *, as_workbook: bool = False) -> Signed[bytes]:
        """The frozen report of a month.

        Args:
            month: `YYYY-MM`.
            as_workbook: as XLSX, whose digest stands in the JWS; else the JWS itself.
        """
        accept = _XLSX if as_workbook else "application/jose+json"
        return await self.get(f"{FOLDER}kpi/{month}", bytes, accept=accept)


def _target(kind: MatterKind) -> str:
    return FOLDER + _SEGMENT_OF[kind]
