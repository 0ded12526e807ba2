# SPDX-License-Identifier: Apache-2.0
"""What a worker shows to who asks by a signed request without content: log, receipts, grants."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from gateway.admission.auditors import AuditorDoor
from gateway.admission.signer_door import OpenDoor
from gateway.audit.acts import SignedActs
from gateway.audit.client import SequencerClient
from gateway.audit.published import PublishedLog
from gateway.config import Site
from gateway.ports import RateLimits
from gateway.reload import LiveSite
from gateway.web import certificates
from gateway.web.front import Page
from gateway.web.log_pages import LogPages
from gateway.web.names import default_port
from gateway.web.respond import Responder
from gateway.web.signed_reads import SignedReads


class Reading:
    """One worker's.

    Args:
        clock: aware UTC now.
        nonce_life_s: seconds after `created` at which a signature is too old by itself.

    Attributes:
        pages: of the log.
    """

    def __init__(
        self,
        site: Site,
        live: LiveSite,
        audit: SequencerClient,
        *,
        limits: RateLimits,
        responder: Responder,
        open_door: OpenDoor,
        clock: Callable[[], datetime],
        nonce_life_s: int,
    ) -> None:
        config = site.config
        reads = SignedReads(
            identify=live.identify,
            acts=SignedActs(audit, clock=clock, nonce_life_s=nonce_life_s),
            limits=limits,
            responder=responder,
            x509_required=config.http.client_x509 == "required",
            deadline_s=config.lookup.deadline_s,
            default_port=default_port(config.http),
        )
        self.pages: Final = LogPages(
            PublishedLog(site.state / "audit"),
            auditors=AuditorDoor(site.folder, open_door),
            reads=reads,
            responder=responder,
        )
        self._certificates: Final = certificates.CertificatesDesk(reads, live.offers_of)

    def handlers(self) -> dict[str, tuple[str, Page]]:
        """What the front desk has to know besides, by path."""
        return {certificates.PATH: ("GET", self._certificates)}
