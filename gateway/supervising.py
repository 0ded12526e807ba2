# SPDX-License-Identifier: Apache-2.0
"""What supervision needs of a site: its books, its calendar, and what the log can tell."""

import time
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import partial
from typing import Final, Self, final

from gateway import keyring
from gateway.audit.happenings import ping_log, record_happening
from gateway.audit.seen import SeenLog
from gateway.config import Site
from gateway.crypto.office import OfficeCipher
from gateway.errors import RequestError, StoreError
from gateway.frozen_reports import FrozenReports
from gateway.matter_port import ReportForm, SupervisedSite
from gateway.model.act import Happening
from gateway.model.case import CaseFacts
from gateway.model.holder import Holder
from gateway.model.instant import parse_ms
from gateway.model.matter import MatterKind, Metric, Replay
from gateway.office.cases import SqliteCaseBook
from gateway.office.commitments import CommitmentBook
from gateway.office.deferrals import SqliteDeferralBook
from gateway.office.evaluations import EvaluationBook
from gateway.office.findings import FindingBook
from gateway.office.matters import MatterBook
from gateway.office.store import OfficeStore
from gateway.sdk import Deadline
from gateway.supervision.kpi import measure
from gateway.supervision.life import advance
from gateway.supervision.replay import find_material, has_grant, replay

OFFICE: Final = "office"
_MINUTE_MS: Final = 60_000


