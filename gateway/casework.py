# SPDX-License-Identifier: Apache-2.0
"""What a worker needs for cases: the office store, the rules, the record, the desks."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Final

from gateway import keyring
from gateway.audit.cases import CaseActs
from gateway.audit.client import SequencerClient
from gateway.config import Site
from gateway.errors import StoreError
from gateway.exchange.case_requests import CaseRequests
from gateway.exchange.cases import Cases
from gateway.exchange.commitments import CaseCommitments
from gateway.exchange.deferrals import Deferrals
from gateway.exchange.lookup import Lookup
from gateway.exchange.materials import Materials
from gateway.exchange.plan import Planner
from gateway.log import report_fault
from gateway.office.cases import SqliteCaseBook
from gateway.office.commitments import CommitmentBook
from gateway.office.deferrals import SqliteDeferralBook
from gateway.office.obtained import ObtainedBook
from gateway.office.store import FOLDER as OFFICE
from gateway.office.store import OfficeStore
from gateway.policy.cases import CasePolicy
from gateway.ports import AdapterDirectory, Catalog, Epochs, RateLimits
from gateway.web.cases import FOLDER, CaseDesk
from gateway.web.deferrals import CaseFolder, DeferralDesk
from gateway.web.front import Folder, Page
from gateway.web.names import default_port
from gateway.web.respond import Responder
from gateway.web.signed_posts import MATERIALS, Identify, SignedPost


def open_case_book(site: Site) -> tuple[OfficeStore, SqliteCaseBook]:
    """The site's cases, and the store to close after use.

    Raises:
        SetupError: the store or its key cannot be used.
    """
    cipher = keyring.office_cipher(site)
    store = OfficeStore.open(site.state / OFFICE)
    return store, SqliteCaseBook(store, cipher, clock_s=time.time)


def make_deferral_book(site: Site, store: OfficeStore) -> SqliteDeferralBook:
    """The deferrals in the site's store.

    Raises:
        SetupError: the store's key cannot be used.
    """
    return SqliteDeferralBook(store, keyring.office_cipher(site), clock_s=time.time)


class Casework:
    """One worker's.

    Args:
        clock: aware UTC now.
        nonce_life_s: seconds after `created` at which a signature is too old by itself.

    Attributes:
        store: the office store; others keep what is going on there, too.
        book: the cases in it.
        deferrals: the deferrals in it.
        gate: checks lookups against their cases.

    Raises:
        SetupError: as `open_case_book`.
    """

    def __init__(
        self,
        site: Site,
        audit: SequencerClient,
        *,
        epochs: Epochs,
        clock: Callable[[], datetime],
        nonce_life_s: int,
    ) -> None:
        self._site: Final = site
        self._clock: Final = clock
        self._nonce_life_s: Final = nonce_life_s
        self.store, self.book = open_case_book(site)
        self.deferrals: Final = make_deferral_book(site, self.store)
        section = site.config.cases
        self.gate: Final = CasePolicy(
            self.book,
            registration=section.registration,
            within_minutes=section.within_minutes,
            clock_s=time.time,
        )
        self._commitments: Final = CommitmentBook(
            self.store,
            days=site.calendar,
            exclusion_years=section.exclusion_years,
            clock=clock,
            utc_offset_h=site.config.site.utc_offset_h,
        )
        self._acts: Final = CaseActs(audit, epochs=epochs, clock=clock, nonce_life_s=nonce_life_s)

    @property
    def state(self) -> str:
        """`ok`, or the code of what is wrong with the store."""
        try:
            self.store.change_count()
        except StoreError as error:
            return error.code
        return "ok"

    def requests(self, limits: RateLimits) -> CaseRequests:
        """Answers what belongs to a case, on record."""
        x509_required = self._site.config.http.client_x509 == "required"
        return CaseRequests(self._acts, limits, x509_required=x509_required, on_fault=report_fault)

    def planner(self, catalog: Catalog) -> Planner:
        """Makes plans of the cases in the store."""
        zone = timezone(timedelta(hours=self._site.config.site.utc_offset_h))
        return Planner(catalog, self.book, zone)

    def folders(
        self,
        identify: Identify,
        catalog: Catalog,
        limits: RateLimits,
        responder: Responder,
        *,
        departments: AdapterDirectory,
    ) -> dict[str, Folder]:
        """What the front desk has to know, by path."""
        config = self._site.config
        requests = self.requests(limits)
        cases = Cases(
            book=self.book,
            gate=self.gate,
            requests=requests,
            catalog=catalog,
            clock=self._clock,
            utc_offset_h=config.site.utc_offset_h,
            clock_window_s=config.lookup.clock_window_s,
        )
        commitments = CaseCommitments(
            book=self.book,
            commitments=self._commitments,
            requests=requests,
            catalog=catalog,
            clock=self._clock,
            utc_offset_h=config.site.utc_offset_h,
        )
        deferrals = Deferrals(
            book=self.deferrals,
            cases=self.book,
            requests=requests,
            planner=self.planner(catalog),
            departments=departments,
            days=self._site.calendar,
            clock=self._clock,
            utc_offset_h=config.site.utc_offset_h,
            first_pause_s=config.orders.first_pause_s,
            remind_working_days=config.orders.remind_working_days,
        )
        deadline_s, port = config.lookup.deadline_s, default_port(config.http)
        desk = CaseDesk(
            identify,
            cases,
            commitments,
            responder=responder,
            deadline_s=deadline_s,
            default_port=port,
        )
        below = DeferralDesk(
            identify, deferrals, responder=responder, deadline_s=deadline_s, default_port=port
        )
        return {FOLDER: CaseFolder(desk, below)}

    def handlers(
        self,
        identify: Identify,
        catalog: Catalog,
        limits: RateLimits,
        responder: Responder,
        *,
        lookup: Lookup,
        departments: AdapterDirectory,
    ) -> dict[str, tuple[str, Page]]:
        """What the front desk has to know besides, by path."""
        config = self._site.config
        desk = SignedPost(
            MATERIALS,
            identify,
            Materials(
                lookup=lookup,
                log=self._acts,
                book=self.book,
                deferrals=self.deferrals,
                commitments=self._commitments,
                catalog=catalog,
                departments=departments,
                limits=limits,
                obtained=ObtainedBook(self.store, clock_s=time.time),
                days=self._site.calendar,
                clock=self._clock,
                utc_offset_h=config.site.utc_offset_h,
                nonce_life_s=self._nonce_life_s,
                x509_required=config.http.client_x509 == "required",
                on_fault=report_fault,
            ),
            responder=responder,
            deadline_s=config.lookup.deadline_s,
            default_port=default_port(config.http),
        )
        return {MATERIALS[0]: ("POST", desk)}
