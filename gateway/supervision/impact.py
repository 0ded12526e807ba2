# SPDX-License-Identifier: Apache-2.0
"""Whom an incident hit: counted from the log afterwards, and from nothing else."""

from collections import Counter
from collections.abc import Collection, Iterable

from gateway.model.incident import Impact
from gateway.model.seen import SeenAccess


def measure_impact(
    accesses: Iterable[SeenAccess],
    *,
    adapter: str | None,
    certificates: Collection[str],
    indexed: int,
    behind: int,
) -> Impact:
    """Count what happened to the accesses of an incident's time.

    Args:
        adapter: of the department that it was about; None for all.
        certificates: that the adapter answers: who was not asked stands in no record.
    """
    permitted = unavailable = stale = 0
    cases, agencies, codes = set[tuple[str, str]](), set[str](), Counter[str]()
    for access in accesses:
        if access.result != "permit" or not _is_of(access, adapter, certificates):
            continue
        permitted += 1
        if access.outcome == "unavailable":
            unavailable += 1
            codes[access.code or access.outcome] += 1
        elif access.served_from == "stale":
            stale += 1
        else:
            continue
        agencies.add(access.agency)
        if access.case is not None:
            cases.add((access.agency, access.case))
    return Impact(
        access_count=permitted,
        unavailable_count=unavailable,
        stale_count=stale,
        case_count=len(cases),
        agency_count=len(agencies),
        codes=dict(sorted(codes.items())),
        indexed=indexed,
        behind=behind,
    )


def _is_of(access: SeenAccess, adapter: str | None, certificates: Collection[str]) -> bool:
    if adapter is None or access.adapter == adapter:
        return True
    return access.adapter is None and access.certificate in certificates
