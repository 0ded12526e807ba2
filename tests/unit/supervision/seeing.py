# SPDX-License-Identifier: Apache-2.0
"""Synthetic accesses and matters; each test changes what it is about."""

from datetime import date
from typing import Any

import msgspec

from gateway.model.matter import Matter, MatterDraft
from gateway.model.seen import SeenAccess

CERTIFICATE = "public_security.identity"
NOON_MS = 1_795_320_000_000
MINUTE_MS = 60_000


def seen(**changes: Any) -> SeenAccess:
    """A lookup that its department answered, a minute before noon."""
    plain = SeenAccess(
        index=7,
        time_ms=NOON_MS - MINUTE_MS,
        agency="yq-gjj",
        item="yq-gjj-001",
        case="YQ20261122-0001",
        certificate=CERTIFICATE,
        result="permit",
        outcome="found",
        served_from="source",
        adapter="public_security",
        adapter_ms=12,
    )
    return msgspec.structs.replace(plain, **changes)


def unanswered(**changes: Any) -> SeenAccess:
    """A lookup that its department did not answer."""
    failed = {"outcome": "unavailable", "served_from": None, "code": "PROVIDER_UNAVAILABLE"}
    return seen(**(failed | changes))


def matter(**changes: Any) -> Matter:
    """An open complaint."""
    draft = MatterDraft(
        kind="complaint",
        agency="yq-gjj",
        words="要求提交身份证复印件",
        by="12345",
        due_on=date(2026, 12, 3),
    )
    return Matter(
        id="C-2026-000001",
        state="open",
        opened_at="2026-11-26T01:00:00Z",
        draft=msgspec.structs.replace(draft, **changes),
    )
