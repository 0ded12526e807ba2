# SPDX-License-Identifier: Apache-2.0
"""Incidents 应急事件 and alarms 告警: what was wrong, what was done, whom it hit (clause 8.1.2).

Rules:

1. The degrade ladder has no state of its own: a scope's rung is that of its open incident. So no
   rung is raised without a record of who and why, and closing the record is back to normal.
2. A scope has one open incident at most, and one open drill.
3. A drill 演练 is recorded like an incident, and no worker looks at it.
4. No text holds a number of a person or an organisation: all are screened.
"""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from gateway.model.matter import Words
from gateway.model.rung import Rung

#: Who does something, or the alarm that did.
By = Annotated[str, Meta(min_length=1, max_length=64)]
Figure = Literal["queue_depth", "refusal_share", "p95_ms"]
IncidentStepName = Literal["open", "rung", "note", "close"]
#: What is named as the alarm of an incident that nobody but a person raised.
BY_HAND: Final = "by_hand"


class IncidentDraft(msgspec.Struct, frozen=True, kw_only=True):
    """What an incident begins with.

    Attributes:
        scope: an adapter's name, or `WHOLE_SITE`.
        rung: that is taken at once; `normal` only keeps a record.
        by: who does it.
        words: why.
        alarm: the rule that was passed, or `BY_HAND`.
        drill: nothing has happened; it is practised.
    """

    scope: str
    rung: Rung
    by: By
    words: Words
    alarm: str = BY_HAND
    drill: bool = False


class IncidentStepDraft(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One step of an incident.

    Attributes:
        by: who takes it.
        words: why, or what was done.
        rung: from now on; with `open` and `rung`.
    """

    step: IncidentStepName
    by: By
    words: Words
    rung: Rung | None = None


class IncidentStep(msgspec.Struct, frozen=True):
    """A line of an incident's log.

    Attributes:
        at: RFC 3339 UTC, milliseconds.
        rung: after it.
    """

    at: str
    rung: Rung
    draft: IncidentStepDraft


class Impact(msgspec.Struct, frozen=True, kw_only=True):
    """Whom an incident hit, counted from the audit log.

    Attributes:
        access_count: permitted accesses of the scope in the time of the incident.
        unavailable_count: of them, those that nobody answered.
        stale_count: of them, those that an older answer was given to.
        case_count: cases in which one of both happened.
        agency_count: agencies to which it happened.
        codes: of what nobody answered, by code.
        indexed: how many records the search index had.
        behind: how many it lacked; they are not in here.
    """

    access_count: int
    unavailable_count: int
    stale_count: int
    case_count: int
    agency_count: int
    codes: dict[str, int]
    indexed: int
    behind: int


class Incident(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An incident as it stands.

    Attributes:
        opened_at: RFC 3339 UTC with milliseconds, as all times.
        steps: its log, oldest first; the first one opened it.
        closed_at: None as long as it is open.
    """

    id: str
    scope: str
    alarm: str
    drill: bool
    opened_at: str
    steps: tuple[IncidentStep, ...]
    closed_at: str | None = None

    @property
    def rung(self) -> Rung:
        """The rung that its scope has by it; `normal` once it is closed."""
        return self.steps[-1].rung


class IncidentReport(msgspec.Struct, frozen=True, kw_only=True):
    """What an incident came to, counted anew from the log: the same whenever it is final.

    Attributes:
        is_final: the incident is closed, and all that was recorded of its time is counted.
        lasted_s: seconds from its opening.
        highest: rung.
        impact: whom it hit.
    """

    incident: Incident
    is_final: bool
    lasted_s: int
    highest: Rung
    impact: Impact


class AlarmDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A threshold that was passed for long enough.

    Attributes:
        rule: its name in `[emergency]`.
        scope: an adapter's name, or `WHOLE_SITE`.
        value: of the figure, when it was raised.
        proposes: the rung that the rule names.
    """

    rule: str
    scope: str
    figure: Figure
    value: float
    threshold: float
    proposes: Rung


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """An alarm as it is kept: once, from its raising to its clearing.

    Attributes:
        raised_at: RFC 3339 UTC.
        cleared_at: None as long as it is raised.
        incident: that it opened or raised by itself; None where it only proposes.
    """

    id: int
    draft: AlarmDraft
    raised_at: str
    cleared_at: str | None = None
    incident: str | None = None
