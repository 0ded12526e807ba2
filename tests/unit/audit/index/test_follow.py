# SPDX-License-Identifier: Apache-2.0
"""The index follows the log: whole after any kill, proved, and erased where it was erased."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.audit.index import follow, writer
from gateway.audit.index.follow import Follower, index_state, keep_index
from gateway.audit.index.query import Query
from gateway.audit.index.rows import IndexReader
from gateway.audit.index.schema import DATABASE
from gateway.audit.index.writer import forget_epoch
from gateway.audit.verify_index import IndexPart, verify_index
from gateway.errors import AuditError, SetupError, TrustError
from tests.unit.audit.index.logs import IndexedLog

KILLS = int(os.environ.get("YIZHENG_INDEX_KILLS", "4"))
FOLLOW = """
import sys
from pathlib import Path
from gateway.audit.index import follow
from gateway.tlog.note import parse_vkey

follow._STRETCH_COUNT = follow._BUILD_COUNT = 64
folder = Path(sys.argv[1])
print("begun", flush=True)
follower = follow.Follower(folder / "log", folder / "index", parse_vkey(sys.argv[2]))
for done, _ in follower.catch_up():
    print(done, flush=True)
"""


@pytest.fixture
def log(tmp_path: Path) -> IndexedLog:
    return IndexedLog(tmp_path)


def content(log: IndexedLog) -> list[tuple[object, ...]]:
    """All tables of an index, in an order of their own."""
    with closing(sqlite3.connect(log.index / DATABASE)) as database:
        return [
            row
            for table in ("records", "blocks", "position", "erased")
            for row in database.execute(f"SELECT * FROM {table} ORDER BY 1")
        ] + database.execute('SELECT * FROM marks ORDER BY "column", value, block').fetchall()


def size(log: IndexedLog) -> int:
    with closing(IndexReader.open(log.index)) as reader:
        return reader.size()


def blind_indices(log: IndexedLog, epoch: str) -> list[object]:
    with closing(sqlite3.connect(log.index / DATABASE)) as database:
        rows = database.execute("SELECT ix FROM records WHERE epoch = ?", (epoch,))
        return [row[0] for row in rows]


def test_following_in_any_steps_gives_what_building_gives(log: IndexedLog) -> None:
    for count in (1, 250, 64, 700):
        log.append(count, group=37)
        log.catch_up()
        assert size(log) == len(log.records)
    followed = content(log)
    log.catch_up(anew=True)
    assert content(log) == followed
    assert (log.index / DATABASE).stat().st_mode & 0o777 == 0o600


def test_an_index_is_whole_after_any_kill(log: IndexedLog, tmp_path: Path) -> None:
    log.append(10)
    log.catch_up()
    for number in range(KILLS):
        log.append(640, group=16)
        line = [sys.executable, "-c", FOLLOW, str(tmp_path), log.key.vkey]
        with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            for _ in range(2 + number):
                child.stdout.readline()
            child.send_signal(signal.SIGKILL)
        standing = size(log)
        assert standing <= len(log.records)
        with closing(IndexReader.open(log.index)) as reader:
            assert reader.search(Query()).total == standing
            assert len(list(reader.rows(range(standing)))) == standing
        log.catch_up()
    followed = content(log)
    log.catch_up(anew=True)
    assert content(log) == followed


def test_a_log_that_was_changed_is_indexed_anew_with_a_warning(
    log: IndexedLog, tmp_path: Path
) -> None:
    log.append(300)
    log.catch_up()
    (tmp_path / "log").rename(tmp_path / "old")
    other = IndexedLog(tmp_path, seed=2, signer=log.signer)
    other.append(400)
    with capture_logs() as logs:
        other.catch_up()
    assert [entry["event"] for entry in logs] == [
        "the log is not the one that was indexed; building anew"
    ]
    with closing(IndexReader.open(other.index)) as reader:
        assert [row["id"] for row in reader.rows(range(400))] == [r.id for r in other.records]


def test_what_the_log_did_not_sign_is_not_indexed(log: IndexedLog) -> None:
    log.append(300)
    log.catch_up()
    log.append(200)
    with closing(sqlite3.connect(log.log / "audit.sqlite3")) as database, database:
        (line,) = database.execute("SELECT entry FROM entries WHERE idx = 450").fetchone()
        changed = line.replace(b'"purpose":"', b'"purpose":"x')
        database.execute("UPDATE entries SET entry = ? WHERE idx = 450", (changed,))
    for _ in range(2):
        with pytest.raises(TrustError):
            log.catch_up()
        assert size(log) == 300
    assert index_state(log.log, log.index) == "behind 200"


def test_a_gap_is_not_indexed(log: IndexedLog) -> None:
    log.append(300)
    with closing(sqlite3.connect(log.log / "audit.sqlite3")) as database, database:
        database.execute("DELETE FROM entries WHERE idx = 5")
    with pytest.raises(TrustError, match="entry 5: missing"):
        log.catch_up()
    assert size(log) == 0


def test_an_index_has_one_writer(log: IndexedLog) -> None:
    log.append(10)
    follower = Follower(log.log, log.index, log.key)
    with pytest.raises(SetupError, match="another process keeps this index"):
        log.catch_up()
    follower.close()
    log.catch_up()


def test_an_erased_epoch_is_gone_from_the_index_for_good(log: IndexedLog) -> None:
    log.append(900)
    log.catch_up()
    gone = blind_indices(log, "2026-10")[0]
    assert isinstance(gone, bytes)
    kept = blind_indices(log, "2026-09")
    log.kept.remove("2026-10")
    assert forget_epoch(log.index, "2026-10") == len(blind_indices(log, "2026-10"))
    assert forget_epoch(log.index, "2026-10") == 0
    assert set(blind_indices(log, "2026-10")) == {None}
    assert blind_indices(log, "2026-09") == kept
    files = b"".join(path.read_bytes() for path in log.index.iterdir())
    assert gone not in files
    log.append(100)
    log.catch_up()
    log.catch_up(anew=True)
    assert set(blind_indices(log, "2026-10")) == {None}
    assert blind_indices(log, "2026-09")[: len(kept)] == kept


@pytest.mark.parametrize("lost", ["the file", "the folder", "its writing", "the command"])
def test_an_erased_epoch_stays_gone_whatever_becomes_of_the_index(
    log: IndexedLog, lost: str
) -> None:
    log.append(900)
    if lost != "the folder":  # there, nobody has built one yet
        log.catch_up()
    log.kept.remove("2026-10")
    if lost != "the command":  # there, it was killed before the index forgot
        forget_epoch(log.index, "2026-10")
    if lost == "the file":
        (log.index / DATABASE).unlink()
    if lost == "its writing":
        (log.index / DATABASE).write_bytes(b"\x00" * 4096)
    log.append(100)
    log.catch_up()
    assert set(blind_indices(log, "2026-10")) == {None}
    assert None not in blind_indices(log, "2026-09")
    assert verify_index(IndexPart(log.log, log.index, tuple(log.kept))) == 1000


@pytest.mark.parametrize("step", ["finish", "put_in_place"])
def test_an_epoch_that_is_erased_while_an_index_is_built_is_gone(
    log: IndexedLog, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The erasure comes just before the last step, or between it and the next use."""
    log.append(300)
    log.catch_up()
    room = writer.IndexWriter if step == "finish" else follow
    do = getattr(room, step)

    def erase_first(*arguments: object) -> None:
        log.kept.discard("2026-11")
        forget_epoch(log.index, "2026-11")
        do(*arguments)

    monkeypatch.setattr(room, step, erase_first)
    log.catch_up(anew=True)
    assert set(blind_indices(log, "2026-11")) == {None}


