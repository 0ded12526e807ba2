# SPDX-License-Identifier: Apache-2.0
"""The log at rest: all or nothing, one writer, and no word of a log that contradicts itself."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.audit.log import Log
from gateway.audit.store.reader import DATABASE, LogReader
from gateway.audit.store.sqlite import SqliteStore
from gateway.audit.verify import verify_log
from gateway.crypto.keys import generate_private_key
from gateway.errors import AuditError, SetupError, TrustError
from gateway.tlog.checkpoint import verify_checkpoint
from gateway.tlog.merkle import (
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
)
from gateway.tlog.note import NoteSigner
from tests.unit.audit.samples import KEY, ORIGIN, SIGNER, entry_bytes, held_snapshot, write_log


def run_sql(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / DATABASE)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    store = SqliteStore.open(tmp_path / "log", KEY)
    yield Log(store, SIGNER)
    store.close()


def test_a_new_log_is_empty_and_private(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path / "log", KEY)
    assert store.edge.size == 0
    assert store.reader.last_checkpoint() is None
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "log").iterdir()} == {0}
    assert (tmp_path / "log").stat().st_mode & 0o077 == 0
    store.close()


def test_what_was_appended_is_read_back(tmp_path: Path) -> None:
    entries = write_log(tmp_path, [1, 5, 300, 2])
    with closing(LogReader.open(tmp_path)) as reader:
        assert reader.size() == 308
        assert [entry for _, entry in reader.entries()] == entries
        assert list(reader.entries(300)) == list(enumerate(entries[300:], 300))
        assert reader.tail(3) == list(enumerate(entries[-3:], 305))
        assert reader.tail(2, before=4) == list(enumerate(entries[2:4], 2))
        assert reader.entry(7) == entries[7]
        assert [size for size, _ in reader.checkpoints()] == [1, 6, 306, 308]
        assert [size for size, _ in reader.checkpoints(300)] == [306, 308]
        assert reader.meta("origin") == ORIGIN


def test_entries_are_read_past_the_first_batch(tmp_path: Path) -> None:
    entries = write_log(tmp_path, [2500])
    with closing(LogReader.open(tmp_path)) as reader:
        assert [entry for _, entry in reader.entries(3)] == entries[3:]


def test_proofs_are_made_from_the_stored_tiles(tmp_path: Path) -> None:
    entries = write_log(tmp_path, [200, 300, 113])
    with closing(LogReader.open(tmp_path)) as reader:
        notes = dict(reader.checkpoints())
        last = verify_checkpoint(notes[613], KEY)
        for index in (0, 255, 256, 511, 612):
            proof = inclusion_proof(index, 613, reader.node)
            verify_inclusion(leaf_hash(entries[index]), index, 613, proof, last.root)
        for size in (200, 500):
            proof = consistency_proof(size, 613, reader.node)
            old = verify_checkpoint(notes[size], KEY)
            verify_consistency(size, 613, proof, old.root, last.root)


def test_what_is_not_there_is_not_made_up(tmp_path: Path) -> None:
    write_log(tmp_path, [3])
    with closing(LogReader.open(tmp_path)) as reader:
        with pytest.raises(TrustError, match="entry 3: missing"):
            reader.entry(3)
        with pytest.raises(TrustError):
            reader.node(0, 3)
        assert reader.tile(5, 5) is None


def test_a_log_goes_on_where_it_ended(tmp_path: Path) -> None:
    write_log(tmp_path, [255])
    store = SqliteStore.open(tmp_path, KEY)
    log = Log(store, SIGNER)
    assert log.append([entry_bytes(n) for n in range(255, 260)]) == 255
    assert log.size == 260
    store.close()


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path, KEY)
    with pytest.raises(SetupError, match="another sequencer holds this log"):
        SqliteStore.open(tmp_path, KEY)
    store.close()
    SqliteStore.open(tmp_path, KEY).close()


@pytest.mark.parametrize(("name", "member"), [("log.example/other", "origin"), (ORIGIN, "vkey")])
def test_a_log_of_another_name_or_key_is_refused(tmp_path: Path, name: str, member: str) -> None:
    write_log(tmp_path, [1])
    other = NoteSigner.from_pem(name, generate_private_key("ed25519"))
    with pytest.raises(SetupError, match=f"another {member}.*Remedy"):
        SqliteStore.open(tmp_path, other.public)
    SqliteStore.open(tmp_path, KEY).close()


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM entries WHERE idx = 299",
        "DELETE FROM checkpoints WHERE size = 300",
        "DELETE FROM entries WHERE idx = 290",
        "DELETE FROM tiles WHERE level = 0 AND n = 0",
        "DELETE FROM tiles WHERE level = 1",
        "UPDATE tiles SET hashes = zeroblob(length(hashes)) WHERE level = 1",
        "UPDATE tiles SET hashes = substr(hashes, 1, 32) WHERE level = 0 AND n = 0",
        "UPDATE entries SET entry = x'7b7d' WHERE idx = 290",
        """UPDATE checkpoints SET note = (SELECT note FROM checkpoints WHERE size = 100)
        WHERE size = 300""",
        "UPDATE checkpoints SET note = zeroblob(100) WHERE size = 300",
        "INSERT INTO entries VALUES (300, x'7b7d')",
    ],
)
def test_a_log_that_contradicts_itself_is_not_opened(tmp_path: Path, damage: str) -> None:
    write_log(tmp_path, [100, 200])
    run_sql(tmp_path, damage)
    with pytest.raises(SetupError, match=r"PROOF|Remedy: stop, keep the folder"):
        SqliteStore.open(tmp_path, KEY)


def test_a_failed_commit_writes_nothing_and_poisons_the_store(log: Log, tmp_path: Path) -> None:
    entries = [entry_bytes(number) for number in range(4)]
    log.append(entries[:1])
    run_sql(
        tmp_path / "log",
        "CREATE TRIGGER full BEFORE INSERT ON checkpoints BEGIN SELECT RAISE(FAIL, 'full'); END",
    )
    with pytest.raises(AuditError, match="AUDIT_UNAVAILABLE: writing"):
        log.append(entries[1:3])
    with pytest.raises(AuditError, match="closed after a failure"):
        log.append(entries[1:3])
    run_sql(tmp_path / "log", "DROP TRIGGER full")
    with pytest.raises(AuditError, match="closed after a failure"):
        log.append(entries[1:3])
    log.reopen()
    assert log.append(entries[3:]) == 1
    assert [entry for _, entry in log.reader.entries()] == [entries[0], entries[3]]


def test_a_store_that_cannot_be_read_again_stays_poisoned(log: Log, tmp_path: Path) -> None:
    log.append([entry_bytes(0)])
    with closing(sqlite3.connect(tmp_path / "log" / DATABASE)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(AuditError, match="another program holds the file"):
            log.reopen()
        with pytest.raises(AuditError, match="closed after a failure"):
            log.append([entry_bytes(1)])
    log.reopen()
    assert log.append([entry_bytes(1)]) == 1


def test_a_reader_keeps_nobody_from_opening_the_log(tmp_path: Path) -> None:
    """Neither a sequencer that has failed, nor the next one; and none of them disturbs it."""
    entries = write_log(tmp_path, [3])
    store = SqliteStore.open(tmp_path, KEY)
    log = Log(store, SIGNER)
    log.append([entry_bytes(3)])
    with held_snapshot(tmp_path) as reader:
        log.append([entry_bytes(4)])
        log.reopen()
        log.append([entry_bytes(5)])
        store.close()
        with closing(SqliteStore.open(tmp_path, KEY)) as store:
            Log(store, SIGNER).append([entry_bytes(6)])
        assert reader.execute("SELECT count(*) FROM entries").fetchone() == (4,)
    with closing(SqliteStore.open(tmp_path, KEY)) as store:
        assert verify_log(store.reader, KEY).size == 7
        assert [entry for _, entry in store.reader.entries()][:3] == entries


def test_what_a_reader_keeps_in_the_write_ahead_log_is_written_and_synced_again_there(
    log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a failed sync the kernel may call pages clean that are on no disk."""
    wal = tmp_path / "log" / f"{DATABASE}-wal"
    calls: list[tuple[str, int, int]] = []

    def pwrite(fd: int, content: bytes, at: int) -> int:
        calls.append(("write", at, at + len(content)))
        return os.write(fd, content) if os.lseek(fd, at, os.SEEK_SET) == at else 0

    def fsync(fd: int) -> None:
        if os.path.samestat(os.fstat(fd), wal.stat()):
            calls.append(("sync", 0, wal.stat().st_size))

    log.append([entry_bytes(0)])
    with held_snapshot(tmp_path / "log"):
        log.append([entry_bytes(1)])
        before = wal.read_bytes()
        monkeypatch.setattr(os, "pwrite", pwrite)
        monkeypatch.setattr(os, "fsync", fsync)
        log.reopen()
        assert wal.read_bytes() == before
    *writes, last = calls
    assert last == ("sync", 0, len(before))
    ends = [0, *(end for _, _, end in writes)]
    assert [start for _, start, _ in writes] == ends[:-1]
    assert ends[-1] == len(before)


