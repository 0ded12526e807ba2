# SPDX-License-Identifier: Apache-2.0
"""Still asked for although shareable 重复提交材料: which item, unit and material (clause 8.1.3).

A material counts as shareable for a case when the catalogue names a certificate for it, a grant
of that day covers agency, certificate and item, and the department had answered anybody about that
certificate in the days before. Then it was asked for again where

1. the case was closed without one lookup of the certificate, so nobody but the applicant can have
   brought it, or
2. somebody complained that it was demanded.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timezone
from typing import Final, final

import msgspec

from gateway.model.grant import Grant
from gateway.model.instant import parse_ms
from gateway.model.item import ServiceItem
from gateway.model.material import Material
from gateway.model.matter import MatterDraft
from gateway.supervision.monitor import CaseFile, needed_in
from gateway.supervision.replay import find_material, has_grant

_DAY_MS: Final = 86_400_000


class Repeated(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the ranking.

    Attributes:
        agency: the unit that asked for it.
        case_count: cases that were closed without a lookup of it.
        complaint_count: complaints about a demand for it.
        cases: of both.
    """

    item: str
    agency: str
    material: str
    certificate: str
    case_count: int
    complaint_count: int
    cases: tuple[str, ...]


class _Tally:
    """What is counted of one line."""

    def __init__(self) -> None:
        self.closed = set[str]()
        self.complained = list[str]()


@final
class RepeatedRanking:
    """Counts cases and complaints of a span.

    Args:
        items: by code.
        answered_ms: when departments answered, by certificate, in rising order.
        within_days: an answer so many days before counts.
        zone: of the site's days.
    """

    def __init__(
        self,
        items: Mapping[str, ServiceItem],
        grants: Sequence[Grant],
        *,
        answered_ms: Mapping[str, Sequence[int]],
        within_days: int,
        zone: timezone,
    ) -> None:
        self._items: Final = items
        self._grants: Final = grants
        self._answered_ms: Final = answered_ms
        self._within_ms: Final = within_days * _DAY_MS
        self._zone: Final = zone
        self._tallies: Final[defaultdict[tuple[str, str, str, str], _Tally]] = defaultdict(_Tally)

    def take_case(self, file: CaseFile) -> None:
        """Count a closed case."""
        record, item = file.record, file.item
        if item is None or record.closed_at is None or record.result == "withdrawn":
            return
        roles = {holder.role for holder in record.holders}
        asked = {each.certificate for each in file.accesses}
        promised = {each.draft.material for each in file.commitments}
        for material in needed_in(item, record):
            if material.certificate in asked or material.name in promised:
                continue
            if material.holder in roles and self._is_shareable(
                material, record.agency, item.code, record.closed_at
            ):
                self._tally(item.code, record.agency, material).closed.add(record.number)

    def take_complaint(self, draft: MatterDraft) -> None:
        """Count a complaint."""
        item = self._items.get(draft.item or "")
        material = find_material(item, draft.material or "")
        if item is None or material is None or draft.demanded_at is None:
            return
        if self._is_shareable(material, draft.agency, item.code, draft.demanded_at):
            self._tally(item.code, draft.agency, material).complained.append(draft.case or "")

    def ranking(self) -> tuple[Repeated, ...]:
        """The lines, the most frequent first."""
        lines = [
            Repeated(
                item=item,
                agency=agency,
                material=material,
                certificate=certificate,
                case_count=len(tally.closed),
                complaint_count=len(tally.complained),
                cases=tuple(sorted({*tally.closed, *tally.complained})),
            )
            for (item, agency, material, certificate), tally in self._tallies.items()
        ]
        return tuple(
            sorted(
                lines,
                key=lambda line: (
                    -(line.case_count + line.complaint_count),
                    line.item,
                    line.agency,
                    line.material,
                ),
            )
        )

    def _tally(self, item: str, agency: str, material: Material) -> _Tally:
        return self._tallies[item, agency, material.name, material.certificate]

    def _is_shareable(self, material: Material, agency: str, item: str, at: str) -> bool:
        certificate = material.certificate
        if not certificate or not self._has_answered(certificate, parse_ms(at)):
            return False
        return has_grant(self._grants, agency, certificate, item, self._day(at))

    def _has_answered(self, certificate: str, at_ms: int) -> bool:
        times_ms = self._answered_ms.get(certificate, ())
        place = bisect_left(times_ms, at_ms - self._within_ms)
        return place < len(times_ms) and times_ms[place] <= at_ms

    def _day(self, at: str) -> date:
        return datetime.fromisoformat(at).astimezone(self._zone).date()


def answered_times(accesses: Iterable[tuple[str | None, int]]) -> dict[str, list[int]]:
    """When departments answered, by certificate, in rising order.

    Args:
        accesses: certificate and time of what a department answered itself.
    """
    found: defaultdict[str, list[int]] = defaultdict(list)
    for certificate, time_ms in accesses:
        if certificate is not None:
            found[certificate].append(time_ms)
    for times_ms in found.values():
        times_ms.sort()
    return dict(found)
