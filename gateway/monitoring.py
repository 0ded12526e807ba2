# SPDX-License-Identifier: Apache-2.0
"""Monitoring of a site: its facts are gathered, the rules look at them, findings are kept.

Rules:

1. It reads the office store and the search index, and asks nobody. What the index does not have
   yet is seen by the next run.
2. It yields to the loop between two cases: in the clerk, deliveries go on meanwhile.
3. A run that found something is an event of the log (`monitored`), with ids and figures only.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import closing, suppress
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Final, final

import structlog

from gateway.audit.index.rows import IndexReader
from gateway.audit.seen import SeenLog
from gateway.config import Site, load_site
from gateway.errors import GatewayError, SetupError
from gateway.model.case import CaseRecord, CaseState
from gateway.model.finding import MonitorRun, Suspicion
from gateway.model.instant import format_time_s, unix_ms
from gateway.model.matter import MatterKind
from gateway.sdk import Deadline
from gateway.supervising import Supervision
from gateway.supervision.monitor import CaseFile, Watch
from gateway.supervision.ratings import END_MS
from gateway.supervision.repeated import Repeated, RepeatedRanking, answered_times

_log = structlog.get_logger()
_PAGE_COUNT: Final = 200
_WRITE_S: Final = 10.0
_KINDS: Final[tuple[MatterKind, ...]] = ("complaint", "rating", "corrective", "correction")
_MAX_ROWS: Final = 100_000


@final
class Monitoring:
    """One site's.

    Args:
        opened: its books.
    """

    def __init__(self, site: Site, opened: Supervision) -> None:
        self._site: Final = site
        self._opened: Final = opened
        self._section: Final = site.config.monitor
        self._zone: Final = timezone(timedelta(hours=site.config.site.utc_offset_h))
        self._items: Final = {item.code: item for item in site.items}

    async def run(self, log: SeenLog, *, not_indexed: int = 0) -> MonitorRun:
        """Look at everything once, keep what is suspicious, and have that recorded.

        Raises:
            AuditError: no gateway runs, which has to record it, so nothing was kept; the index
                cannot be read; or it was not recorded.
            StoreError: the office store cannot be read, or what was found is not known to be kept.
        """
        opened, today = self._opened, self._opened.today()
        await opened.ping(Deadline.after(_WRITE_S))
        watch = Watch(self._section, days=self._site.calendar, zone=self._zone, today=today)
        suspicions: list[Suspicion] = []
        case_count = uncounted_count = 0
        since = format_time_s(_midnight(today, self._zone) - self._looked_back)
        async for record in self._records(("provisional", "open", "closed"), closed_since=since):
            case_count += 1
            uncounted_count += _take(watch.watch_case(self.file_of(log, record)), suspicions)
        for known in opened.commitments.list_commitments(unchecked=True):
            uncounted_count += _take(watch.watch_commitment(known), suspicions)
        for state in ("open", "overdue"):
            for deferral in opened.deferrals.list_all(state=state, limit=_MAX_ROWS):
                uncounted_count += _take(watch.watch_deferral(deferral), suspicions)
        for kind in _KINDS:
            for matter in opened.matters.list_matters(kind):
                item = self._items.get(matter.draft.item or "")
                uncounted_count += _take(watch.watch_matter(matter, item), suspicions)
        found, raised = await opened.findings.keep(suspicions, Deadline.after(_WRITE_S))
        if found or raised:
            detail = f"cases={case_count} found={len(found)} raised={len(raised)}"
            await opened.record("monitored", detail, Deadline.after(_WRITE_S))
        return MonitorRun(
            case_count=case_count,
            found=found,
            raised=raised,
            uncounted_count=uncounted_count,
            not_indexed=not_indexed,
        )

    async def rank_repeated(
        self, log: SeenLog, first: datetime, end: datetime
    ) -> tuple[Repeated, ...]:
        """What was asked for again although it could have been shared.

        Args:
            first: of the span.
            end: the first instant behind it.

        Raises:
            AuditError: the index cannot be read.
            StoreError: the office store cannot be read.
        """
        within = self._section.repeated_answer_days
        seen = log.between(unix_ms(first - timedelta(days=within)), unix_ms(end) - 1)
        ranking = RepeatedRanking(
            self._items,
            self._site.grants,
            answered_ms=answered_times(
                (each.certificate, each.time_ms) for each in seen if each.served_from == "source"
            ),
            within_days=within,
            zone=self._zone,
        )
        bounds = format_time_s(first), format_time_s(end)
        async for record in self._records(("closed",), closed_since=bounds[0]):
            if record.closed_at is not None and record.closed_at < bounds[1]:
                ranking.take_case(self.file_of(log, record))
        for matter in self._opened.matters.list_matters("complaint"):
            demanded_at = matter.draft.demanded_at
            if demanded_at is not None and bounds[0] <= demanded_at < bounds[1]:
                ranking.take_complaint(matter.draft)
        return ranking.ranking()

    def file_of(self, log: SeenLog, record: CaseRecord) -> CaseFile:
        """What is known of a case."""
        return CaseFile(
            record,
            self._items.get(record.item),
            list(log.of_case(record.agency, record.number, until_ms=END_MS)),
            self._opened.commitments.of_case(record.agency, record.number),
            self._opened.deferrals.list_of_case(record.agency, record.number),
        )

    @property
    def _looked_back(self) -> timedelta:
        return timedelta(days=self._section.look_back_days)

    async def _records(
        self, states: Sequence[CaseState], *, closed_since: str
    ) -> AsyncIterator[CaseRecord]:
        """Cases by state; of closed ones, those that were closed since."""
        for state in states:
            after = ("", "")
            while page := self._opened.cases.list_cases(
                state=state,
                closed_since=closed_since if state == "closed" else None,
                after=after,
                limit=_PAGE_COUNT,
            ):
                for record in page:
                    yield record
                    await asyncio.sleep(0)
                after = (page[-1].agency, page[-1].number)


@final
class MonitorDuty:
    """The clerk's duty of monitoring, each so many minutes; only changes are logged.

    Args:
        folder: of the site.
        pause_s: seconds between two runs.
    """

    def __init__(self, folder: Path, *, pause_s: float) -> None:
        self._folder: Final = folder
        self._pause_s: Final = pause_s
        self._mistake = ""

    async def run(self, quit_event: asyncio.Event) -> None:
        """Look at everything again and again until `quit_event`."""
        while not quit_event.is_set():
            await self._run_once()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pause_s):
                    await quit_event.wait()

    async def _run_once(self) -> None:
        mistake = ""
        try:
            site = load_site(self._folder)  # the lists as they are now
            with (
                closing(Supervision.open(site)) as opened,
                closing(IndexReader.open(site.state / "index")) as index,
            ):
                done = await Monitoring(site, opened).run(SeenLog(index))
            if done.found or done.raised:
                _log.warning("monitoring found", new=len(done.found), raised=len(done.raised))
        except GatewayError as error:  # a store or the log is away, or no index is there yet
            mistake = error.code
        if mistake and mistake != self._mistake:
            _log.error("monitoring waits", code=mistake)
        self._mistake = mistake


def _take(made: Iterator[Suspicion], suspicions: list[Suspicion]) -> int:
    """Keep what a rule says; 1 where the calendar has no table of a year that it needs."""
    try:
        suspicions.extend(made)
    except SetupError:
        return 1
    return 0


def _midnight(day: date, zone: timezone) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone)