def test_tiles_are_stored_when_one_of_the_lowest_level_is_full(log: Log) -> None:
    log.append([entry_bytes(number) for number in range(255)])
    assert log.reader.size_and_tile_count() == (255, 0)
    log.append([entry_bytes(255)])
    assert log.reader.size_and_tile_count() == (256, 2)
    before = log.reader.stored_tile(0, 0)
    log.append([entry_bytes(256)])
    assert log.reader.stored_tile(0, 0) == before
    assert log.reader.stored_tile(0, 1) is None
    log.append([entry_bytes(number) for number in range(300)])
    assert log.reader.size_and_tile_count() == (557, 3)
    assert len(log.reader.stored_tile(1, 0) or b"") == 2 * 32


def test_a_tile_that_is_not_stored_yet_is_made_of_its_entries(log: Log) -> None:
    entries = [entry_bytes(number) for number in range(600)]
    log.append(entries[:300])
    reader = log.reader
    assert reader.tile(0, 1) == b"".join(map(leaf_hash, entries[256:300]))
    log.append(entries[300:310])
    assert reader.tile(0, 1) == b"".join(map(leaf_hash, entries[256:310]))
    log.append(entries[310:])
    assert reader.tile(0, 1) == b"".join(map(leaf_hash, entries[256:512]))
    assert reader.tile(0, 2) == b"".join(map(leaf_hash, entries[512:]))
    assert reader.tile(0, 3) is None


