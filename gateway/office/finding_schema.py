# SPDX-License-Identifier: Apache-2.0
"""Tables of findings in the office store, and how cases end; the rules of `schema` hold here."""

from typing import Final

FINDINGS: Final = (
    "ALTER TABLE cases ADD COLUMN result TEXT CHECK (result IN ('done', 'refused', 'withdrawn'))",
    "ALTER TABLE cases ADD COLUMN reason TEXT NOT NULL DEFAULT ''",
    # What one is about makes it one: the same is found once, and settled once.
    """CREATE TABLE findings (
        id TEXT NOT NULL PRIMARY KEY,
        year INTEGER NOT NULL,
        place INTEGER NOT NULL,
        rule TEXT NOT NULL,
        agency TEXT NOT NULL,
        number TEXT NOT NULL,
        subject TEXT NOT NULL,
        level TEXT NOT NULL CHECK (level IN ('notice', 'yellow', 'red')),
        state TEXT NOT NULL CHECK (state IN ('open', 'settled')),
        about TEXT NOT NULL
    ) STRICT, WITHOUT ROWID""",
    "CREATE UNIQUE INDEX findings_by_about ON findings (rule, agency, number, subject)",
    "CREATE UNIQUE INDEX findings_by_place ON findings (year, place)",
    # The change log: never changed.
    """CREATE TABLE finding_steps (
        id TEXT NOT NULL,
        place INTEGER NOT NULL,
        step TEXT NOT NULL,
        PRIMARY KEY (id, place),
        FOREIGN KEY (id) REFERENCES findings (id)
    ) STRICT, WITHOUT ROWID""",
)
