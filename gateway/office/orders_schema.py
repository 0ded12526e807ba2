# SPDX-License-Identifier: Apache-2.0
"""Tables of deferrals and standing orders; the rules of `gateway.office.schema` hold here."""

from typing import Final

ORDERS: Final = (
    # 容缺受理: what was promised, and by when. `content` is a keyed digest of what was said.
    """CREATE TABLE deferrals (
        id TEXT NOT NULL PRIMARY KEY,
        agency TEXT NOT NULL,
        number TEXT NOT NULL,
        item TEXT NOT NULL,
        material TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('open', 'closed', 'overdue')),
        reason TEXT CHECK (reason IN ('obtained', 'supplied', 'withdrawn')),
        act TEXT NOT NULL,
        content BLOB NOT NULL,
        promise TEXT NOT NULL,
        promised_by TEXT NOT NULL,
        accepted_on TEXT NOT NULL,
        due_on TEXT NOT NULL,
        remind_on TEXT,
        opened_s INTEGER NOT NULL,
        ended_s INTEGER,
        FOREIGN KEY (agency, number) REFERENCES cases (agency, number)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX deferrals_by_case ON deferrals (agency, number, opened_s)",
    # One that waits for each material of a case; not even a race makes two.
    """CREATE UNIQUE INDEX deferrals_waiting ON deferrals (agency, number, material)
        WHERE state <> 'closed'""",
    "CREATE INDEX deferrals_open ON deferrals (due_on) WHERE state = 'open'",
    # What is to be looked up for an agency later. `sealed` is the request that it signed, and is
    # emptied with the end of the order; `next_try_s` is NULL then.
    """CREATE TABLE orders (
        id TEXT NOT NULL PRIMARY KEY,
        adapter TEXT NOT NULL,
        sealed BLOB,
        tries INTEGER NOT NULL,
        next_try_s REAL,
        lease_until_s REAL NOT NULL,
        said TEXT,
        FOREIGN KEY (id) REFERENCES deferrals (id)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX orders_due ON orders (next_try_s) WHERE next_try_s IS NOT NULL",
    # The change log: never changed.
    """CREATE TABLE deferral_steps (
        id TEXT NOT NULL,
        place INTEGER NOT NULL,
        at_s INTEGER NOT NULL,
        what TEXT NOT NULL,
        said TEXT NOT NULL,
        indexes TEXT NOT NULL,
        PRIMARY KEY (id, place),
        FOREIGN KEY (id) REFERENCES deferrals (id)
    ) STRICT, WITHOUT ROWID""",
)
