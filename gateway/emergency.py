# SPDX-License-Identifier: Apache-2.0
"""What emergencies need of a site: a worker's ladder, and the books that commands write."""

import asyncio
import time
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Final, Self, final

from gateway.audit.happenings import ping_log, record_happening
from gateway.audit.seen import SeenLog
from gateway.config import Site
from gateway.errors import RequestError
from gateway.matter_port import ScopedSite
from gateway.model.grant import newest_versions
from gateway.model.incident import Impact, Incident, IncidentReport
from gateway.model.instant import parse_ms
from gateway.model.rung import WHOLE_SITE, height
from gateway.office.alarms import AlarmBook
from gateway.office.incidents import IncidentBook
from gateway.office.ladder import OfficeLadder
from gateway.office.store import FOLDER, OfficeStore
from gateway.registry.directory import Departments
from gateway.registry.site import load_departments
from gateway.sdk import Deadline
from gateway.supervision.impact import measure_impact
from gateway.web.emergency_metrics import LadderMetrics

#: Twice a second, so that every worker obeys a new rung within one.
_LOOK_S: Final = 0.5
#: For as long workers may not have heard that an incident is closed.
_LAG_MS: Final = 1000


@final
class LadderWatch:
    """One worker's.

    Attributes:
        ladder: the rungs, as the corridor asks for them.
    """

    def __init__(
        self, store: OfficeStore, departments: Departments, metrics: LadderMetrics
    ) -> None:
        self.ladder: Final = OfficeLadder(store)
        self._departments: Final = departments
        self._metrics: Final = metrics
        self._look()

    async def watch(self) -> None:
        """Learn of changes, until cancelled."""
        while True:
            await asyncio.sleep(_LOOK_S)
            self._look()

    def _look(self) -> None:
        self.ladder.look()
        self._metrics.show(self.ladder.now, self._departments.waiting_counts())


@final
class Emergencies:
    """The incidents and alarms of a site. One command's, made by `open`; or one process's.

    Attributes:
        incidents: with their logs.
        alarms: raised and cleared.
    """

    def __init__(self, site: Site, store: OfficeStore) -> None:
        self._site: Final = site
        self._store: Final = store
        clock = partial(datetime.now, timezone(timedelta(hours=site.config.site.utc_offset_h)))
        self.incidents: Final = IncidentBook(store, clock=clock)
        self.alarms: Final = AlarmBook(store, clock=clock)

    @classmethod
    def open(cls, site: Site) -> Self:
        """Open the site's office store.

        Raises:
            SetupError: it cannot be used.
        """
        return cls(site, OfficeStore.open(site.state / FOLDER))

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    def check_scope(self, scope: str) -> None:
        """See that there is such a department.

        Raises:
            RequestError: SCOPE_UNKNOWN.
        """
        if scope != WHOLE_SITE and scope not in adapters_of(self._site):
            raise RequestError("SCOPE_UNKNOWN")

    def agencies(self, scope: str) -> Collection[str]:
        """As `agencies_of`."""
        return agencies_of(self._site, scope)

    async def record(self, incident: Incident, step: str, deadline: Deadline) -> None:
        """Have the running gateway record a step; who took it and why stands in the incident.

        Raises:
            AuditError: it runs not, or did not record it.
        """
        detail = (
            f"id={incident.id} step={step} scope={incident.scope} rung={incident.rung} "
            f"drill={'yes' if incident.drill else 'no'}"
        )
        await record_happening(self._site.socket, "incident_changed", detail, deadline)

    async def ping(self, deadline: Deadline) -> None:
        """See that a gateway runs, which will have to record; before anything is changed.

        Raises:
            AuditError: none does.
        """
        await ping_log(self._site.socket, deadline)

    def report(self, incident: Incident, log: SeenLog, *, behind: int) -> IncidentReport:
        """What an incident came to.

        Args:
            behind: how many records the index lacks.

        Raises:
            AuditError: the index cannot be read.
        """
        first_ms = parse_ms(incident.opened_at)
        end_ms = int(time.time() * 1000)
        if incident.closed_at is not None:
            end_ms = parse_ms(incident.closed_at)
        last_ms = end_ms + _LAG_MS
        # What was written just before may stand in the log as long behind it as an answer takes.
        late_ms = last_ms + int(self._site.config.lookup.deadline_s * 1000)
        is_whole = not behind or log.newest_ms() > late_ms
        return IncidentReport(
            incident=incident,
            is_final=incident.closed_at is not None and is_whole,
            lasted_s=(end_ms - first_ms) // 1000,
            highest=max((step.rung for step in incident.steps), key=height),
            impact=self._impact(incident.scope, log, first_ms, last_ms, behind),
        )

    def _impact(self, scope: str, log: SeenLog, first_ms: int, last_ms: int, behind: int) -> Impact:
        is_whole = scope == WHOLE_SITE
        return measure_impact(
            log.between(first_ms, last_ms),
            adapter=None if is_whole else scope,
            certificates=() if is_whole else load_departments(self._site).certificates_of(scope),
            indexed=log.size(),
            behind=behind,
        )


def adapters_of(site: Site) -> Collection[str]:
    """Names of the adapters that are in use."""
    return [adapter.name for adapter in site.adapters if adapter.enabled]


def agencies_of(site: Site, scope: str) -> Collection[str]:
    """Agencies that are told of an incident, where no departments are loaded yet.

    Raises:
        SetupError: an adapter cannot be loaded.
    """
    return Scopes(site, load_departments(site)).told_of(scope)


@final
class Scopes(ScopedSite):
    """Whom an incident concerns: agencies with a grant for a certificate of its scope.

    Args:
        departments: loaded from the same adapters.
    """

    def __init__(self, site: Site, departments: Departments) -> None:
        self._site: Final = site
        self._departments: Final = departments

    def scopes_of(self, agency: str) -> tuple[str, ...]:
        """Departments that an agency has a grant for, and the whole site; none without a grant."""
        departments = self._departments
        granted = {each for name, each in self._granted() if name == agency}
        if granted.isdisjoint(departments.certificates):
            return ()
        names = [adapter.name for adapter in self._site.adapters]
        own = (name for name in names if not granted.isdisjoint(departments.certificates_of(name)))
        return (*own, WHOLE_SITE)

    def told_of(self, scope: str) -> Collection[str]:
        """Agencies that are told of an incident: active, and with a grant for the scope."""
        departments = self._departments
        certificates = (
            frozenset(departments.certificates)
            if scope == WHOLE_SITE
            else departments.certificates_of(scope)
        )
        active = {agency.id for agency in self._site.agencies if agency.active}
        return active & {agency for agency, each in self._granted() if each in certificates}

    def has_scope(self, scope: str) -> bool:
        """Whether it is the whole site, or an adapter that is in use."""
        return scope == WHOLE_SITE or scope in adapters_of(self._site)

    def _granted(self) -> Iterator[tuple[str, str]]:
        """Agencies, and the certificates that they have a grant for."""
        for grant in newest_versions(self._site.grants):
            if grant.revoked is None:
                yield grant.agency, grant.certificate
