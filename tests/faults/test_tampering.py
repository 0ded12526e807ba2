# SPDX-License-Identifier: Apache-2.0
"""F-06: whatever is done to a stored log, two verifiers that share no code see it, and agree.

The store is copied into memory once; each mutation is one statement or few inside a savepoint. The
checkpoints that the log had before are the ones kept elsewhere. `YIZHENG_MUTATIONS` says how many.
"""

import os
import random
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from gateway.audit.standalone import verify_log as second
from gateway.audit.store.reader import DATABASE, LogReader
from gateway.audit.verify import verify_log
from gateway.errors import TrustError
from tests.unit.audit.samples import KEY, entry_bytes, write_log

MUTATIONS = int(os.environ.get("YIZHENG_MUTATIONS", "300"))
GROUPS = [3, 40, 1, 100, 120, 60, 4]
SIZE = sum(GROUPS)
SEED = 20261122
SECOND_KEY = second.Key(KEY.vkey)

pytestmark = pytest.mark.faults

Draw = random.Random
Mutation = Callable[[sqlite3.Connection, Draw], bool]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    """The log in memory."""
    folder = tmp_path_factory.mktemp("log")
    write_log(folder, GROUPS)
    memory = sqlite3.connect(":memory:", isolation_level=None)
    with closing(sqlite3.connect(folder / DATABASE)) as stored:
        stored.backup(memory)
    yield memory
    memory.close()


@pytest.fixture(scope="module")
def kept(log: sqlite3.Connection) -> list[bytes]:
    """Every checkpoint, kept elsewhere in time."""
    return [note for (note,) in log.execute("SELECT note FROM checkpoints")]


@contextmanager
def undone(log: sqlite3.Connection) -> Iterator[None]:
    log.execute("BEGIN")
    try:
        yield
    finally:
        log.execute("ROLLBACK")


def first_verdict(log: sqlite3.Connection, kept: list[bytes]) -> str | None:
    """The record that our verifier names; None when all holds."""
    try:
        verify_log(LogReader(log), KEY, against=kept)
    except TrustError as error:
        return error.detail.partition(": ")[0]
    return None


def second_verdict(log: sqlite3.Connection, kept: list[bytes]) -> str | None:
    """The same of the one that shares no code with it."""
    try:
        second.verify(log, SECOND_KEY, kept)
    except second.Broken as broken:
        return broken.record
    return None


# ---- what somebody does to the file: each returns whether anything is different now ------------

COLUMNS = {
    "entries": ("idx", "entry"),
    "tiles": ("level", "n", "hashes"),
    "checkpoints": ("size", "note"),
    "meta": ("key", "value"),
}
VALUES = {"entries": "entry", "tiles": "hashes", "checkpoints": "note", "meta": "value"}


def some_rowids(log: sqlite3.Connection, table: str, draw: Draw, count: int = 1) -> list[int]:
    return draw.sample([row[0] for row in log.execute(f"SELECT rowid FROM {table}")], count)


def some_table(draw: Draw) -> str:
    return draw.choices(list(COLUMNS), weights=(6, 3, 3, 1))[0]


def write(log: sqlite3.Connection, table: str, column: str, rowid: int, value: object) -> bool:
    """False where the schema itself refuses the value: a key that is there already."""
    cast = "CAST(? AS TEXT)" if table == "meta" else "?"
    try:
        log.execute(f"UPDATE {table} SET {column} = {cast} WHERE rowid = ?", (value, rowid))
    except (sqlite3.IntegrityError, OverflowError):
        return False
    return True


def flip_a_bit(log: sqlite3.Connection, draw: Draw) -> bool:
    table = some_table(draw)
    column = draw.choice(COLUMNS[table])
    (rowid,) = some_rowids(log, table, draw)
    cast = f"CAST({column} AS BLOB)" if table == "meta" else column
    ((value,),) = log.execute(f"SELECT {cast} FROM {table} WHERE rowid = {rowid}").fetchall()
    if isinstance(value, int):
        return write(log, table, column, rowid, value ^ (1 << draw.randrange(63)))
    changed = bytearray(value)
    changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return write(log, table, column, rowid, bytes(changed))


def shorten_or_lengthen(log: sqlite3.Connection, draw: Draw) -> bool:
    table = draw.choice(["entries", "tiles", "checkpoints"])
    (rowid,) = some_rowids(log, table, draw)
    column = VALUES[table]
    ((value,),) = log.execute(f"SELECT {column} FROM {table} WHERE rowid = {rowid}").fetchall()
    cut = draw.randrange(1, len(value))
    changed = draw.choice([b"", value[:cut], value + b"\n", value + value[:cut]])
    return write(log, table, column, rowid, changed)


def delete_a_row(log: sqlite3.Connection, draw: Draw) -> bool:
    table = some_table(draw)
    (rowid,) = some_rowids(log, table, draw)
    log.execute(f"DELETE FROM {table} WHERE rowid = {rowid}")
    return True


def swap_two_values(log: sqlite3.Connection, draw: Draw) -> bool:
    table = some_table(draw)
    one, other = some_rowids(log, table, draw, 2)
    column = VALUES[table]
    values = dict(
        log.execute(f"SELECT rowid, {column} FROM {table} WHERE rowid IN ({one}, {other})")
    )
    log.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (values[other], one))
    log.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (values[one], other))
    return bool(values[one] != values[other])


def replace_an_entry_by_a_sound_one(log: sqlite3.Connection, draw: Draw) -> bool:
    return write(log, "entries", "entry", draw.randrange(SIZE), entry_bytes(draw.randrange(SIZE)))


