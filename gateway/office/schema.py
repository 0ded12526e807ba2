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

from gateway.office.supervision_schema import SUPERVISION

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

#: Statements that lead from version n to n + 1, at n.
MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (_CASES, SUPERVISION)
