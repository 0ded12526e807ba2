# SPDX-License-Identifier: Apache-2.0
"""The rules of electronic monitoring 电子监察: facts in, suspicions out (clause 8.1.1).

1. A rule is a few lines over what is known of one case, one promise or one matter, and its levels
   are data (`gateway.model.finding`).
2. Lateness is counted in working days behind the day on which something was due or happened; the
   longer it lasts, the higher the level: 预警, 黄牌, 红牌.
3. What nothing tells is no suspicion: the log says what was asked here, not what was handed in on
   paper. A finding is a question to the unit, which is settled with a reason.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timezone
from typing import Final, final

import msgspec

from gateway.model.case import CaseRecord
from gateway.model.commitment import Committed
from gateway.model.deferral import DeferralRecord
from gateway.model.finding import Level, MonitorSection, RuleName, Suspicion
from gateway.model.item import ServiceItem
from gateway.model.material import Material
from gateway.model.matter import Matter
from gateway.model.seen import SeenAccess
from gateway.model.working_day import WorkingDays

#: Outcomes by which a material was had.
_HAD: Final = frozenset({"found", "match"})


class CaseFile(msgspec.Struct, frozen=True):
    """What is known of one case.

    Attributes:
        item: as the catalogue has it now; None where it is no longer there.
        accesses: what was asked for it, as the log has it.
        commitments: that were made in it.
        deferrals: that were opened in it.
    """

    record: CaseRecord
    item: ServiceItem | None
    accesses: Sequence[SeenAccess]
    commitments: Sequence[Committed]
    deferrals: Sequence[DeferralRecord] = ()


@final
class Watch:
    """The rules, on one day.

    Every method raises SetupError where the calendar has no table of a year on the way.

    Args:
        days: the site's calendar.
        zone: of its days.
    """

    def __init__(
        self, section: MonitorSection, *, days: WorkingDays, zone: timezone, today: date
    ) -> None:
        self._section: Final = section
        self._days: Final = days
        self._zone: Final = zone
        self._today: Final = today

    def watch_case(self, file: CaseFile) -> Iterator[Suspicion]:
        """What is suspicious about a case."""
        match file.record.state:
            case "provisional":
                yield from self._watch_provisional(file)
            case "open":
                yield from self._watch_open(file)
            case "closed":
                yield from self._watch_closed(file)

    def watch_commitment(self, known: Committed) -> Iterator[Suspicion]:
        """What is suspicious about a commitment."""
        draft, due_on = known.draft, known.check_due_on
        if due_on is not None and known.is_overdue(self._today):
            yield from self._suspect(
                "check_overdue",
                due_on,
                agency=draft.agency,
                case=draft.number,
                item=draft.item,
                subject=draft.material,
            )

    def watch_deferral(self, known: DeferralRecord) -> Iterator[Suspicion]:
        """What is suspicious about a deferral."""
        if known.state != "closed" and self._today > known.due_on:
            yield from self._suspect(
                "deferral_overdue",
                known.due_on,
                agency=known.agency,
                case=known.case,
                item=known.item,
                subject=known.material,
            )

    def watch_matter(self, matter: Matter, item: ServiceItem | None) -> Iterator[Suspicion]:
        """What is suspicious about a complaint, a ticket, a measure or a request.

        Args:
            item: of the matter.
        """
        draft = matter.draft
        about = {"agency": draft.agency, "case": draft.case or "", "item": draft.item or ""}
        if matter.is_overdue(self._today):
            yield from self._suspect("matter_overdue", draft.due_on, **about, subject=matter.id)
        if draft.kind == "complaint" and item is not None and draft.demanded_at is not None:
            listed = {material.name for material in item.materials}
            if draft.material is not None and draft.material not in listed:
                demanded_on = self._day(draft.demanded_at)
                yield from self._suspect(
                    "demand_outside_list", demanded_on, **about, subject=draft.material
                )

    def _watch_provisional(self, file: CaseFile) -> Iterator[Suspicion]:
        seen_on = self._day(file.record.first_seen_at)
        due_on = self._days.add_working_days(seen_on, self._section.register_working_days)
        yield from self._suspect_late("opened_unregistered", file, due_on)

    def _watch_open(self, file: CaseFile) -> Iterator[Suspicion]:
        opened_on = self._opened_on(file.record)
        if not file.accesses and file.item is not None and _asked_for(file.item, file.record):
            due_on = self._days.add_working_days(opened_on, self._section.first_step_working_days)
            yield from self._suspect_late("step_overdue", file, due_on)
        limit_on = None if file.item is None else file.item.limit.due(opened_on, self._days)
        if limit_on is not None:
            yield from self._suspect_late("limit_overdue", file, limit_on)

    def _watch_closed(self, file: CaseFile) -> Iterator[Suspicion]:
        record = file.record
        closed_on = self._day(record.closed_at or record.first_seen_at)
        if record.result == "refused" and not (record.reason or "").strip():
            yield from self._suspect_case("refusal_unreasoned", file, closed_on)
        if file.item is None or record.result in {"refused", "withdrawn"}:
            return
        promised = {each.draft.material for each in file.commitments if each.result != "false"}
        promised |= {each.material for each in file.deferrals if each.reason != "withdrawn"}
        for material in _asked_for(file.item, record):
            if material.necessity != "required" or material.name in promised:
                continue
            asked = [each for each in file.accesses if each.certificate == material.certificate]
            if asked and not any(each.outcome in _HAD for each in asked):
                yield from self._suspect_case(
                    "accepted_incomplete", file, closed_on, subject=material.name
                )

    def _suspect_late(self, rule: RuleName, file: CaseFile, due_on: date) -> Iterator[Suspicion]:
        if self._today > due_on:
            yield from self._suspect_case(rule, file, due_on)

    def _suspect_case(
        self, rule: RuleName, file: CaseFile, since: date, *, subject: str = ""
    ) -> Iterator[Suspicion]:
        record = file.record
        yield from self._suspect(
            rule,
            since,
            agency=record.agency,
            case=record.number,
            item=record.item,
            subject=subject,
        )

    def _suspect(
        self, rule: RuleName, since: date, *, agency: str, case: str, item: str, subject: str = ""
    ) -> Iterator[Suspicion]:
        if self._section.levels_of(rule).watched:
            yield Suspicion(
                rule=rule,
                agency=agency,
                case=case,
                item=item,
                subject=subject,
                since=since,
                level=self._level(rule, since),
            )

    def _level(self, rule: RuleName, since: date) -> Level:
        levels = self._section.levels_of(rule)
        late = self._days.count_between(since, self._today)
        if levels.first == "red" or late >= levels.red_working_days:
            return "red"
        if levels.first == "yellow" or late >= levels.yellow_working_days:
            return "yellow"
        return "notice"

    def _opened_on(self, record: CaseRecord) -> date:
        return self._day(record.opened_at or record.first_seen_at)

    def _day(self, at: str) -> date:
        return datetime.fromisoformat(at).astimezone(self._zone).date()


def needed_in(item: ServiceItem, record: CaseRecord) -> tuple[Material, ...]:
    """The materials of a case; where its situation is not known, those that are always needed."""
    known = {situation.code for situation in item.situations}
    return item.materials_in(record.situation if record.situation in known else None)


def _asked_for(item: ServiceItem, record: CaseRecord) -> list[Material]:
    """Those about which a department can be asked for a holder of the case."""
    roles = {holder.role for holder in record.holders}
    return [
        material
        for material in needed_in(item, record)
        if material.certificate and material.holder in roles
    ]