@final
class Supervision(SupervisedSite):
    """One command's, made by `open`; or one worker's, over the store that it has open.

    Attributes:
        cases: those that agencies registered.
        matters: complaints, tickets, measures and correction requests.
        evaluations: one a case.
        commitments: with their check tasks.
        deferrals: materials that come later.
        findings: of monitoring.
    """

    def __init__(self, site: Site, store: OfficeStore, cipher: OfficeCipher) -> None:
        self._site: Final = site
        self._store: Final = store
        self._cipher: Final = cipher
        self._zone: Final = timezone(timedelta(hours=site.config.site.utc_offset_h))
        self._clock: Final = partial(datetime.now, self._zone)
        self.cases: Final = SqliteCaseBook(store, cipher, clock_s=time.time)
        self.matters: Final = MatterBook(store, advance=advance, clock=self._clock)
        self.evaluations: Final = EvaluationBook(store, clock=self._clock)
        self.deferrals: Final = SqliteDeferralBook(store, cipher, clock_s=time.time)
        self.findings: Final = FindingBook(store, clock=self._clock)
        self.commitments: Final = CommitmentBook(
            store,
            days=site.calendar,
            exclusion_years=site.config.cases.exclusion_years,
            clock=self._clock,
            utc_offset_h=site.config.site.utc_offset_h,
        )

    @classmethod
    def open(cls, site: Site) -> Self:
        """Open the site's office store.

        Raises:
            SetupError: the store or its key cannot be used.
        """
        cipher = keyring.office_cipher(site)
        return cls(site, OfficeStore.open(site.state / OFFICE), cipher)

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    @property
    def zone(self) -> tzinfo:
        """Of the site's days, months and years."""
        return self._zone

    def today(self) -> date:
        """The day in the site's zone."""
        return self._clock().date()

    def due(self, working_days: int) -> date:
        """The day by which something is due that starts now.

        Raises:
            SetupError: a year on the way has no table.
        """
        return self._site.calendar.add_working_days(self.today(), working_days)

    def due_of(self, kind: MatterKind) -> date:
        """The day by which a matter of that kind is due that starts now.

        Raises:
            SetupError: a year on the way has no table.
        """
        section = self._site.config.supervision
        match kind:
            case "complaint":
                return self.due(section.complaint_working_days)
            case "rating":
                return self.due(section.rating_working_days)
            case "corrective":
                return self.due(section.corrective_working_days)
            case "correction":
                return self.due(section.correction_working_days)

    def item_of(self, agency: str, case: str) -> str | None:
        """The item of a known case."""
        facts = self.cases.facts(agency, case)
        return None if facts is None else facts.item

    def applicant_of(self, agency: str, case: str) -> Holder | None:
        """Whom a case is of."""
        parties = self.cases.parties(agency, case)
        return next((each.holder for each in parties if each.role == "applicant"), None)

    def adapter_of(self, certificate: str) -> str | None:
        """The adapter that hands a certificate out; None where none does."""
        name = certificate.partition(".")[0]
        return name if name in {each.name for each in self._site.adapters} else None

    def knows(self, agency: str, adapter: str) -> bool:
        """Whether both are of this site."""
        return agency in {each.id for each in self._site.agencies} and adapter in {
            each.name for each in self._site.adapters
        }

    def report(self, month: str, form: ReportForm) -> bytes | None:
        """The frozen report of a month; None where it was not made.

        Raises:
            StoreError: it is there and cannot be read.
        """
        try:
            return FrozenReports(self._site.state).read(month, form)
        except OSError as error:
            raise StoreError("OFFICE_UNAVAILABLE", f"the report: {error.strerror}") from None

    def evaluator(self, agency: str, case: str, holder: Holder) -> bytes:
        """The keyed digest of who evaluates; it has to be one of the case's own people.

        Raises:
            RequestError: CASE_ABSENT, CASE_HOLDER_MISMATCH.
        """
        facts: CaseFacts | None = self.cases.facts(agency, case)
        if facts is None:
            raise RequestError("CASE_ABSENT")
        if not self.cases.roles_of(facts, holder):
            raise RequestError("CASE_HOLDER_MISMATCH", "who evaluates belongs to the case")
        return self._cipher.digest(f"evaluator:{holder.scheme}:{holder.number}".encode())

    def replay(
        self, log: SeenLog, *, agency: str, case: str, item: str, material: str, demanded_at: str
    ) -> Replay:
        """What the log and the lists know about a demand; they are as they are now.

        Raises:
            AuditError: the index cannot be read.
        """
        demanded_ms = parse_ms(demanded_at)
        span_ms = self._site.config.supervision.replay_minutes * _MINUTE_MS
        known = {each.code: each for each in self._site.items}.get(item)
        found = find_material(known, material)
        certificate = None if found is None else found.certificate or None
        day = self._day(datetime.fromtimestamp(demanded_ms / 1000, UTC))
        first_ms, last_ms = demanded_ms - span_ms, demanded_ms + span_ms
        return replay(
            material,
            known,
            granted=has_grant(self._site.grants, agency, certificate, item, day),
            demanded_ms=demanded_ms,
            of_case=list(log.of_case(agency, case, until_ms=last_ms)),
            around=[] if certificate is None else list(log.between(first_ms, last_ms, certificate)),
            indexed=log.size(),
        )

    def figure(self, log: SeenLog, department: str, metric: Metric, days: int) -> float | None:
        """A department's figure of the last days; None where it was not asked.

        Raises:
            AuditError: the index cannot be read.
        """
        now = self._clock()
        first = now - timedelta(days=days)
        figures = measure(
            log.between(parse_ms(str(first)), parse_ms(str(now))),
            certificates={},
            items=(),
            matters=(),
            first=first.date(),
            last=now.date(),
            zone=self._zone,
            today=now.date(),
        )
        found = next((each for each in figures if each.department == department), None)
        return None if found is None else getattr(found, metric)

    async def record(self, happening: Happening, detail: str, deadline: Deadline) -> None:
        """Have the running gateway record what was done.

        Raises:
            AuditError: it runs not, or did not record it.
        """
        await record_happening(self._site.socket, happening, detail, deadline)

    async def ping(self, deadline: Deadline) -> None:
        """See that a gateway runs, which will have to record; before anything is changed.

        Raises:
            AuditError: none does.
        """
        await ping_log(self._site.socket, deadline)

    def _day(self, at: datetime) -> date:
        return at.astimezone(self._zone).date()
