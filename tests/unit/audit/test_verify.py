# SPDX-License-Identifier: Apache-2.0
"""Verifying a log: a good one passes, and whatever was done to a bad one is named."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.audit.log import Log
from gateway.audit.store.reader import DATABASE, LogReader
from gateway.audit.store.sqlite import SqliteStore
from gateway.audit.verify import Report, verify_log
from gateway.crypto.keys import generate_private_key
from gateway.errors import TrustError
from gateway.model.act import Act
from gateway.model.record import format_record
from gateway.tlog.checkpoint import sign_checkpoint
from gateway.tlog.merkle import EMPTY_ROOT
from gateway.tlog.note import NoteSigner
from tests.unit.audit.samples import KEY, ORIGIN, SIGNER, entry_bytes, write_log

GROUPS = [1, 9, 250, 100, 240]  # tiles fill between checkpoints
SIZE = sum(GROUPS)
FULL = SIZE // 256 * 256  # entries that a full tile has


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    write_log(folder, GROUPS)
    return folder


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Path:
    (tmp_path / DATABASE).write_bytes((template / DATABASE).read_bytes())
    return tmp_path


def verify(folder: Path, against: list[bytes] | None = None) -> Report:
    with closing(LogReader.open(folder)) as reader:
        return verify_log(reader, KEY, against=against or [])


def change(folder: Path, *statements: str, values: tuple[object, ...] = ()) -> None:
    with closing(sqlite3.connect(folder / DATABASE)) as connection, connection:
        for statement in statements:
            connection.execute(statement, values)


def refusal(folder: Path, against: list[bytes] | None = None) -> str:
    with pytest.raises(TrustError, match="PROOF_INVALID") as refused:
        verify(folder, against)
    return refused.value.detail


def test_a_good_log_passes(folder: Path) -> None:
    report = verify(folder)
    assert (report.origin, report.size) == (ORIGIN, SIZE)
    assert (report.checkpoint_count, report.tile_count) == (5, 4)


def test_an_empty_log_passes(tmp_path: Path) -> None:
    write_log(tmp_path, [])
    report = verify(tmp_path, [sign_checkpoint(0, EMPTY_ROOT, SIGNER)])
    assert (report.size, report.root) == (0, EMPTY_ROOT)


def test_progress_ends_with_all(folder: Path) -> None:
    seen = []
    with closing(LogReader.open(folder)) as reader:
        verify_log(reader, KEY, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (SIZE, SIZE)


def test_checkpoints_kept_elsewhere_are_counted(folder: Path) -> None:
    with closing(LogReader.open(folder)) as reader:
        notes = [note for _, note in reader.checkpoints()]
    assert verify(folder, notes).against_count == 5


@pytest.mark.parametrize("index", [0, 5, 255, 256, 259, 260, FULL - 1])
@pytest.mark.parametrize("entry", [entry_bytes(99), b"{}"])
def test_a_changed_entry_is_named(folder: Path, index: int, entry: bytes) -> None:
    change(folder, "UPDATE entries SET entry = ? WHERE idx = ?", values=(entry, index))
    assert refusal(folder).startswith(f"entry {index}: not what was recorded")


@pytest.mark.parametrize("entry", [entry_bytes(99), b"{}"])
def test_of_entries_that_no_full_tile_has_the_checkpoint_over_them_is_named(
    folder: Path, entry: bytes
) -> None:
    change(folder, "UPDATE entries SET entry = ? WHERE idx = ?", values=(entry, SIZE - 1))
    assert refusal(folder) == (
        f"checkpoint {SIZE}: its root is not that of the entries, "
        f"and no tile tells which of {FULL} to {SIZE - 1} is another"
    )


@pytest.mark.parametrize("index", [0, 300, SIZE - 1])
def test_a_missing_entry_is_named(folder: Path, index: int) -> None:
    change(folder, f"DELETE FROM entries WHERE idx = {index}")
    assert refusal(folder) == f"entry {index}: missing"


def test_swapped_entries_are_named_by_the_first(folder: Path) -> None:
    change(
        folder,
        "UPDATE entries SET idx = -1 WHERE idx = 20",
        "UPDATE entries SET idx = 20 WHERE idx = 30",
        "UPDATE entries SET idx = 30 WHERE idx = -1",
    )
    assert refusal(folder).startswith("entry 20:")


def test_an_inserted_entry_is_named_where_it_stands(folder: Path) -> None:
    change(
        folder,
        "UPDATE entries SET idx = -idx - 1 WHERE idx >= 40",
        "UPDATE entries SET idx = -idx WHERE idx < 0",
        "INSERT INTO entries SELECT 40, entry FROM entries WHERE idx = 39",
    )
    assert refusal(folder).startswith("entry 40:")


def test_an_entry_after_the_last_checkpoint_is_named(folder: Path) -> None:
    change(folder, "INSERT INTO entries VALUES (?, ?)", values=(SIZE, entry_bytes(1)))
    assert refusal(folder) == f"entry {SIZE}: not covered by the last checkpoint"


def test_a_log_without_checkpoints_is_refused(folder: Path) -> None:
    change(folder, "DELETE FROM checkpoints")
    assert refusal(folder) == "entry 0: not covered by any checkpoint"


def test_a_truncated_log_is_refused(folder: Path) -> None:
    change(folder, "DELETE FROM entries WHERE idx >= 360")
    assert refusal(folder) == "entry 360: missing"


def test_a_truncated_log_with_its_last_checkpoint_removed_is_refused_by_its_tiles(
    folder: Path,
) -> None:
    change(
        folder, "DELETE FROM entries WHERE idx >= 360", "DELETE FROM checkpoints WHERE size > 360"
    )
    assert refusal(folder).startswith("tile/0/001.p/104")


def test_a_log_rolled_back_as_a_whole_is_refused_by_a_checkpoint_kept_elsewhere(
    folder: Path, tmp_path: Path
) -> None:
    with closing(LogReader.open(folder)) as reader:
        kept = [note for size, note in reader.checkpoints() if size == SIZE]
    older = tmp_path / "older"
    write_log(older, GROUPS[:3])
    assert verify(older).size == 260
    assert refusal(older, kept).startswith("entry 260: missing")


def test_a_log_made_anew_with_its_own_key_is_refused_by_a_checkpoint_kept_elsewhere(
    folder: Path, tmp_path: Path
) -> None:
    with closing(LogReader.open(folder)) as reader:
        kept = [note for size, note in reader.checkpoints() if size == 10]
    anew = tmp_path / "anew"
    write_log(anew, GROUPS)  # other salts, so another tree
    assert verify(anew).size == SIZE
    assert refusal(anew, kept).startswith("checkpoint 10: the log's first entries are not those")


@pytest.mark.parametrize(
    ("level", "n", "path"),
    [
        (0, 0, "tile/0/000"),
        (0, 1, "tile/0/001"),
        (1, 0, "tile/1/000.p/2"),
    ],
)
def test_a_changed_tile_is_named(folder: Path, level: int, n: int, path: str) -> None:
    with closing(LogReader.open(folder)) as reader:
        hashes = bytearray(reader.stored_tile(level, n) or b"")
    hashes[40] ^= 1
    change(
        folder,
        "UPDATE tiles SET hashes = ? WHERE level = ? AND n = ?",
        values=(bytes(hashes), level, n),
    )
    assert refusal(folder) == f"{path}: not the hashes of its entries"


def test_a_full_tile_that_was_lengthened_is_named(folder: Path) -> None:
    change(
        folder, "UPDATE tiles SET hashes = CAST(hashes || x'00' AS BLOB) WHERE level = 0 AND n = 0"
    )
    assert refusal(folder) == "tile/0/000: not the hashes of its entries"


@pytest.mark.parametrize("key", ["schema", "origin", "vkey"])
def test_what_the_log_says_of_itself_is_compared(folder: Path, key: str) -> None:
    change(folder, f"UPDATE meta SET value = CAST(x'ff' AS TEXT) WHERE key = '{key}'")
    assert refusal(folder) == f"meta {key}: not what the key says"


def test_what_the_log_says_too_much_of_itself_is_refused(folder: Path) -> None:
    change(folder, "INSERT INTO meta VALUES ('more', '1')")
    assert refusal(folder).startswith("meta: says more")


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("INSERT INTO entries VALUES (-3, x'00')", "entry -3"),
        ("INSERT INTO checkpoints VALUES (-9, x'00')", "checkpoint -9"),
    ],
)
def test_a_row_below_index_0_is_named(folder: Path, statement: str, name: str) -> None:
    change(folder, statement)
    assert refusal(folder).startswith(f"{name}: below index 0")


def test_a_checkpoint_that_is_gone_is_missed_by_whoever_kept_it(folder: Path) -> None:
    with closing(LogReader.open(folder)) as reader:
        kept = dict(reader.checkpoints())[260]
    change(folder, "DELETE FROM checkpoints WHERE size = 260")
    assert verify(folder).size == SIZE
    assert refusal(folder, [kept]) == "checkpoint 260: kept elsewhere, and no longer in the log"


def test_acts_are_told_with_their_index_once_their_stretch_holds(tmp_path: Path) -> None:
    act = Act(
        id="a", salt="s", time="2026-11-22T08:00:00.000Z", action="view", actor="x", keyid="k"
    )
    store = SqliteStore.open(tmp_path, KEY)
    Log(store, SIGNER).append([entry_bytes(0), format_record(act), entry_bytes(1)])
    store.close()
    told: list[tuple[int, Act]] = []
    with closing(LogReader.open(tmp_path)) as reader:
        verify_log(reader, KEY, check_act=lambda index, act: told.append((index, act)))
    assert told == [(1, act)]


def test_a_missing_tile_is_named(folder: Path) -> None:
    change(folder, "DELETE FROM tiles WHERE level = 0 AND n = 1")
    assert refusal(folder).startswith("tile/0/001:")


def test_a_tile_too_many_is_refused(folder: Path) -> None:
    change(folder, "INSERT INTO tiles VALUES (2, 0, zeroblob(32))")
    assert refusal(folder).startswith("tiles: 4 are stored")


def write_last_tile(folder: Path, width: int, spoil: bytes = b"") -> None:
    """As earlier versions stored it, with each checkpoint."""
    with closing(LogReader.open(folder)) as reader:
        hashes = (reader.tile(0, FULL // 256) or b"")[: width * 32] + spoil
    change(folder, "INSERT INTO tiles VALUES (0, ?, ?)", values=(FULL // 256, hashes))


@pytest.mark.parametrize("width", [1, 87, 88])
def test_the_last_tile_may_be_there_as_earlier_versions_left_it(folder: Path, width: int) -> None:
    write_last_tile(folder, width)
    assert verify(folder).size == SIZE


@pytest.mark.parametrize(("width", "spoil"), [(0, b""), (1, b"x"), (1, b"x" * 32), (88, b"x" * 32)])
def test_another_last_tile_is_refused(folder: Path, width: int, spoil: bytes) -> None:
    write_last_tile(folder, width, spoil)
    assert refusal(folder) == "tile/0/002.p/88: not the hashes of its entries"


def test_a_log_that_ends_with_a_full_tile_has_no_other_after_it(tmp_path: Path) -> None:
    write_log(tmp_path, [256])
    change(tmp_path, "INSERT INTO tiles VALUES (0, 1, zeroblob(32))")
    assert refusal(tmp_path).startswith("tiles: 3 are stored")


@pytest.mark.parametrize("size", [1, 260, SIZE])
def test_a_changed_checkpoint_is_named(folder: Path, size: int) -> None:
    with closing(LogReader.open(folder)) as reader:
        note = bytearray(dict(reader.checkpoints())[size])
    note[-10] ^= 1
    change(folder, "UPDATE checkpoints SET note = ? WHERE size = ?", values=(bytes(note), size))
    assert refusal(folder).startswith(f"checkpoint {size}: note:")


def test_a_checkpoint_of_another_root_is_named_though_it_is_signed(folder: Path) -> None:
    note = sign_checkpoint(10, bytes(32), SIGNER)
    change(folder, "UPDATE checkpoints SET note = ? WHERE size = 10", values=(note,))
    assert refusal(folder) == "checkpoint 10: its root is not that of the entries"


def test_a_checkpoint_under_another_size_is_named(folder: Path) -> None:
    change(folder, "UPDATE checkpoints SET size = 11 WHERE size = 10")
    assert refusal(folder) == "checkpoint 11: signed for 10 entries"


def test_a_checkpoint_of_another_key_is_refused(folder: Path) -> None:
    other = NoteSigner.from_pem(ORIGIN, generate_private_key("ed25519"))
    note = sign_checkpoint(10, bytes(32), other)
    assert refusal(folder, [note]).startswith("checkpoint 0 of those kept elsewhere")


def test_a_log_of_another_origin_is_refused(folder: Path) -> None:
    other = NoteSigner.from_pem("log.example/other", generate_private_key("ed25519"))
    with closing(LogReader.open(folder)) as reader, pytest.raises(TrustError, match="origin"):
        verify_log(reader, other.public)


def test_an_entry_that_is_none_is_named_even_when_it_was_signed_for(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path, KEY)
    Log(store, SIGNER).append([entry_bytes(0), b'{"v": 1}'])
    store.close()
    assert refusal(tmp_path).startswith("entry 1: not an audit record")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_flipped_bit_goes_unseen(template: Path, tmp_path: Path, data: st.DataObject) -> None:
    (tmp_path / DATABASE).write_bytes((template / DATABASE).read_bytes())
    table, key, column = data.draw(
        st.sampled_from(
            [
                ("entries", "idx", "entry"),
                ("tiles", "rowid", "hashes"),
                ("checkpoints", "size", "note"),
            ]
        )
    )
    with closing(sqlite3.connect(tmp_path / DATABASE)) as connection, connection:
        rows = connection.execute(f"SELECT {key}, {column} FROM {table}").fetchall()
        row, content = data.draw(st.sampled_from(rows))
        changed = bytearray(content)
        at = data.draw(st.integers(0, len(changed) - 1))
        changed[at] ^= 1 << data.draw(st.integers(0, 7))
        connection.execute(
            f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (bytes(changed), row)
        )
    if table == "entries" and row < FULL:
        assert refusal(tmp_path).startswith(f"entry {row}:")
    else:
        refusal(tmp_path)


def test_a_log_may_be_verified_while_it_is_written(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path, KEY)
    log = Log(store, SIGNER)
    log.append([entry_bytes(number) for number in range(200)])
    with closing(LogReader.open(tmp_path)) as reader:

        def write_on(_done: int, _total: int) -> None:
            log.append([entry_bytes(number) for number in range(100)])

        report = verify_log(reader, KEY, progress=write_on)
    assert report.size == 200
    store.close()


def test_form_may_be_examined_elsewhere_up_to_an_index_and_acts_nowhere_else(
    tmp_path: Path,
) -> None:
    store = SqliteStore.open(tmp_path, KEY)
    bad = [b'{"v": 1}', entry_bytes(1), b'{"v":1,"kind":"act","id":"x"}']
    Log(store, SIGNER).append(bad)
    store.close()
    with closing(LogReader.open(tmp_path)) as reader:
        for form_from, named in ((0, "entry 0: not"), (1, "entry 2: not"), (3, "entry 2: not")):
            with pytest.raises(TrustError) as refused:
                verify_log(reader, KEY, form_from=form_from)
            assert refused.value.detail.startswith(named)
