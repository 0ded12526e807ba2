# SPDX-License-Identifier: Apache-2.0
"""The log's surroundings in words, for /readyz: room, witnesses, timestamps."""

import time
from pathlib import Path

from gateway.audit.index.follow import index_state
from gateway.audit.lateness import Grace, witness_state
from gateway.audit.space import format_space, measure_space
from gateway.errors import AuditError
from gateway.model.audit_site import AuditSection


def audit_health(folder: Path, section: AuditSection) -> dict[str, str]:
    """What stands well and what does not, by name; only what is configured is named.

    Args:
        folder: of the log.
    """
    try:
        found = {"disk": format_space(measure_space(folder, section))}
    except AuditError as error:
        found = {"disk": error.code}
    if section.index:
        found["index"] = index_state(folder, folder.with_name("index"))
    if section.witness_policy is not None:
        found["witness"] = witness_state(folder, time.time())
    if section.timestamps is not None:
        found["timestamps"] = Grace(folder, section.timestamps).look()
    return found
