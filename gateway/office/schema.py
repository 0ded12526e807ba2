# SPDX-License-Identifier: Apache-2.0
"""Tables of the office store, version by version (`PRAGMA user_version`).

Rules:

1. A version is a tuple of statements that leads from the one before it to it. It is added at the
   end and never changed once it was released: there are files of it.
2. Every table is STRICT. No column holds a number or a name of a holder in clear: `ix` is a keyed
   index, `sealed` is under the office key and bound to its row, `masked` shows three and two
   characters.
3. Times are UNIX seconds (`_s`), or RFC 3339 UTC text (`_at`) where they are only shown.
"""

from typing import Final

from gateway.office.commitment_schema import COMMITMENTS
from gateway.office.emergency_schema import EMERGENCY
from gateway.office.finding_schema import FINDINGS
from gateway.office.orders_schema import ORDERS
from gateway.office.supervision_schema import MATTER_CONTENT, SUPERVISION

_CASES: Final = (
    # The state of each case. `version` leads to its newest content; 0 is what a lookup told.
    """CREATE TABLE cases (
        agency TEXT NOT NULL,
        number TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('provisional', 'open', 'closed')),
        version INTEGER NOT NULL,
        item TEXT NOT NULL,
        first_seen_s INTEGER NOT NULL,
        closed_at TEXT,
        PRIMARY KEY (agency, number)
    ) STRICT, WITHOUT ROWID""",
    # What was registered; never changed. `act` is the id of the record in the log.
    """CREATE TABLE case_versions (
        agency TEXT NOT NULL,
        number TEXT NOT NULL,
        version INTEGER NOT NULL,
        situation TEXT,
        operator TEXT NOT NULL,
        opened_at TEXT,
        mandate TEXT,
        written_s INTEGER NOT NULL,
        act TEXT NOT NULL,
        digest BLOB NOT NULL,
        PRIMARY KEY (agency, number, version),
        FOREIGN KEY (agency, number) REFERENCES cases (agency, number)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE case_holders (
        agency TEXT NOT NULL,
        number TEXT NOT NULL,
        version INTEGER NOT NULL,
        place INTEGER NOT NULL,
        role TEXT NOT NULL,
        scheme TEXT NOT NULL,
        ix BLOB NOT NULL,
        sealed BLOB NOT NULL,
        masked TEXT NOT NULL,
        PRIMARY KEY (agency, number, version, place),
        FOREIGN KEY (agency, number, version)
            REFERENCES case_versions (agency, number, version)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX case_holders_by_ix ON case_holders (ix)",
)

_EVENTS: Final = (
    # What happened, for whom (empty: for all); never changed. `seq` is where the feed stands.
    """CREATE TABLE events (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        time_s INTEGER NOT NULL,
        agency TEXT NOT NULL,
        kind TEXT NOT NULL,
        subject TEXT NOT NULL,
        what TEXT NOT NULL
    ) STRICT""",
    "CREATE INDEX events_by_agency ON events (agency, seq)",
    # Up to where events were put into each subscriber's `deliveries`.
    """CREATE TABLE subscribers (
        agency TEXT NOT NULL PRIMARY KEY,
        planned_seq INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE deliveries (
        agency TEXT NOT NULL,
        seq INTEGER NOT NULL,
        subject TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'dead')),
        attempts INTEGER NOT NULL,
        next_at_s REAL NOT NULL,
        dead_at_s REAL NOT NULL,
        ended_at_s REAL,
        said TEXT NOT NULL,
        PRIMARY KEY (agency, seq),
        FOREIGN KEY (seq) REFERENCES events (seq) ON DELETE CASCADE
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX deliveries_by_seq ON deliveries (seq)",
    """CREATE INDEX deliveries_pending ON deliveries (agency, subject, seq)
        WHERE state = 'pending'""",
    "CREATE INDEX deliveries_oldest ON deliveries (seq) WHERE state = 'pending'",
    "CREATE INDEX deliveries_dead ON deliveries (seq) WHERE state = 'dead'",
    # Which workers leave a department alone; where there is none, it works.
    """CREATE TABLE departments_down (
        adapter TEXT NOT NULL,
        worker TEXT NOT NULL,
        since_s INTEGER NOT NULL,
        PRIMARY KEY (adapter, worker)
    ) STRICT, WITHOUT ROWID""",
)

_OBTAINED: Final = (
    # Each material of a case that was obtained, once; its event stands in `events`.
    """CREATE TABLE obtained (
        agency TEXT NOT NULL,
        number TEXT NOT NULL,
        material TEXT NOT NULL,
        masked TEXT NOT NULL,
        time_s INTEGER NOT NULL,
        PRIMARY KEY (agency, number, material, masked)
    ) STRICT, WITHOUT ROWID""",
)

#: Statements that lead from version n to n + 1, at n.
MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    _CASES,
    _EVENTS,
    SUPERVISION,
    MATTER_CONTENT,
    _OBTAINED,
    EMERGENCY,
    *(COMMITMENTS, FINDINGS),
    ORDERS,
)
