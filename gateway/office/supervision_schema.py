# SPDX-License-Identifier: Apache-2.0
"""Tables of supervision in the office store; the rules of `gateway.office.schema` hold here."""

from typing import Final

SUPERVISION: Final = (
    # `draft` is what the matter is about, and never changes; the other columns follow its steps.
    """CREATE TABLE matters (
        id TEXT NOT NULL PRIMARY KEY,
        kind TEXT NOT NULL CHECK (kind IN ('complaint', 'rating', 'corrective', 'correction')),
        year INTEGER NOT NULL,
        number INTEGER NOT NULL,
        agency TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('open', 'assigned', 'answered', 'closed')),
        owner TEXT,
        opened_at TEXT NOT NULL,
        answered_at TEXT,
        closed_at TEXT,
        draft TEXT NOT NULL
    ) STRICT, WITHOUT ROWID""",
    "CREATE UNIQUE INDEX matters_by_number ON matters (kind, year, number)",
    # The change log: never changed.
    """CREATE TABLE matter_steps (
        id TEXT NOT NULL,
        number INTEGER NOT NULL,
        at TEXT NOT NULL,
        state TEXT NOT NULL,
        draft TEXT NOT NULL,
        PRIMARY KEY (id, number),
        FOREIGN KEY (id) REFERENCES matters (id)
    ) STRICT, WITHOUT ROWID""",
    # One case, one evaluation. `evaluator` is a keyed digest.
    """CREATE TABLE evaluations (
        agency TEXT NOT NULL,
        number TEXT NOT NULL,
        item TEXT NOT NULL,
        level INTEGER NOT NULL CHECK (level BETWEEN 1 AND 5),
        words TEXT NOT NULL,
        evaluator BLOB,
        given_at TEXT NOT NULL,
        ticket TEXT,
        PRIMARY KEY (agency, number),
        FOREIGN KEY (ticket) REFERENCES matters (id)
    ) STRICT, WITHOUT ROWID""",
)

#: What HTTP brought. `content` is a digest of the body and of who signed, so that a request whose
#: answer was lost can be sent again and opens nothing twice.
MATTER_CONTENT: Final = (
    "ALTER TABLE matters ADD COLUMN content BLOB",
    "CREATE INDEX matters_by_content ON matters (content) WHERE content IS NOT NULL",
    # Evaluations counted as they come: whoever asks how a unit is rated waits for no scan.
    """CREATE TABLE evaluation_counts (
        month TEXT NOT NULL,
        agency TEXT NOT NULL,
        item TEXT NOT NULL,
        level INTEGER NOT NULL CHECK (level BETWEEN 1 AND 5),
        count INTEGER NOT NULL,
        PRIMARY KEY (month, agency, item, level)
    ) STRICT, WITHOUT ROWID""",
    """INSERT INTO evaluation_counts
        SELECT substr(given_at, 1, 7), agency, item, level, count(*) FROM evaluations
        GROUP BY 1, 2, 3, 4""",
)
