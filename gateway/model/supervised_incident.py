# SPDX-License-Identifier: Apache-2.0
"""Emergencies below `/v1/supervision/`: bodies and answers (docs/reference/supervision-http.md)."""

from typing import Final, Literal

import msgspec

from gateway.model.incident import Alarm, Incident, IncidentStepName
from gateway.model.lookup import Short
from gateway.model.matter import Words
from gateway.model.rung import Rung

#: Under which names incidents and alarms lie there.
INCIDENTS: Final = "incidents"
ALARMS: Final = "alarms"
IncidentState = Literal["open", "closed"]


class IncidentOpening(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/supervision/incidents`.

    Attributes:
        scope: an adapter's name, or `*` for the whole site.
        words: why.
        rung: that is taken at once; `normal` only keeps a record.
        drill: nothing has happened; it is practised.
    """

    scope: Short
    words: Words
    rung: Rung = "normal"
    drill: bool = False


class IncidentStepBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/supervision/incidents/{id}/steps`.

    Attributes:
        words: why, or what was done.
        rung: from now on; with `rung`, and with nothing else.
    """

    step: Literal["rung", "note", "close"]
    words: Words
    rung: Rung | None = None


class ShownStep(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line of an incident's log.

    Attributes:
        at: RFC 3339 UTC, milliseconds.
        rung: after it.
        by: who took it; not shown to agencies.
        words: why, or what was done; not shown to agencies.
    """

    at: str
    step: IncidentStepName
    rung: Rung
    by: str = ""
    words: str = ""


class ShownIncident(msgspec.Struct, frozen=True, kw_only=True):
    """An incident as it is shown.

    Attributes:
        scope: an adapter's name, or `*` for the whole site.
        alarm: the rule that raised it, or `by_hand`.
        rung: as it is now; `normal` once it is closed.
        drill: nothing has happened; it is practised.
        opened_at: RFC 3339 UTC, milliseconds.
        closed_at: None as long as it is open.
        steps: its log, oldest first.
    """

    id: str
    scope: str
    alarm: str
    rung: Rung
    drill: bool
    opened_at: str
    closed_at: str | None
    steps: tuple[ShownStep, ...]


class IncidentAnswer(msgspec.Struct, frozen=True):
    """A 200 answer about one incident, as it stands."""

    request_id: str
    incident: ShownIncident


class IncidentPage(msgspec.Struct, frozen=True):
    """Incidents and drills, oldest first.

    Attributes:
        next: id to be asked for as `after` next time; None where there are no more.
    """

    request_id: str
    incidents: tuple[ShownIncident, ...]
    next: str | None


class AlarmPage(msgspec.Struct, frozen=True):
    """Alarms, oldest first.

    Attributes:
        next: id to be asked for as `after` next time; None where there are no more.
    """

    request_id: str
    alarms: tuple[Alarm, ...]
    next: int | None


def shown(incident: Incident, *, with_words: bool) -> ShownIncident:
    """An incident for somebody's eyes.

    Args:
        with_words: whether they are told who did what, and why.
    """
    return ShownIncident(
        id=incident.id,
        scope=incident.scope,
        alarm=incident.alarm,
        rung=incident.rung,
        drill=incident.drill,
        opened_at=incident.opened_at,
        closed_at=incident.closed_at,
        steps=tuple(
            ShownStep(
                at=step.at,
                step=step.draft.step,
                rung=step.rung,
                by=step.draft.by if with_words else "",
                words=step.draft.words if with_words else "",
            )
            for step in incident.steps
        ),
    )
