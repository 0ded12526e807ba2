# SPDX-License-Identifier: Apache-2.0
"""Emergencies at the desk of supervision: incidents and alarms, for whoever stands to them.

Rules:

1. An auditor sees all; a department what its adapters are about; an agency what is about the site,
   or about a department that it has a grant for: those who are told by `incident.opened`.
2. An agency is told what is asked of departments and since when, and neither who decided it nor in
   which words: they are written for those who mend it.
3. What somebody does not see is answered as what never was.
4. Only who supervises opens an incident, takes a step and ends it.
"""

from typing import Final, final

from gateway.errors import RequestError
from gateway.matter_port import AlarmShelf, IncidentShelf, ScopedSite
from gateway.model.incident import Alarm, IncidentDraft, IncidentStepDraft
from gateway.model.standing import Standing
from gateway.model.supervised_incident import (
    IncidentOpening,
    IncidentState,
    IncidentStepBody,
    ShownIncident,
    shown,
)
from gateway.sdk import Deadline
from gateway.supervision.desk import PAGE_COUNT
from gateway.supervision.rights import check_deed, check_oversight


@final
class EmergencyDesk:
    """Incidents and alarms. Every method raises StoreError when the store cannot answer."""

    def __init__(self, site: ScopedSite, *, incidents: IncidentShelf, alarms: AlarmShelf) -> None:
        self._site: Final = site
        self._incidents: Final = incidents
        self._alarms: Final = alarms

    def show(self, standing: Standing, incident_id: str) -> ShownIncident:
        """One incident, with its log.

        Raises:
            RequestError: INCIDENT_ABSENT, of others' too; SUPERVISION_REFUSED.
        """
        if standing.side == "auditor":
            check_oversight(standing)
        incident, scopes = self._incidents.show(incident_id), self._scopes(standing)
        if scopes is not None and incident.scope not in scopes:
            raise RequestError("INCIDENT_ABSENT")
        return shown(incident, with_words=standing.side != "agency")

    def page(
        self, standing: Standing, state: IncidentState | None, after: tuple[int, int]
    ) -> tuple[tuple[ShownIncident, ...], str | None]:
        """The next incidents and drills behind a number, and the id to go on behind.

        Raises:
            RequestError: SUPERVISION_REFUSED.
        """
        check_deed(standing, "incident", "read")
        scopes = self._scopes(standing)
        found = self._incidents.page(scopes, state, after=after, limit=PAGE_COUNT + 1)
        with_words = standing.side != "agency"
        page = tuple(shown(each, with_words=with_words) for each in found[:PAGE_COUNT])
        return page, page[-1].id if len(found) > PAGE_COUNT else None

    def alarms(self, standing: Standing, after: int) -> tuple[tuple[Alarm, ...], int | None]:
        """The next alarms behind an id, and the id to go on behind.

        Raises:
            RequestError: SUPERVISION_REFUSED.
        """
        check_deed(standing, "alarm", "read")
        found = self._alarms.page(self._scopes(standing), after=after, limit=PAGE_COUNT + 1)
        page = tuple(found[:PAGE_COUNT])
        return page, page[-1].id if len(found) > PAGE_COUNT else None

    async def open_incident(
        self, standing: Standing, asked: IncidentOpening, deadline: Deadline
    ) -> ShownIncident:
        """Open an incident or a drill, and tell agencies.

        Raises:
            RequestError: SUPERVISION_REFUSED, SCOPE_UNKNOWN, INCIDENT_OPEN, INCIDENT_STEP_REFUSED,
                MATTER_PERSONAL.
        """
        check_deed(standing, "incident", "open")
        if not self._site.has_scope(asked.scope):
            raise RequestError("SCOPE_UNKNOWN")
        draft = IncidentDraft(
            scope=asked.scope,
            rung=asked.rung,
            by=standing.id,
            words=asked.words,
            drill=asked.drill,
        )
        told = self._site.told_of(asked.scope)
        opened = await self._incidents.open_incident(draft, deadline, agencies=told)
        return shown(opened, with_words=True)

    async def take(
        self, standing: Standing, incident_id: str, asked: IncidentStepBody, deadline: Deadline
    ) -> ShownIncident:
        """Take a rung, write down what was done, or end it and tell agencies.

        Raises:
            RequestError: INCIDENT_ABSENT, SUPERVISION_REFUSED, INCIDENT_STEP_REFUSED,
                MATTER_PERSONAL.
        """
        known = self.show(standing, incident_id)
        check_deed(standing, "incident", asked.step)
        if (asked.step == "rung") != (asked.rung is not None):
            raise RequestError("INCIDENT_STEP_REFUSED", "`rung` is named by the step `rung` only")
        step = IncidentStepDraft(
            step=asked.step, by=standing.id, words=asked.words, rung=asked.rung
        )
        told = self._site.told_of(known.scope) if asked.step == "close" else ()
        taken = await self._incidents.take(incident_id, step, deadline, agencies=told)
        return shown(taken, with_words=True)

    def _scopes(self, standing: Standing) -> tuple[str, ...] | None:
        """Of what somebody sees; None for all."""
        match standing.side:
            case "auditor":
                return None
            case "department":
                return standing.adapters
            case "agency":
                return self._site.scopes_of(standing.id)
