# SPDX-License-Identifier: Apache-2.0
"""The index as it rests: one row for each record of the log, in `var/index/index.sqlite3`.

Rules:

1. `idx` is the record's index in the log; a row says nothing that the record does not say.
2. Members that are not there are NULL, never empty text.
3. Times are whole milliseconds since 1970 UTC, so that ranges are ranges of integers.
4. Blind indices are kept as their 32 bytes. `ct` is not kept: who may open it reads the log.
5. For acts `agency`, `operator` and the like are NULL and `actor`, `action`, `reason`, `subject`
   are set; an act's holder stands in the same columns as an access's.
"""

from typing import Final

DATABASE: Final = "index.sqlite3"
SCHEMA_VERSION: Final = "1"

#: Columns in the order of the table; `row_of` in `gateway.audit.index.build` yields them so.
COLUMNS: Final = (
    ("idx", "INTEGER PRIMARY KEY"),
    ("kind", "TEXT NOT NULL"),
    ("id", "TEXT NOT NULL"),
    ("time_ms", "INTEGER NOT NULL"),
    ("agency", "TEXT"),
    ("keyid", "TEXT"),
    ("operator", "TEXT"),
    ("terminal", "TEXT"),
    ("division", "TEXT"),
    ("item", "TEXT"),
    ("case_id", "TEXT"),
    ("purpose", "TEXT"),
    ("epoch", "TEXT"),
    ("scheme", "TEXT"),
    ("ix", "BLOB"),
    ("masked", "TEXT"),
    ("certificate", "TEXT"),
    ("operation", "TEXT"),
    ("fields_requested", "TEXT"),  # names parted by spaces
    ("fields_released", "TEXT"),
    ("grant_ref", "TEXT"),
    ("result", "TEXT"),
    ("rule", "TEXT"),
    ("outcome", "TEXT NOT NULL"),
    ("code", "TEXT"),
    ("served_from", "TEXT"),
    ("as_of", "TEXT"),
    ("adapter", "TEXT"),
    ("adapter_ms", "INTEGER"),
    ("actor", "TEXT"),
    ("action", "TEXT"),
    ("reason", "TEXT"),
    ("subject", "TEXT"),
    ("query", "TEXT"),
    ("count", "INTEGER"),
)
