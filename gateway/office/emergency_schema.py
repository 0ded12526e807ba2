# SPDX-License-Identifier: Apache-2.0
"""Tables of emergencies in the office store; the rules of `gateway.office.schema` hold here."""

from typing import Final

EMERGENCY: Final = (
    # `rung` is that of the newest step. `scope` is an adapter's name, or `*`.
    """CREATE TABLE incidents (
        id TEXT NOT NULL PRIMARY KEY,
        year INTEGER NOT NULL,
        number INTEGER NOT NULL,
        scope TEXT NOT NULL,
        alarm TEXT NOT NULL,
        drill INTEGER NOT NULL CHECK (drill IN (0, 1)),
        rung TEXT NOT NULL,
        opened_at TEXT NOT NULL,
        closed_at TEXT
    ) STRICT, WITHOUT ROWID""",
    "CREATE UNIQUE INDEX incidents_by_number ON incidents (year, number)",
    # The ladder: one open incident a scope, and one open drill.
    "CREATE UNIQUE INDEX incidents_open ON incidents (scope, drill) WHERE closed_at IS NULL",
    # Never changed.
    """CREATE TABLE incident_steps (
        id TEXT NOT NULL,
        number INTEGER NOT NULL,
        at TEXT NOT NULL,
        rung TEXT NOT NULL,
        draft TEXT NOT NULL,
        PRIMARY KEY (id, number),
        FOREIGN KEY (id) REFERENCES incidents (id)
    ) STRICT, WITHOUT ROWID""",
    # `recorded`: the log has what the alarm did; 1 where it only proposes.
    """CREATE TABLE alarms (
        id INTEGER PRIMARY KEY,
        rule TEXT NOT NULL,
        scope TEXT NOT NULL,
        draft TEXT NOT NULL,
        raised_at TEXT NOT NULL,
        cleared_at TEXT,
        incident TEXT,
        recorded INTEGER NOT NULL CHECK (recorded IN (0, 1)),
        FOREIGN KEY (incident) REFERENCES incidents (id)
    ) STRICT""",
    # A rule is raised once for a scope, until it is cleared.
    "CREATE UNIQUE INDEX alarms_raised ON alarms (rule, scope) WHERE cleared_at IS NULL",
    "CREATE INDEX alarms_unrecorded ON alarms (id) WHERE recorded = 0",
)
