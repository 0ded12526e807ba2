# SPDX-License-Identifier: Apache-2.0
"""The index as it rests: one row for each record of the log, in `var/index/index.sqlite3`.

Rules:

1. `idx` is the record's index in the log; a row says nothing that the record does not say.
2. Members that are not there are NULL, never empty text.
3. Times are whole milliseconds since 1970 UTC, so that ranges are ranges of integers.
4. Blind indices are kept as their 32 bytes. `ct` is not kept: who may open it reads the log.
5. For acts `agency`, `operator` and the like are NULL and `actor`, `action`, `reason`, `subject`
   are set; an act's holder stands in the same columns as an access's.
6. Columns of `MARKED` are found by bitmaps (`gateway.audit.index.bits`): a row of `marks` says
   which records of one block have one value. Columns of `SOUGHT` have an ordinary index.
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

#: Columns with few values, or several values a record (names parted by spaces).
MARKED: Final = (
    "kind",
    "agency",
    "keyid",
    "operator",
    "terminal",
    "division",
    "item",
    "purpose",
    "epoch",
    "scheme",
    "certificate",
    "operation",
    "fields_requested",
    "fields_released",
    "grant_ref",
    "result",
    "rule",
    "outcome",
    "code",
    "served_from",
    "adapter",
    "actor",
    "action",
)
MANY_VALUED: Final = frozenset({"fields_requested", "fields_released"})

#: Columns with many values, or that are asked for by range.
SOUGHT: Final = ("time_ms", "id", "case_id", "ix", "adapter_ms", "subject")

NAMES: Final = tuple(name for name, _ in COLUMNS)

TABLES: Final = (
    f"CREATE TABLE records ({', '.join(f'{name} {kind}' for name, kind in COLUMNS)}) STRICT",
    # `column` is the place in MARKED.
    """CREATE TABLE marks (
        "column" INTEGER NOT NULL, value TEXT NOT NULL, block INTEGER NOT NULL, bits BLOB NOT NULL
    ) STRICT""",
    'CREATE UNIQUE INDEX marks_by_value ON marks ("column", value, block)',
    """CREATE TABLE blocks (
        block INTEGER PRIMARY KEY, first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL
    ) STRICT""",
    "CREATE TABLE erased (epoch TEXT PRIMARY KEY) STRICT",
    # How far the index has come: the size of the tree, and its complete subtrees in hex.
    """CREATE TABLE position (
        one INTEGER PRIMARY KEY CHECK (one = 1), schema TEXT NOT NULL, vkey TEXT NOT NULL,
        size INTEGER NOT NULL, hashes TEXT NOT NULL
    ) STRICT""",
)
INDEXES: Final = tuple(f"CREATE INDEX by_{name} ON records ({name})" for name in SOUGHT)
