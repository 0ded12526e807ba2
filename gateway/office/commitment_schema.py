# SPDX-License-Identifier: Apache-2.0
"""Tables of commitments in the office store; the rules of `gateway.office.schema` hold here."""

from typing import Final

COMMITMENTS: Final = (
    # `draft` never changes; `result` and `lifted` follow the steps. One a material of a case.
    """CREATE TABLE commitments (
        agency TEXT NOT NULL,
        number TEXT NOT NULL,
        material TEXT NOT NULL,
        committed_on TEXT NOT NULL,
        kept_s INTEGER NOT NULL,
        draft TEXT NOT NULL,
        result TEXT CHECK (result IN ('true', 'false', 'not_checkable')),
        checked_on TEXT,
        lifted INTEGER NOT NULL CHECK (lifted IN (0, 1)),
        PRIMARY KEY (agency, number, material),
        FOREIGN KEY (agency, number) REFERENCES cases (agency, number)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX commitments_unchecked ON commitments (committed_on) WHERE result IS NULL",
    # The applicants whose word it is, as they were in the case then.
    """CREATE TABLE commitment_holders (
        ix BLOB NOT NULL,
        agency TEXT NOT NULL,
        number TEXT NOT NULL,
        material TEXT NOT NULL,
        PRIMARY KEY (ix, agency, number, material),
        FOREIGN KEY (agency, number, material)
            REFERENCES commitments (agency, number, material)
    ) STRICT, WITHOUT ROWID""",
    # The change log: never changed.
    """CREATE TABLE commitment_steps (
        agency TEXT NOT NULL,
        number TEXT NOT NULL,
        material TEXT NOT NULL,
        place INTEGER NOT NULL,
        step TEXT NOT NULL,
        PRIMARY KEY (agency, number, material, place),
        FOREIGN KEY (agency, number, material)
            REFERENCES commitments (agency, number, material)
    ) STRICT, WITHOUT ROWID""",
)