def insert_an_entry(log: sqlite3.Connection, draw: Draw) -> bool:
    at = draw.randrange(SIZE + 1)
    log.execute("UPDATE entries SET idx = -idx - 1 WHERE idx >= ?", (at,))
    log.execute("UPDATE entries SET idx = -idx WHERE idx < 0")
    log.execute("INSERT INTO entries VALUES (?, ?)", (at, entry_bytes(at)))
    return True


def insert_elsewhere(log: sqlite3.Connection, draw: Draw) -> bool:
    table = draw.choice(["tiles", "checkpoints", "meta", "below zero", "far beyond"])
    note = log.execute("SELECT note FROM checkpoints ORDER BY random() LIMIT 1").fetchone()[0]
    match table:
        case "tiles":
            row = (draw.randrange(2, 64), draw.randrange(1 << 40), draw.randbytes(32))
            log.execute("INSERT INTO tiles VALUES (?, ?, ?)", row)
        case "checkpoints":
            size = draw.choice([draw.randrange(-SIZE, SIZE), draw.randrange(SIZE, 1 << 40)])
            if log.execute("SELECT 1 FROM checkpoints WHERE size = ?", (size,)).fetchone():
                return False
            log.execute("INSERT INTO checkpoints VALUES (?, ?)", (size, note))
        case "meta":
            log.execute("INSERT INTO meta VALUES ('more', 'more')")
        case "below zero":
            log.execute("INSERT INTO entries VALUES (?, ?)", (-draw.randrange(1, 99), b"{}"))
        case _:
            far = SIZE + draw.randrange(1, 1 << 40)
            log.execute("INSERT INTO entries VALUES (?, ?)", (far, entry_bytes(1)))
    return True


def truncate(log: sqlite3.Connection, draw: Draw) -> bool:
    table, column = draw.choice([("entries", "idx"), ("checkpoints", "size")])
    log.execute(f"DELETE FROM {table} WHERE {column} >= {draw.randrange(SIZE)}")
    return True


def roll_back(log: sqlite3.Connection, draw: Draw) -> bool:
    """The whole store as it was at an earlier checkpoint, consistent in itself."""
    sizes = [size for (size,) in log.execute("SELECT size FROM checkpoints ORDER BY size")]
    size = draw.choice(sizes[:-1])
    log.execute("DELETE FROM entries WHERE idx >= ?", (size,))
    log.execute("DELETE FROM checkpoints WHERE size > ?", (size,))
    for level, n, hashes in log.execute("SELECT level, n, hashes FROM tiles").fetchall():
        left = max(0, min((size >> 8 * level) - n * 256, 256)) * 32
        if left:
            row = (hashes[:left], level, n)
            log.execute("UPDATE tiles SET hashes = ? WHERE level = ? AND n = ?", row)
        else:
            log.execute("DELETE FROM tiles WHERE level = ? AND n = ?", (level, n))
    return True


KINDS: list[tuple[int, Mutation]] = [
    (10, flip_a_bit),
    (2, shorten_or_lengthen),
    (3, delete_a_row),
    (2, swap_two_values),
    (2, replace_an_entry_by_a_sound_one),
    (2, insert_an_entry),
    (2, insert_elsewhere),
    (1, truncate),
    (1, roll_back),
]


def test_both_find_the_untouched_log_good(log: sqlite3.Connection, kept: list[bytes]) -> None:
    assert first_verdict(log, kept) is None
    assert second_verdict(log, kept) is None


def test_a_rolled_back_log_is_good_in_itself(log: sqlite3.Connection) -> None:
    with undone(log):
        roll_back(log, Draw(SEED))
        assert first_verdict(log, []) is None
        assert second_verdict(log, []) is None


@pytest.mark.timeout(3600)
def test_every_mutation_is_found_by_both_and_they_name_the_same_record(
    log: sqlite3.Connection, kept: list[bytes], record_property: Callable[[str, object], None]
) -> None:
    draw = Draw(SEED)
    made: Counter[str] = Counter()
    kinds = [kind for weight, kind in KINDS for _ in range(weight)]
    while made.total() < MUTATIONS:
        kind = kinds[made.total() % len(kinds)]
        with undone(log):
            if not kind(log, draw):
                continue
            number = made.total()
            first, other = first_verdict(log, kept), second_verdict(log, kept)
        assert first is not None, (number, kind.__name__)
        assert other == first, (number, kind.__name__)
        made[kind.__name__] += 1
    record_property("mutations", dict(made))
    assert made.total() == MUTATIONS


def test_the_second_verifier_runs_as_a_script(tmp_path: Path) -> None:
    write_log(tmp_path, [3, 2])
    vkey = tmp_path / "log.vkey"
    vkey.write_text(KEY.vkey + "\n")
    store = tmp_path / DATABASE
    assert second.main([str(store), str(vkey)]) == 0
    with closing(sqlite3.connect(store)) as connection, connection:
        note = connection.execute("SELECT note FROM checkpoints WHERE size = 5").fetchone()[0]
        connection.execute("DELETE FROM checkpoints WHERE size = 5")
    assert second.main([str(store), str(vkey)]) == 4
    (tmp_path / "kept").write_bytes(note)
    assert second.main([str(store), str(vkey), "--against", str(tmp_path / "kept")]) == 4
    assert second.main([str(tmp_path / "none"), str(vkey)]) == 3


def test_the_second_verifier_loads_nothing_of_the_gateway() -> None:
    script = f"import runpy, sys; runpy.run_path({second.__file__!r}); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-I", "-c", script], capture_output=True, check=True, text=True
    )
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert not {"gateway", "msgspec"} & loaded
