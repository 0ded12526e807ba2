# SPDX-License-Identifier: Apache-2.0
"""Incidents and alarms for whoever signs: an agency, a department or an auditor."""

from typing import Final

import msgspec

from gateway.client.connection import Signed, SignedConnection, page_query
from gateway.model.supervised import FOLDER
from gateway.model.supervised_incident import (
    ALARMS,
    INCIDENTS,
    AlarmPage,
    IncidentAnswer,
    IncidentOpening,
    IncidentPage,
    IncidentState,
    IncidentStepBody,
)

_INCIDENTS: Final = f"{FOLDER}{INCIDENTS}"

_parse_incident = msgspec.json.Decoder(IncidentAnswer).decode
_parse_incidents = msgspec.json.Decoder(IncidentPage).decode
_parse_alarms = msgspec.json.Decoder(AlarmPage).decode


class EmergencyCalls(SignedConnection):
    """The calls about emergencies. Every one raises as `SignedConnection.get`."""

    async def incidents(
        self, *, after: str | None = None, state: IncidentState | None = None
    ) -> Signed[IncidentPage]:
        """Incidents and drills that concern the caller, oldest first.

        Args:
            after: `next` of the page before.
        """
        return await self.get(_INCIDENTS + page_query(after, state), _parse_incidents)

    async def incident(self, incident_id: str) -> Signed[IncidentAnswer]:
        """One incident, with its log; an agency is not told who did what, nor why."""
        return await self.get(f"{_INCIDENTS}/{incident_id}", _parse_incident)

    async def open_incident(self, opening: IncidentOpening) -> Signed[IncidentAnswer]:
        """Open an incident or a drill, and take a rung of the ladder.

        Sent again, it is refused with `INCIDENT_OPEN` and the id of the first.
        """
        return await self.send("POST", _INCIDENTS, opening, _parse_incident)

    async def take_incident_step(
        self, incident_id: str, body: IncidentStepBody
    ) -> Signed[IncidentAnswer]:
        """Take another rung, write down what was done, or close."""
        return await self.send("POST", f"{_INCIDENTS}/{incident_id}/steps", body, _parse_incident)

    async def alarms(self, *, after: int = 0) -> Signed[AlarmPage]:
        """Alarms that concern the caller, oldest first.

        Args:
            after: `next` of the page before.
        """
        return await self.get(f"{FOLDER}{ALARMS}?after={after}", _parse_alarms)