def test_keys_that_come_back_are_searched_again(log: IndexedLog) -> None:
    log.append(900)
    log.catch_up()
    whole = content(log)
    log.kept.clear()  # the file of keys was not there for a moment
    log.catch_up()
    assert set(blind_indices(log, "2026-10")) == {None}
    log.kept |= {"2026-09", "2026-10", "2026-11"}
    log.catch_up()
    assert content(log) == whole


def cut_header(index: bytes) -> bytes:
    return b"\x00" * 100 + index[100:]


def break_pages(index: bytes) -> bytes:
    return index[:4096] + b"\xff" * (len(index) - 4096)


def fill_with_garbage(_index: bytes) -> bytes:
    return b"garbage" * 1000


@pytest.mark.parametrize("anew", [False, True])
@pytest.mark.parametrize("damage", [cut_header, break_pages, fill_with_garbage])
def test_a_damaged_index_is_built_anew(
    log: IndexedLog, damage: Callable[[bytes], bytes], *, anew: bool
) -> None:
    log.append(300)
    log.catch_up()
    whole = content(log)
    path = log.index / DATABASE
    path.write_bytes(damage(path.read_bytes()))
    with capture_logs() as logs:
        log.catch_up(anew=anew)
    assert content(log) == whole
    assert ["building anew" in entry["event"] for entry in logs] == [True]


