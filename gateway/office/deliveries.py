# SPDX-License-Identifier: Apache-2.0
"""What is still to be delivered, kept beside the events so that a crash forgets nothing.

Rules:

1. `plan` puts each new event before the agencies that want it, and moves their mark in the same
   transaction: none is planned twice, none is left out. A subscriber that is new begins at its
   first plan; what happened before stands in the feed. What a subscriber that left has not got is
   dead.
2. Of each agency and subject only the first pending one is due, so their order is kept. One that is
   dead stands in nobody's way.
3. A delivery that was made, and whose end could not be noted, is made again: at least once.
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal, final

import msgspec

from gateway.model.events_section import Subscription
from gateway.model.instant import format_unix_s
from gateway.model.office_event import OfficeEvent
from gateway.office.outbox import EVERYBODY, event_of
from gateway.office.store import OfficeStore
from gateway.sdk import Deadline

State = Literal["pending", "delivered", "dead"]
_PLAN_COUNT: Final = 500
_DUE: Final = """
    SELECT e.id, e.seq, e.time_s, e.agency, e.what, d.agency, d.attempts, d.dead_at_s
    FROM deliveries d JOIN events e USING (seq)
    WHERE d.agency = ? AND d.state = 'pending' AND d.next_at_s <= ? AND NOT EXISTS (
        SELECT 1 FROM deliveries p WHERE p.agency = d.agency AND p.subject = d.subject
            AND p.seq < d.seq AND p.state = 'pending')
    ORDER BY d.seq LIMIT ?
"""
_LISTED: Final = """
    SELECT d.agency, e.seq, e.id, e.kind, e.time_s, d.state, d.attempts, d.said, d.ended_at_s
    FROM deliveries d JOIN events e USING (seq)
    WHERE d.seq > ? AND coalesce(?, d.agency) = d.agency AND coalesce(?, d.state) = d.state
    ORDER BY d.seq, d.agency LIMIT ?
