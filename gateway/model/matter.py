# SPDX-License-Identifier: Apache-2.0
"""Matters 督办事项: what somebody has to answer for, by when, and every step that was taken.

=============  =========  ===================================================================
kind           word       what it is about
=============  =========  ===================================================================
`complaint`    投诉       a material was demanded that could have been shared (8.1.3)
`rating`       差评整改   the ticket that a bad rating makes (8.2)
`corrective`   整改措施   what was found wrong, and the measure against it (8.3.1)
`correction`   数据校核   a department's data is wrong or incomplete
=============  =========  ===================================================================

`gateway.supervision.life` says which step leads where. No text of a matter holds personal data:
all are screened.
"""

from datetime import date
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from gateway.errors import RequestError
from gateway.model.screening import holds_identifier
from gateway.model.seen import SeenAccess

MatterKind = Literal["complaint", "rating", "corrective", "correction"]
MatterState = Literal["open", "assigned", "answered", "closed"]
StepName = Literal["assign", "reply", "call_back", "verify", "escalate"]
#: Why a material was demanded although it could have been shared.
Cause = Literal[
    "no_list_entry", "no_grant", "provider_down", "stale", "window_did_not_use_data", "other"
]
#: Of a call-back: what the person said. Of a verification: what the measure did.
StepResult = Literal["satisfied", "unsatisfied", "unreached", "improved", "not_improved"]
Source = Literal["rating", "complaint", "audit", "monitor"]
#: Figure by which a corrective measure is judged.
Metric = Literal["availability", "error_share", "p50_ms", "p95_ms"]
#: What a department says of data that is said to be wrong: it is mended, it is right, or it is not
#: the department's to decide.
CorrectionAnswer = Literal["corrected", "confirmed", "declined"]
Words = Annotated[str, Meta(min_length=1, max_length=2000)]

#: First letter of an id.
LETTERS: Final[dict[MatterKind, str]] = {
    "complaint": "C",
    "rating": "R",
    "corrective": "M",
    "correction": "D",
}


class Department(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a department did in a span around a demand.

    Attributes:
        asked_count: calls that reached out for it.
        failed_count: those that it did not answer.
        state: `up`, `down` (it answered none), `unsteady` (some), `unknown` (nobody asked).
    """

    adapter: str | None
    asked_count: int
    failed_count: int
    state: Literal["up", "down", "unsteady", "unknown"]


class Replay(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Was this material available then, from whom, what happened 回放.

    Attributes:
        certificate: that replaces the material; None where none does.
        available: whether it could have been had; None where nothing tells.
        cause: that follows from it; a person decides.
        finding: in words, English and Chinese.
        accesses: of the case, about that certificate, until the demand and in the span after it.
        indexed: how many records the search index had; later ones are not in here.
    """

    material: str
    certificate: str | None = None
    available: bool | None
    cause: Cause
    finding: str
    department: Department
    accesses: tuple[SeenAccess, ...] = ()
    indexed: int


class MatterDraft(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a matter is about; it never changes.

    Attributes:
        agency: the unit that it is about.
        words: what is said, by whoever says it.
        by: who wrote it down.
        due_on: last day, on the site's calendar.
        department: adapter that it concerns.
        certificate: type of the certificate that a correction request is about.
        demanded_at: when the material was demanded, RFC 3339 UTC.
        evidence: reference of a document that is kept elsewhere.
        source: of a corrective measure.
        source_id: of the matter or record that it comes from.
        metric: figure by which a measure is judged, and its value before.
    """

    kind: MatterKind
    agency: str
    words: Words
    by: str
    due_on: date
    case: str | None = None
    item: str | None = None
    material: str | None = None
    department: str | None = None
    demanded_at: str | None = None
    evidence: str | None = None
    source: Source | None = None
    source_id: str | None = None
    metric: Metric | None = None
    before: float | None = None
    replay: Replay | None = None
    certificate: str | None = None


class StepDraft(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One step that somebody takes.

    Attributes:
        by: who takes it.
        words: what is answered, done, or was said.
        owner: who has to answer from now on; with `assign` and `escalate`.
        cause: with the reply to a complaint.
        answer: with the reply to a correction request.
        result: with `call_back` and `verify`.
        after: the metric's value, with `verify`.
    """

    step: StepName
    by: str
    words: str = ""
    owner: str | None = None
    cause: Cause | None = None
    result: StepResult | None = None
    after: float | None = None
    answer: CorrectionAnswer | None = None


class Step(msgspec.Struct, frozen=True):
    """A line of the change log."""

    at: str
    state: MatterState
    draft: StepDraft


class Matter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A matter as it stands.

    Attributes:
        owner: who has to answer; None as long as nobody was named.
        opened_at: RFC 3339 UTC, as all times.
        answered_at: of the first reply.
        steps: the change log, oldest first.
    """

    id: str
    state: MatterState
    opened_at: str
    draft: MatterDraft
    owner: str | None = None
    answered_at: str | None = None
    closed_at: str | None = None
    steps: tuple[Step, ...] = ()

    def is_overdue(self, today: date) -> bool:
        """Whether nobody has answered in time."""
        return self.answered_at is None and today > self.draft.due_on


def screen(draft: msgspec.Struct) -> None:
    """Refuse texts that hold a number of a person or an organisation.

    Raises:
        RequestError: MATTER_PERSONAL; names the member, never its text.
    """
    for member in draft.__struct_fields__:
        value = getattr(draft, member)
        if isinstance(value, str) and holds_identifier(value):
            raise RequestError("MATTER_PERSONAL", f"`{member}` holds an identity number")
