# SPDX-License-Identifier: Apache-2.0
"""Emergencies below `/v1/supervision/`: what incidents' and alarms' targets name, and the answers.

A target is recorded as it was signed, so each is of a narrow form that no identity number has.
"""

import re
from typing import Final, get_args

import msgspec

from gateway.exchange.reply import JSON, Reply
from gateway.model.standing import Standing
from gateway.model.supervised_incident import (
    ALARMS,
    INCIDENTS,
    AlarmPage,
    IncidentAnswer,
    IncidentPage,
    IncidentState,
)
from gateway.supervision.emergency_desk import EmergencyDesk
from gateway.web.signed_reads import answer

_ID: Final = r"E-(2[0-9]{3})-([0-9]{6,9})"
_STATES: Final[dict[str, IncidentState]] = {name: name for name in get_args(IncidentState)}
_STATE: Final = "|".join(_STATES)
_ONE: Final = re.compile(rf"{INCIDENTS}/({_ID})(/steps)?")
_ALL: Final = re.compile(rf"{INCIDENTS}(?:\?after={_ID}(?:&state=({_STATE}))?|\?state=({_STATE}))?")
_ALARMS: Final = re.compile(rf"{ALARMS}(?:\?after=(0|[1-9][0-9]{{0,8}}))?")
_encode = msgspec.json.Encoder().encode


class IncidentTarget(msgspec.Struct, frozen=True):
    """One incident, or the steps of it."""

    id: str
    is_steps: bool


class IncidentsTarget(msgspec.Struct, frozen=True):
    """The incidents behind `after` (a year and a number), in a state or in any."""

    after: tuple[int, int] = (0, 0)
    state: IncidentState | None = None


class AlarmsTarget(msgspec.Struct, frozen=True):
    """The alarms behind `after`."""

    after: int = 0


EmergencyTarget = IncidentTarget | IncidentsTarget | AlarmsTarget


def parse_emergency(rest: str) -> EmergencyTarget | None:
    """What a target names, without the folder; None where it is not about emergencies."""
    if (one := _ONE.fullmatch(rest)) is not None:
        return IncidentTarget(one[1], one[4] is not None)
    if (many := _ALL.fullmatch(rest)) is not None:
        year, number, *states = many.groups()
        after = (int(year or 0), int(number or 0))
        return IncidentsTarget(after, _STATES.get(states[0] or states[1] or ""))
    if (alarms := _ALARMS.fullmatch(rest)) is not None:
        return AlarmsTarget(int(alarms[1] or 0))
    return None


def read_emergency(
    desk: EmergencyDesk, standing: Standing, request_id: str, target: EmergencyTarget
) -> tuple[Reply, int]:
    """What is read, and how many incidents or alarms that are.

    Raises:
        RequestError: INCIDENT_ABSENT, SUPERVISION_REFUSED.
        StoreError: the store cannot answer.
    """
    match target:
        case IncidentTarget(incident_id):
            incident = desk.show(standing, incident_id)
            return answer(JSON, _encode(IncidentAnswer(request_id, incident))), 1
        case IncidentsTarget(after, state):
            incidents, following = desk.page(standing, state, after)
            page = IncidentPage(request_id, incidents, following)
            return answer(JSON, _encode(page)), len(incidents)
        case AlarmsTarget(behind):
            alarms, next_id = desk.alarms(standing, behind)
            return answer(JSON, _encode(AlarmPage(request_id, alarms, next_id))), len(alarms)