def test_a_full_tile_that_was_taken_away_is_not_made_again(log: Log, tmp_path: Path) -> None:
    log.append([entry_bytes(number) for number in range(300)])
    run_sql(tmp_path / "log", "DELETE FROM tiles WHERE level = 0")
    assert log.reader.tile(0, 0) is None


def test_a_log_of_an_earlier_version_goes_on(tmp_path: Path) -> None:
    """It has the last tile as wide as it was; that one is replaced when it is full."""
    entries = write_log(tmp_path, [300])
    hashes = b"".join(map(leaf_hash, entries[256:])).hex()
    run_sql(tmp_path, f"INSERT INTO tiles VALUES (0, 1, x'{hashes}')")
    with closing(SqliteStore.open(tmp_path, KEY)) as store:
        log = Log(store, SIGNER)
        log.append([entry_bytes(300)])
        assert verify_log(log.reader, KEY).size == 301
        assert len(log.reader.tile(0, 1) or b"") == 45 * 32
        log.append([entry_bytes(number) for number in range(301, 512)])
        assert len(log.reader.stored_tile(0, 1) or b"") == 256 * 32
        assert verify_log(log.reader, KEY).size == 512


def test_the_log_is_synced_at_each_commit(log: Log) -> None:
    connection = log._store._open_connection()
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_an_open_reader_sees_each_commit(log: Log, tmp_path: Path) -> None:
    with closing(LogReader.open(tmp_path / "log")) as reader:
        assert reader.size() == 0
        log.append([entry_bytes(0)])
        assert reader.size() == 1


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SetupError, match=r"file.*Remedy"):
        SqliteStore.open(tmp_path / "file" / "log", KEY)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / DATABASE).write_bytes(b"no database at all" * 100)
    with pytest.raises(SetupError, match="damaged"):
        SqliteStore.open(tmp_path, KEY)


def test_a_reader_needs_a_log(tmp_path: Path) -> None:
    with pytest.raises(AuditError, match="opening the log"):
        LogReader.open(tmp_path)
