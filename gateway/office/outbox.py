# SPDX-License-Identifier: Apache-2.0
"""The outbox: events beside the state that they tell of, and the feed that shows them.

Rules:

1. Who changes something calls `put_event` inside the same transaction: either both are there after
   a crash, or neither.
2. Writers stand in a row (`BEGIN IMMEDIATE`), so `seq` rises in the order of commits: who has read
   up to one has seen all before it.
3. Each new event takes a few that are older than `KEEP_S` away with it, so that the table is
   bounded without a process that sweeps it. Nothing older is still to be delivered: a delivery is
   dead after 30 days at most.
"""

import asyncio
import secrets
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Final, final

from gateway.model.instant import format_unix_s
from gateway.model.office_event import (
    Happened,
    OfficeEvent,
    format_happened,
    kind_of,
    parse_happened,
)
from gateway.office.store import OfficeStore
from gateway.office_port import EventShelf

#: For so long events are kept, delivered or not.
KEEP_S: Final = 90 * 86_400
#: Of an event that is for every agency.
EVERYBODY: Final = ""
#: Most events of a page.
PAGE_COUNT: Final = 100

_ID_BYTES: Final = 16
_SWEEP_COUNT: Final = 4
_POLL_S: Final = 0.2
_PAGE: Final = """
    SELECT id, seq, time_s, agency, what FROM events
    WHERE agency = ? AND seq > ? ORDER BY seq LIMIT ?
"""


def put_event(connection: sqlite3.Connection, what: Happened, *, agency: str, now_s: float) -> None:
    """Keep an event, inside the transaction that makes it true.

    Args:
        connection: in a transaction of `OfficeStore.write`.
        agency: id of the agency that it is for; `EVERYBODY` for all.
        now_s: UNIX seconds.

    Raises:
        msgspec.ValidationError: a member is not of its form; a programming error, such as a holder
            that is not masked. Nothing is written.
    """
    text = format_happened(what)
    parse_happened(text)
    connection.execute(
        "INSERT INTO events (id, time_s, agency, kind, subject, what) VALUES (?, ?, ?, ?, ?, ?)",
        (secrets.token_hex(_ID_BYTES), int(now_s), agency, kind_of(what), what.subject, text),
    )
    connection.execute(
        "DELETE FROM events WHERE seq IN "
        "(SELECT seq FROM events WHERE time_s < ? ORDER BY seq LIMIT ?)",
        (int(now_s) - KEEP_S, _SWEEP_COUNT),
    )


@final
class EventFeed(EventShelf):
    """What an agency reads for itself.

    Args:
        is_stopping: nobody waits any longer then.
    """

    def __init__(self, store: OfficeStore, is_stopping: Callable[[], bool] = lambda: False) -> None:
        self._store: Final = store
        self._is_stopping: Final = is_stopping

    def page(self, agency: str, after: int) -> Sequence[OfficeEvent]:
        """The next events for the agency behind `after`.

        Raises:
            StoreError: OFFICE_UNAVAILABLE.
        """
        # Two walks along one index: for a disjunction SQLite would sort all that there is.
        rows = [
            row
            for name in (agency, EVERYBODY)
            for row in self._store.select(
                _PAGE,
                *(name, after, PAGE_COUNT),
            )
        ]
        rows.sort(key=lambda row: int(row[1]))
        return [event_of(row) for row in rows[:PAGE_COUNT]]

    def kept_from(self) -> int:
        """The first `seq` that is kept, or the next one to come.

        Raises:
            StoreError: OFFICE_UNAVAILABLE.
        """
        (first,) = self._store.select("SELECT min(seq) FROM events")[0]
        return self.newest() + 1 if first is None else int(first)

    def newest(self) -> int:
        """The last `seq` that was ever given; 0 for none.

        Raises:
            StoreError: OFFICE_UNAVAILABLE.
        """
        last = self._store.select("SELECT seq FROM sqlite_sequence WHERE name = 'events'")
        return int(last[0][0]) if last else 0

    async def wait(self, agency: str, after: int, wait_s: float) -> Sequence[OfficeEvent]:
        """The next events; where there are none, the first that come within `wait_s`.

        Raises:
            StoreError: OFFICE_UNAVAILABLE.
        """
        loop = asyncio.get_running_loop()
        until_s = loop.time() + wait_s
        while True:
            change_count = self._store.change_count()
            events = self.page(agency, after)
            while not events and self._store.change_count() == change_count:
                left_s = until_s - loop.time()
                if left_s <= 0 or self._is_stopping():
                    return events
                # Another process writes: nothing here could wake us.
                await asyncio.sleep(min(_POLL_S, left_s))
            if events or loop.time() >= until_s:
                return events


def event_of(row: Sequence[Any]) -> OfficeEvent:
    """An event of its columns `id, seq, time_s, agency, what`."""
    number, seq, time_s, agency, what = row
    return OfficeEvent(number, seq, format_unix_s(time_s), agency, parse_happened(what))
