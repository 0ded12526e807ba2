# SPDX-License-Identifier: Apache-2.0
"""The paths of emergencies below `/v1/supervision/`, for `gateway.web.openapi_supervision`."""

from collections.abc import Sequence
from typing import Any, Final

from gateway.model.supervised import FOLDER
from gateway.model.supervised_incident import (
    ALARMS,
    INCIDENTS,
    AlarmPage,
    IncidentAnswer,
    IncidentOpening,
    IncidentPage,
    IncidentStepBody,
)
from gateway.web.openapi_parameters import Operation, id_parameter, state_parameter

#: Types of bodies and answers.
EMERGENCY_TYPES: Final = (
    *(IncidentOpening, IncidentStepBody),
    *(IncidentAnswer, IncidentPage, AlarmPage),
)

_REFUSED: Final = ("INCIDENT_STEP_REFUSED", "MATTER_PERSONAL")
_AFTER_ALARM: Final = {
    "name": "after",
    "in": "query",
    "description": "`next` of the page before.",
    "schema": {"type": "integer", "minimum": 0, "maximum": 999_999_999},
}


def emergency_paths(operation: Operation, about: Sequence[str]) -> dict[str, Any]:
    """Incidents, their steps, and alarms.

    Args:
        about: codes that every one of them may have.
    """
    where, incident_id = f"{FOLDER}{INCIDENTS}", id_parameter("id", "path", "E")
    absent = (*about, "INCIDENT_ABSENT")
    return {
        where: {
            "get": operation(
                "incidents_list",
                "Incidents and drills behind a cursor 应急事件",
                about=about,
                answer="IncidentPage",
                at=(id_parameter("after", "query", "E"), state_parameter("open", "closed")),
            ),
            "post": operation(
                "incidents_open",
                "Open an incident or a drill, and take a rung 登记应急事件",
                body="IncidentOpening",
                about=(*about, "SCOPE_UNKNOWN", "INCIDENT_OPEN", *_REFUSED),
                answer="IncidentAnswer",
                at=(),
            ),
        },
        f"{where}/{{id}}": {
            "get": operation(
                "incidents_show",
                "An incident, with its log 应急事件详情",
                about=absent,
                answer="IncidentAnswer",
                at=(incident_id,),
            )
        },
        f"{where}/{{id}}/steps": {
            "post": operation(
                "incidents_step",
                "Take another rung, write down what was done, or close 处置应急事件",
                body="IncidentStepBody",
                about=(*absent, *_REFUSED),
                answer="IncidentAnswer",
                at=(incident_id,),
            )
        },
        f"{FOLDER}{ALARMS}": {
            "get": operation(
                "alarms_list",
                "Alarms behind a cursor 告警",
                about=about,
                answer="AlarmPage",
                at=(_AFTER_ALARM,),
            )
        },
    }
