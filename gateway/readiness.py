# SPDX-License-Identifier: Apache-2.0
"""Whether a worker can serve, and each of its dependencies by name."""

from collections.abc import Mapping
from typing import Final

from gateway.audit.client import SequencerClient
from gateway.audit.epoch import LiveEpochs
from gateway.audit.health import audit_health
from gateway.config import Site
from gateway.errors import AuditError
from gateway.ports import Forgetful
from gateway.registry.directory import Departments
from gateway.reload import LiveSite
from gateway.sdk import Deadline
from gateway.web.tls import LiveTLS

#: Seconds in which a sequencer that works has answered.
_PING_S: Final = 1.0


async def readiness(
    site: Site,
    audit: SequencerClient,
    departments: Departments,
    *,
    cache: Forgetful,
    live: LiveSite,
    epochs: LiveEpochs,
    tls: LiveTLS | None,
    office: str,
    ladder: str,
) -> tuple[bool, Mapping[str, str]]:
    """Ready means: lookups can be recorded.

    Departments, a shared cache or an office store that is away, and a stale site are only told.

    Args:
        office: `ok`, or the code of what is wrong with the office store.
        ladder: `normal`, or the rungs that are above it.
    """
    try:
        await audit.ping(Deadline.after(_PING_S))
        recorded = "ok"
    except AuditError as error:
        recorded = error.code
    parts = {"audit": recorded, **audit_health(site.state / "audit", site.config.audit)}
    parts |= {"epoch": epochs.state, "site": live.state, "office": office}
    parts["ladder"] = ladder
    if (shared := cache.state().store) != "none":
        parts["cache"] = shared
    if tls is not None:
        parts["tls"] = tls.state
    parts |= {f"adapter:{name}": state for name, state in (await departments.health()).items()}
    return recorded == "ok", parts
