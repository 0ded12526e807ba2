# SPDX-License-Identifier: Apache-2.0
"""The citizen report 查阅报告: who looked at my data, when, for what, and what they were told.

PIPL art. 44 and 45: a person has the right to know how personal information is processed, and to a
copy. Rules:

1. It is made of the log itself, record by record, not of the search index: what the log says cannot
   be left out by an index that is behind or was changed.
2. A record belongs to the report only if its blind index equals the holder's under the keys of the
   record's own epoch.
3. What a report may show is said by the item (`disclosure`): at once, after some days, never. A
   permitted access for an item that the list does not know any more is withheld. Whatever is
   withheld is counted, and neither it nor auditors' acts about it are described. An act about a
   record that cannot be found any more is withheld, too: its class can no longer be told.
4. No operator, no auditor is named; the operator's id stands in a report for internal use only.
5. Epochs whose keys were destroyed are named: their records cannot be found any more, by nobody.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

import msgspec

from gateway.audit.report_words import READINGS, Language, Words
from gateway.crypto.identity import EpochCipher
from gateway.errors import TrustError
from gateway.model.act import Act
from gateway.model.entry import Entry
from gateway.model.holder import Holder
from gateway.model.instant import format_time_s
from gateway.model.item import ServiceItem
from gateway.model.record import Record, parse_record

# The form is deterministic, and quotes inside texts are escaped: no text can look like a mark.
_MARK: Final = re.compile(rb'"holder":\{"epoch":"([^"]+)","scheme":"[^"]+","ix":"([^"]+)"')
_ACT: Final = b'{"v":1,"kind":"act",'
Lines = Iterable[tuple[int, bytes]]


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """One access, in words.

    Attributes:
        record: its index in the log, by which an auditor finds and proves it.
        local: time in the site's zone, with the zone.
        fields: released, or else asked for.
        operator: id; None in a report for the holder.
    """

    record: int
    local: str
    utc: str
    agency: str
    division: str | None
    item: str | None
    purpose: str | None
    certificate: str | None
    department: str | None
    operation: str | None
    fields: tuple[str, ...]
    permitted: bool
    outcome: str
    operator: str | None = None


class Case(msgspec.Struct, frozen=True):
    """All accesses of one case of one agency, oldest first; `case` is None where none was named."""

    case: str | None
    agency: str
    accesses: tuple[Access, ...]


class Reading(msgspec.Struct, frozen=True):
    """An auditor's act about the holder 审计查阅."""

    record: int
    local: str
    utc: str
    act: str


