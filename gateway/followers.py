# SPDX-License-Identifier: Apache-2.0
"""What runs beside the sequencer and the workers, and writes no log: notary and clerk."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from gateway import keyring
from gateway.audit.notary import serve_notary
from gateway.audit.notary_plan import NotaryPlan, load_plan
from gateway.clerking import needs_clerk, run_clerk
from gateway.config import Site
from gateway.web.metrics import NotaryMetrics


def followers(site: Site) -> Mapping[str, Callable[..., Awaitable[None]]]:
    """Those that the site needs, by the name of their process."""
    section = site.config.audit
    found: dict[str, Callable[..., Awaitable[None]]] = {}
    if section.witness_policy is not None or section.timestamps is not None:
        found["notary"] = run_notary
    if needs_clerk(site):
        found["clerk"] = run_clerk
    return found


async def run_notary(
    site: Site, *, quit_event: asyncio.Event, on_ready: Callable[[], None]
) -> None:
    """Collect cosignatures and timestamps until `quit_event`."""
    await serve_notary(
        site.state / "audit",
        notary_plan(site),
        quit_event=quit_event,
        on_ready=on_ready,
        on_look=NotaryMetrics().show,
    )


def notary_plan(site: Site) -> NotaryPlan:
    """Who vouches for the log.

    Raises:
        SetupError: a file that cannot be read, or that does not fit.
    """
    return load_plan(site.config.audit, site.folder, keyring.log_signer(site).public)
