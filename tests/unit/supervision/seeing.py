# SPDX-License-Identifier: Apache-2.0
"""Synthetic accesses, matters, findings and cases; each test changes what it is about."""

from datetime import date
from typing import Any

import msgspec

from gateway.model.case import CaseRecord, ShownParty
from gateway.model.finding import Finding, FindingStep, Suspicion
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


def suspicion(**changes: Any) -> Suspicion:
    """That a case is open beyond its limit, a little."""
    plain = Suspicion(
        rule="limit_overdue",
        agency="yq-gjj",
        case="YQ20261122-0001",
        item="yq-gjj-001",
        since=date(2026, 11, 25),
        level="yellow",
    )
    return msgspec.structs.replace(plain, **changes)


def finding(**changes: Any) -> Finding:
    """An open finding of a suspicion."""
    about = suspicion(**changes)
    return Finding(
        id="F-2026-000001",
        level=about.level,
        state="open",
        about=about,
        steps=(FindingStep("2026-11-26T01:00:00Z", "found", about.level),),
    )


def record(**changes: Any) -> CaseRecord:
    """An open case of an applicant, opened on Monday, 23 November 2026."""
    plain = CaseRecord(
        agency="yq-gjj",
        number="YQ20261122-0001",
        state="open",
        version=1,
        item="yq-gjj-001",
        holders=(ShownParty("applicant", "cn-id", "140*************17"),),
        first_seen_at="2026-11-23T01:00:00Z",
        opened_at="2026-11-23T01:00:00Z",
        registered_at="2026-11-23T01:00:00Z",
    )
    return msgspec.structs.replace(plain, **changes)


def closed(**changes: Any) -> CaseRecord:
    """The same, closed on the Tuesday."""
    return record(**({"state": "closed", "closed_at": "2026-11-24T08:00:00Z"} | changes))