class Gone(msgspec.Struct, frozen=True):
    """An epoch that nobody can look into.

    Attributes:
        erased: when its erasure was recorded; None where the log has no record of one.
    """

    epoch: str
    erased: str | None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a report says.

    Attributes:
        records: number of records of the log that were looked through.
        epochs: in which holders can still be found.
        withheld_count: accesses and acts that may not be shown, or not yet.
    """

    language: Language
    site: str
    origin: str
    holder: str
    made: str
    records: int
    epochs: tuple[str, ...]
    gone: tuple[Gone, ...]
    cases: tuple[Case, ...]
    readings: tuple[Reading, ...]
    withheld_count: int

    @property
    def access_count(self) -> int:
        """Accesses shown."""
        return sum(len(case.accesses) for case in self.cases)


class Found(msgspec.Struct, frozen=True):
    """What the log holds about one holder; nothing is left out yet.

    Attributes:
        acts: every act of the log that could be a reading, with whether it names the holder.
        erasures: time of the recorded erasure by epoch.
        epochs: that occur in the log; False where the keys are gone.
    """

    entries: list[tuple[int, Entry]] = []
    acts: list[tuple[int, Act, bool]] = []
    erasures: dict[str, str] = {}
    epochs: dict[str, bool] = {}
    size: int = 0


def find_records(
    lines: Lines, holder: Holder, cipher_of: Callable[[str], EpochCipher | None]
) -> Found:
    """Look through the whole log.

    Args:
        lines: indices and bytes of all records.
        cipher_of: the keys of an epoch; None where they are gone.

    Raises:
        TrustError: a record that is none.
    """
    found, size = Found(), 0
    wanted: dict[bytes, bytes | None] = {}
    for index, line in lines:
        size = index + 1
        mine = False
        if (mark := _MARK.search(line)) is not None:
            epoch = mark[1]
            if epoch not in wanted:
                cipher = cipher_of(epoch.decode())
                wanted[epoch] = cipher and cipher.index_of(holder.scheme, holder.number).encode()
                found.epochs[epoch.decode()] = cipher is not None
            mine = wanted[epoch] == mark[2]
        if not mine and not line.startswith(_ACT):
            continue
        match _parse(index, line):
            case Entry() as entry:
                found.entries.append((index, entry))
            case Act(action="erase", subject=str(subject), outcome="done") as act:
                found.erasures[subject.removeprefix("epoch:")] = act.time
            case Act() as act if act.action in READINGS:
                found.acts.append((index, act, mine))
    return msgspec.structs.replace(found, size=size)


def _parse(index: int, line: bytes) -> Record:
    try:
        return parse_record(line)
    except ValueError as error:
        raise TrustError("PROOF_INVALID", f"record {index}: {error}") from None


def make_report(
    found: Found,
    holder: Holder,
    words: Words,
    *,
    site: str,
    origin: str,
    now: datetime,
    utc_offset_h: float,
    internal: bool = False,
) -> Report:
    """Leave out what may not be shown, and put the rest in words.

    Args:
        words: of the report's language, with the site's names.
        now: aware; decides what a delay still withholds.
        internal: whether operators' ids are shown.
    """
    zone = timezone(timedelta(hours=utc_offset_h))
    shown = [(i, e) for i, e in found.entries if may_show(e, words.items, now)]
    withheld = len(found.entries) - len(shown)
    readings, withheld_acts = _readings(found, {index for index, _ in shown})
    cases: dict[tuple[str, str | None], list[Access]] = {}
    for index, entry in shown:
        access = _access(index, entry, words, zone, internal=internal)
        cases.setdefault((entry.agency, entry.case), []).append(access)
    return Report(
        language=words.language,
        site=site,
        origin=origin,
        holder=holder.masked,
        made=_local(format_time_s(now), zone),
        records=found.size,
        epochs=tuple(sorted(epoch for epoch, kept in found.epochs.items() if kept)),
        gone=tuple(
            Gone(epoch, found.erasures.get(epoch))
            for epoch, kept in sorted(found.epochs.items())
            if not kept
        ),
        cases=tuple(
            Case(case, words.agency(agency), tuple(accesses))
            for (agency, case), accesses in cases.items()
        ),
        readings=tuple(
            Reading(index, _local(act.time, zone), act.time, words.act(act))
            for index, act in readings
        ),
        withheld_count=withheld + withheld_acts,
    )


def may_show(entry: Entry, items: Mapping[str, ServiceItem], now: datetime) -> bool:
    """Whether a report made now describes this access (rule 3)."""
    if entry.item is None:
        return True  # refused before its body could be read
    item = items.get(entry.item)
    if item is None:
        return entry.decision.result == "deny"
    match item.disclosure:
        case "show":
            return True
        case "never":
            return False
        case "delay":
            return now >= datetime.fromisoformat(entry.time) + timedelta(days=item.delay_days)


def _readings(found: Found, shown: set[int]) -> tuple[list[tuple[int, Act]], int]:
    """Acts that name the holder or one of these records, and how many must not be described."""
    visible: dict[str, bool] = {}
    for index, entry in found.entries:
        visible[entry.id] = visible[str(index)] = index in shown
    readings, withheld = [], 0
    for index, act, mine in found.acts:
        subject = None if act.subject is None else visible.get(act.subject)
        if subject is None and not mine:
            continue
        see = act.subject is None if subject is None else subject
        visible[act.id] = visible[str(index)] = see
        if see:
            readings.append((index, act))
        else:
            withheld += 1
    return readings, withheld


def _access(index: int, entry: Entry, words: Words, zone: timezone, *, internal: bool) -> Access:
    permitted = entry.decision.result == "permit"
    return Access(
        record=index,
        local=_local(entry.time, zone),
        utc=entry.time,
        agency=words.agency(entry.agency),
        division=entry.division,
        item=words.item(entry.item),
        purpose=entry.purpose,
        certificate=words.certificate(entry.certificate),
        department=None if entry.certificate is None else entry.certificate.partition(".")[0],
        operation=words.operation(entry.operation),
        fields=words.fields(entry.certificate, entry.fields_released or entry.fields_requested),
        permitted=permitted,
        outcome=words.outcome(entry),
        operator=entry.operator if internal else None,
    )


def _local(time: str, zone: timezone) -> str:
    at = datetime.fromisoformat(time).astimezone(zone)
    name = "UTC" if zone.utcoffset(None) == UTC.utcoffset(None) else str(zone)
    return f"{at:%Y-%m-%d %H:%M:%S} {name}"