def test_a_position_that_is_none_is_built_anew(log: IndexedLog) -> None:
    log.append(300)
    log.catch_up()
    whole = content(log)
    with closing(sqlite3.connect(log.index / DATABASE)) as database, database:
        database.execute("UPDATE position SET hashes = 'none'")
    log.catch_up()
    assert content(log) == whole


def test_damage_that_is_met_while_following_is_built_anew(log: IndexedLog) -> None:
    log.append(300)
    follower = Follower(log.log, log.index, log.key)
    list(follower.catch_up())
    with closing(sqlite3.connect(log.index / DATABASE)) as database, database:
        database.execute("DROP TABLE blocks")
    log.append(100)
    assert list(follower.catch_up())[-1] == (400, 400)
    follower.close()
    followed = content(log)
    log.catch_up(anew=True)
    assert content(log) == followed


@pytest.mark.parametrize("step", ["create", "finish"])
def test_a_build_that_finds_no_space_is_an_error_of_ours_and_leaves_the_old_index(
    log: IndexedLog, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fill(*_arguments: object) -> None:
        with closing(sqlite3.connect(":memory:")) as full:
            full.execute("PRAGMA max_page_count = 1")
            full.execute("CREATE TABLE one (two)")

    log.append(300)
    log.catch_up()
    monkeypatch.setattr(writer.IndexWriter, step, fill)
    with pytest.raises(AuditError, match="SQLITE_FULL"):
        log.catch_up(anew=True)
    assert size(log) == 300


def test_erasing_works_beside_a_follower(log: IndexedLog) -> None:
    log.append(300)
    follower = Follower(log.log, log.index, log.key)
    list(follower.catch_up())
    forget_epoch(log.index, "2026-11")
    log.append(300)
    list(follower.catch_up())
    follower.close()
    assert set(blind_indices(log, "2026-11")) == {None}
    assert size(log) == 600


def test_an_index_that_is_not_there_can_be_neither_read_nor_erased(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="yizheng audit index build"):
        IndexReader.open(tmp_path)
    assert forget_epoch(tmp_path, "2026-11") == 0


@pytest.mark.parametrize("before", ["none", "AUDIT_UNAVAILABLE"])
async def test_the_process_follows_until_it_is_told_to_stop(
    log: IndexedLog, monkeypatch: pytest.MonkeyPatch, before: str
) -> None:
    monkeypatch.setattr(os, "nice", lambda _: 0)  # this process is the tests' own
    log.append(50)
    if before != "none":
        log.index.mkdir()
        (log.index / DATABASE).write_bytes(fill_with_garbage(b""))
    assert index_state(log.log, log.index) == before
    quit_event, behind = asyncio.Event(), list[int]()

    async def caught_up(count: int) -> None:
        while index_state(log.log, log.index) != "ok" or size(log) != count:  # noqa: ASYNC110 - told to nobody
            await asyncio.sleep(0.01)

    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        keeping = tasks.create_task(
            keep_index(
                log.log,
                log.index,
                log.key,
                quit_event=quit_event,
                on_ready=lambda: None,
                on_behind=behind.append,
            )
        )
        await caught_up(50)
        log.append(70)
        await caught_up(120)
        quit_event.set()
        await keeping
    assert behind[-1] == 0