"""


class Due(msgspec.Struct, frozen=True):
    """A delivery whose time has come."""

    event: OfficeEvent
    agency: str
    attempts: int
    dead_at_s: float


class ShownDelivery(msgspec.Struct, frozen=True):
    """A delivery as an operator sees it.

    Attributes:
        said: what became of the last attempt; empty before the first.
        ended_at: when it was delivered or given up; None while it is pending.
    """

    agency: str
    seq: int
    id: str
    kind: str
    time: str
    state: State
    attempts: int
    said: str
    ended_at: str | None


class Backlog(msgspec.Struct, frozen=True):
    """How far deliveries are behind.

    Attributes:
        oldest_s: seconds since the oldest pending one happened; 0 for none.
    """

    pending_count: int
    dead_count: int
    oldest_s: float


@final
class Deliveries:
    """The deliveries of a site.

    Args:
        dead_after_s: from the event on.
        clock_s: UNIX seconds.
    """

    def __init__(
        self, store: OfficeStore, *, dead_after_s: int, clock_s: Callable[[], float]
    ) -> None:
        self._store: Final = store
        self._dead_after_s: Final = dead_after_s
        self._clock_s: Final = clock_s

    async def plan(self, subscriptions: Mapping[str, Subscription], deadline: Deadline) -> bool:
        """Put new events before whoever wants them; returns whether more may be waiting.

        Raises:
            StoreError: OFFICE_UNAVAILABLE.
        """
        newest = self._newest()
        marks = dict(self._store.select("SELECT agency, planned_seq FROM subscribers"))
        left = sorted(marks.keys() - subscriptions.keys())
        if not left and all(marks.get(agency, -1) >= newest for agency in subscriptions):
            return False  # nothing to write

        def work(connection: sqlite3.Connection) -> bool:
            for agency in left:
                self._give_up(connection, agency)
            is_more = False
            for agency, subscription in subscriptions.items():
                is_more |= self._plan_one(connection, agency, subscription)
            return is_more

        return await self._store.write(work, deadline)

    def due(self, agency: str, count: int) -> Sequence[Due]:
        """The next deliveries to an agency, at most one of each subject.

        Raises:
            StoreError: OFFICE_UNAVAILABLE.
        """
        rows = self._store.select(_DUE, agency, self._clock_s(), count)
        return [Due(event_of(row[:5]), *row[5:]) for row in rows]

    async def note(
        self, due: Due, said: str, deadline: Deadline, *, is_taken: bool, pause_s: float
    ) -> State:
        """Keep what became of an attempt.

        Args:
            said: in words of ours.
            pause_s: until the next attempt, where it was not taken.

        Returns:
            The state that it has now.

        Raises:
            StoreError: OFFICE_UNAVAILABLE; the event may be delivered again.
        """
        now_s = self._clock_s()
        state: State = "delivered" if is_taken else "pending"
        if not is_taken and now_s >= due.dead_at_s:
            state = "dead"

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE deliveries SET state = ?, attempts = attempts + 1, said = ?, "
                "next_at_s = ?, ended_at_s = ? WHERE agency = ? AND seq = ? AND state = 'pending'",
                (state, said, min(now_s + pause_s, max(now_s, due.dead_at_s)),
                 None if state == "pending" else now_s, due.agency, due.event.seq),
            )  # fmt: skip

        await self._store.write(work, deadline)
        return state

    async def expire(self, late_s: float, deadline: Deadline) -> int:
        """Give up what is so late that nobody came to try it again; returns how many.

        Args:
            late_s: beyond their time.

        Raises:
            StoreError: OFFICE_UNAVAILABLE.
        """
        now_s = self._clock_s()
        oldest = self._store.select(
            "SELECT dead_at_s FROM deliveries WHERE state = 'pending' ORDER BY seq LIMIT 1"
        )
        if not oldest or now_s < oldest[0][0] + late_s:
            return 0

        def work(connection: sqlite3.Connection) -> int:
            return connection.execute(
                "UPDATE deliveries SET state = 'dead', ended_at_s = ?, "
                "said = CASE attempts WHEN 0 THEN 'not tried in time' ELSE said END "
                "WHERE state = 'pending' AND dead_at_s + ? <= ?",
                (now_s, late_s, now_s),
            ).rowcount

        return await self._store.write(work, deadline)

    async def redeliver(self, agency: str, seqs: Sequence[int] | None, deadline: Deadline) -> int:
        """Have events delivered again, from the beginning; returns how many.

        Args:
            seqs: which; None is all that are dead.

        Raises:
            StoreError: OFFICE_UNAVAILABLE.
        """
        now_s = self._clock_s()
        again = (
            "UPDATE deliveries SET state = 'pending', attempts = 0, next_at_s = ?, dead_at_s = ?, "
            "ended_at_s = NULL WHERE agency = ? AND "
        )
        values = (now_s, now_s + self._dead_after_s, agency)

        def work(connection: sqlite3.Connection) -> int:
            if seqs is None:
                return connection.execute(f"{again} state = 'dead'", values).rowcount
            return sum(
                connection.execute(f"{again} seq = ?", (*values, seq)).rowcount for seq in seqs
            )

        return await self._store.write(work, deadline)

    def list_deliveries(
        self,
        agency: str | None = None,
        state: State | None = None,
        *,
        after: int = 0,
        limit: int = 100,
    ) -> Sequence[ShownDelivery]:
        """Deliveries by `seq`, from behind `after` on.

        Raises:
            StoreError: OFFICE_UNAVAILABLE.
        """  # fmt: skip
        rows = self._store.select(_LISTED, after, agency, state, limit)
        return [
            ShownDelivery(to, seq, number, kind, format_unix_s(time_s), shown, attempts, said,
                          None if ended_at_s is None else format_unix_s(ended_at_s))
            for to, seq, number, kind, time_s, shown, attempts, said, ended_at_s in rows
        ]  # fmt: skip

    def backlog(self) -> Backlog:
        """How far deliveries are behind.

        Raises:
            StoreError: OFFICE_UNAVAILABLE.
        """
        pending_count, first = self._store.select(
            "SELECT count(*), min(seq) FROM deliveries WHERE state = 'pending'"
        )[0]
        (dead_count,) = self._store.select("SELECT count(*) FROM deliveries WHERE state = 'dead'")[
            0
        ]
        oldest = self._store.select("SELECT time_s FROM events WHERE seq = ?", first)
        waited_s = max(0.0, self._clock_s() - oldest[0][0]) if oldest else 0.0
        return Backlog(pending_count, dead_count, waited_s)

    def _newest(self) -> int:
        (newest,) = self._store.select("SELECT coalesce(max(seq), 0) FROM events")[0]
        return int(newest)

    def _plan_one(
        self, connection: sqlite3.Connection, agency: str, subscription: Subscription
    ) -> bool:
        """Inside the transaction; whether there may be more than was planned."""
        mark = connection.execute(
            "SELECT planned_seq FROM subscribers WHERE agency = ?", (agency,)
        ).fetchone()
        if mark is None:
            connection.execute(
                "INSERT INTO subscribers SELECT ?, coalesce(max(seq), 0) FROM events", (agency,)
            )
            return False
        rows = connection.execute(
            "SELECT seq, kind, subject, time_s FROM events "
            "WHERE seq > ? AND agency IN (?, ?) ORDER BY seq LIMIT ?",
            (mark[0], agency, EVERYBODY, _PLAN_COUNT),
        ).fetchall()
        is_more = len(rows) == _PLAN_COUNT
        wanted = [row for row in rows if not subscription.kinds or row[1] in subscription.kinds]
        connection.executemany(
            "INSERT INTO deliveries VALUES (?, ?, ?, 'pending', 0, 0, ?, NULL, '')",
            [
                (agency, seq, subject, time_s + self._dead_after_s)
                for seq, _, subject, time_s in wanted
            ],
        )
        newest = rows[-1][0] if is_more else _newest_in(connection)
        connection.execute(
            "UPDATE subscribers SET planned_seq = ? WHERE agency = ?", (newest, agency)
        )
        return is_more

    def _give_up(self, connection: sqlite3.Connection, agency: str) -> None:
        """Inside the transaction; of an agency that wants no events any more."""
        connection.execute("DELETE FROM subscribers WHERE agency = ?", (agency,))
        connection.execute(
            "UPDATE deliveries SET state = 'dead', said = 'not subscribed', ended_at_s = ? "
            "WHERE agency = ? AND state = 'pending'",
            (self._clock_s(), agency),
        )


def _newest_in(connection: sqlite3.Connection) -> int:
    (newest,) = connection.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()
    return int(newest)
