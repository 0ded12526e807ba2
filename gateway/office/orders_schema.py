# SPDX-License-Identifier: Apache-2.0
"""Tables of standing orders, deferrals and tickets; the rules of `gateway.office.schema` hold."""

from typing import Final

ORDERS: Final = (
    # What is to be looked up for an agency later. `subject` is the material of a deferral, the
    # certificate of a ticket; `act` the id of the record of the request. `sealed` is that request,
    # and is emptied with the end of the order; `next_try_s` is NULL then.
    """CREATE TABLE orders (
        id TEXT NOT NULL PRIMARY KEY,
        kind TEXT NOT NULL CHECK (kind IN ('deferral', 'ticket')),
        agency TEXT NOT NULL,
        number TEXT NOT NULL,
        subject TEXT NOT NULL,
        act TEXT NOT NULL,
        adapter TEXT NOT NULL,
        sealed BLOB,
        tries INTEGER NOT NULL,
        next_try_s REAL,
        lease_until_s REAL NOT NULL,
        said TEXT
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX orders_due ON orders (next_try_s) WHERE next_try_s IS NOT NULL",
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
    # Lookups that nobody waits for. `sealed` is the answer, as long as it may be fetched; a ticket
    # that runs has no `done_s`.
    """CREATE TABLE tickets (
        id TEXT NOT NULL PRIMARY KEY,
        agency TEXT NOT NULL,
        number TEXT NOT NULL,
        certificate TEXT NOT NULL,
        opened_s INTEGER NOT NULL,
        done_s INTEGER,
        expires_s INTEGER,
        outcome TEXT,
        entry INTEGER,
        sealed BLOB
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX tickets_running ON tickets (agency) WHERE done_s IS NULL",
    "CREATE INDEX tickets_by_end ON tickets (expires_s) WHERE expires_s IS NOT NULL",
    "CREATE INDEX tickets_kept ON tickets (expires_s) WHERE sealed IS NOT NULL",
)
