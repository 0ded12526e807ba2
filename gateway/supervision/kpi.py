# SPDX-License-Identifier: Apache-2.0
"""The figures of a month, department by department (clause 8.3.2); all of them from the log.

`METHOD` stands in every report, so that a figure can be checked, and made again, by whoever has
the log.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, tzinfo
from typing import Final

import msgspec

from gateway.model.item import ServiceItem
from gateway.model.matter import Matter
from gateway.model.seen import SeenAccess

METHOD: Final[Mapping[str, str]] = {
    "asked": "lookups that the gateway permitted and passed to the department 送达部门的查询",
    "availability": "answered / asked 应答率; nothing asked: empty",
    "error_share": "(asked - answered) / asked 差错率, with the codes counted",
    "p50_ms, p95_ms": "nearest rank over the milliseconds of answered calls 应答耗时",
    "stale": "answers from a stale copy: the department did not answer, or was spared 过期数据",
    "cached": "answers from the cache, not counted as asked 缓存应答",
    "overdue": "matters of the department whose due day lies in the month and has passed, and that "
    "were answered later or not yet; by the site's days 逾期未复",
    "items_not_using": "items in force with a material that the department's certificates replace, "
    "without one lookup of it in the month 未使用共享数据的事项",
    "repeated": "cases closed without a lookup of a material that was shareable, and complaints "
    "about one 重复提交材料",
}


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """One department's month. Members are as `METHOD` says; shares have four places."""

    department: str
    asked_count: int
    answered_count: int
    availability: float | None
    error_share: float | None
    p50_ms: int | None
    p95_ms: int | None
    stale_count: int
    cached_count: int
    codes: dict[str, int]
    overdue: tuple[str, ...] = ()
    items_not_using: tuple[str, ...] = ()


class _Tally:
    """What is counted of one department."""

    def __init__(self) -> None:
        self.times_ms: Final[list[int]] = []
        self.answered_count = 0
        self.codes: Final = Counter[str]()
        self.stale_count = 0
        self.cached_count = 0


def measure(
    accesses: Iterable[SeenAccess],
    *,
    certificates: Mapping[str, str],
    items: Iterable[ServiceItem],
    matters: Iterable[Matter],
    first: date,
    last: date,
    zone: tzinfo,
    today: date,
) -> tuple[Figures, ...]:
    """The figures of every department, by name.

    Args:
        accesses: of the month.
        certificates: department by certificate.
        items: that are published.
        matters: of any kind.
        first: day of the month.
        last: day of the month.
        zone: of the site's days.
        today: in that zone; what is due by it or later is not late yet.
    """
    tallies = {name: _Tally() for name in certificates.values()}
    used = set[tuple[str | None, str | None]]()
    for access in accesses:
        used.add((access.item, access.certificate))
        name = access.adapter or certificates.get(access.certificate or "")
        if name is not None and access.result == "permit":
            _count(tallies.setdefault(name, _Tally()), access)
    in_force = [
        item
        for item in items
        if item.status == "published" and any(item.is_in_force(day) for day in (first, last))
    ]
    late = [
        each
        for each in matters
        if first <= each.draft.due_on <= last and _is_late(each, zone, today)
    ]
    return tuple(
        _figures(
            name,
            tallies[name],
            overdue=tuple(each.id for each in late if each.draft.department == name),
            unused=tuple(sorted(_unused(in_force, name, certificates, used))),
        )
        for name in sorted(tallies)
    )


def _count(tally: _Tally, access: SeenAccess) -> None:
    match access.served_from:
        case "cache":
            tally.cached_count += 1
        case "stale":
            tally.stale_count += 1
            if access.adapter_ms is not None:  # the department was asked first, and did not answer
                tally.codes["STALE"] += 1
        case None:
            if access.is_failed:
                tally.codes[access.code or access.outcome] += 1
        case _:
            tally.answered_count += 1
            if access.adapter_ms is not None:
                tally.times_ms.append(access.adapter_ms)


def _figures(
    name: str, tally: _Tally, *, overdue: tuple[str, ...], unused: tuple[str, ...]
) -> Figures:
    answered, failed = tally.answered_count, tally.codes.total()
    asked = answered + failed
    times_ms = sorted(tally.times_ms)
    return Figures(
        department=name,
        asked_count=asked,
        answered_count=answered,
        availability=round(answered / asked, 4) if asked else None,
        error_share=round(failed / asked, 4) if asked else None,
        p50_ms=nearest_rank(times_ms, 50),
        p95_ms=nearest_rank(times_ms, 95),
        stale_count=tally.stale_count,
        cached_count=tally.cached_count,
        codes=dict(sorted(tally.codes.items())),
        overdue=overdue,
        items_not_using=unused,
    )


def nearest_rank(ordered: Sequence[int], percent: int) -> int | None:
    """The smallest value that at least so many in a hundred do not exceed; None of none."""
    return ordered[-(-len(ordered) * percent // 100) - 1] if ordered else None


def _is_late(matter: Matter, zone: tzinfo, today: date) -> bool:
    if matter.answered_at is None:
        return matter.is_overdue(today)
    return datetime.fromisoformat(matter.answered_at).astimezone(zone).date() > matter.draft.due_on


def _unused(
    items: Iterable[ServiceItem],
    department: str,
    certificates: Mapping[str, str],
    used: set[tuple[str | None, str | None]],
) -> Iterable[str]:
    for item in items:
        for material in item.materials:
            certificate = material.certificate
            if not certificate or certificates.get(certificate) != department:
                continue
            if (item.code, certificate) not in used:
                yield f"{item.code}: {material.name}"
