# SPDX-License-Identifier: Apache-2.0
"""What a worker needs to show the log: what is published, who reads, where that is recorded."""

from collections.abc import Callable
from datetime import datetime

from gateway.admission.auditors import AuditorDoor
from gateway.admission.signer_door import OpenDoor
from gateway.audit.acts import SignedActs
from gateway.audit.client import SequencerClient
from gateway.audit.published import PublishedLog
from gateway.config import Site
from gateway.ports import RateLimits
from gateway.web.log_pages import Identify, LogPages
from gateway.web.names import default_port
from gateway.web.respond import Responder


def make_log_pages(
    site: Site,
    identify: Identify,
    audit: SequencerClient,
    *,
    limits: RateLimits,
    responder: Responder,
    open_door: OpenDoor,
    clock: Callable[[], datetime],
    nonce_life_s: int,
) -> LogPages:
    """Make the pages of the log.

    Args:
        clock: aware UTC now.
        nonce_life_s: seconds after `created` at which a signature is too old by itself.
    """
    config = site.config
    return LogPages(
        PublishedLog(site.state / "audit"),
        identify=identify,
        auditors=AuditorDoor(site.folder, open_door),
        acts=SignedActs(audit, clock=clock, nonce_life_s=nonce_life_s),
        limits=limits,
        responder=responder,
        x509_required=config.http.client_x509 == "required",
        deadline_s=config.lookup.deadline_s,
        default_port=default_port(config.http),
    )
