# SPDX-License-Identifier: Apache-2.0
"""Bodies and answers of `/v1/supervision/…` (wire v1, docs/reference/supervision-http.md)."""

from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from gateway.model.discreet import Discreet
from gateway.model.evaluation import EvaluationTotal, Level, UnitEvaluation
from gateway.model.finding import Finding
from gateway.model.lookup import HolderReference, Short
from gateway.model.matter import (
    Cause,
    CorrectionAnswer,
    Matter,
    MatterKind,
    Metric,
    Source,
    StepName,
    StepResult,
    Words,
)

FOLDER: Final = "/v1/supervision/"
#: Under which name the matters of a kind lie there.
SEGMENTS: Final[dict[str, MatterKind]] = {
    "complaints": "complaint",
    "tickets": "rating",
    "measures": "corrective",
    "corrections": "correction",
}
#: Under which name the findings of monitoring lie there.
FINDINGS: Final = "findings"
#: Days before now that the figure of a measure is of.
Days = Annotated[int, Meta(ge=1, le=366)]
Said = Annotated[str, Meta(max_length=2000)]


class ComplaintDraft(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/supervision/complaints`.

    Attributes:
        case: of the caller; it has to be known.
        material: that was demanded, as the item names it.
        demanded_at: when.
        evidence: reference of a document that is kept elsewhere.
    """

    case: Short
    material: Annotated[str, Meta(min_length=1, max_length=200)]
    words: Words
    demanded_at: Annotated[datetime, Meta(tz=True)]
    evidence: Short | None = None


class CorrectionDraft(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/supervision/corrections`.

    Attributes:
        certificate: type of the certificate that is wrong or incomplete.
        case: of the caller, in which it showed; it has to be known.
    """

    certificate: Short
    words: Words
    case: Short | None = None
    evidence: Short | None = None


class MeasureDraft(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/supervision/measures`.

    Attributes:
        agency: the unit that it is about.
        department: adapter whose figure is measured from the log, now and at its verification.
        source: whence it comes, and by which id.
    """

    agency: Short
    department: Short
    metric: Metric
    source: Source
    words: Words
    source_id: Short | None = None
    days: Days = 30


class StepBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/supervision/{kind}/{id}/steps`; the members as `StepDraft` has them.

    Attributes:
        days: of the verification of a measure, whose result is measured and not stated.
    """

    step: StepName
    words: Said = ""
    owner: Short | None = None
    cause: Cause | None = None
    answer: CorrectionAnswer | None = None
    result: StepResult | None = None
    days: Days | None = None


class FindingStepBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/supervision/findings/{id}/steps`.

    Attributes:
        words: the reason.
    """

    step: Literal["settle"]
    words: Words


class GivenEvaluation(Discreet, msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/supervision/evaluations`.

    Attributes:
        case: of the caller; it has to be known.
        evaluator: one of the case's own people; kept as a keyed digest.
    """

    case: Short
    level: Level
    words: Said = ""
    evaluator: HolderReference | None = None


class MatterAnswer(msgspec.Struct, frozen=True):
    """A 200 answer about one matter, as it stands."""

    request_id: str
    matter: Matter


class MatterPage(msgspec.Struct, frozen=True):
    """Matters of one kind, oldest first, without their replays.

    Attributes:
        next: id to be asked for as `after` next time; None where there are no more.
    """

    request_id: str
    matters: tuple[Matter, ...]
    next: str | None


class FindingAnswer(msgspec.Struct, frozen=True):
    """A 200 answer about one finding of monitoring, as it stands."""

    request_id: str
    finding: Finding


class FindingPage(msgspec.Struct, frozen=True):
    """Findings of monitoring, oldest first.

    Attributes:
        next: id to be asked for as `after` next time; None where there are no more.
    """

    request_id: str
    findings: tuple[Finding, ...]
    next: str | None


class EvaluationKept(msgspec.Struct, frozen=True):
    """An evaluation was kept. Neither the case nor who gave it stands here, nor a ticket."""

    request_id: str
    evaluation: UnitEvaluation


class EvaluationTotals(msgspec.Struct, frozen=True):
    """How cases were rated, counted by unit, item and month."""

    request_id: str
    totals: tuple[EvaluationTotal, ...]
