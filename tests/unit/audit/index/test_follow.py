# SPDX-License-Identifier: Apache-2.0
"""The index follows the log: whole after any kill, proved, and erased where it was erased."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.audit.index.follow import Follower, index_state, keep_index
from gateway.audit.index.query import Query
from gateway.audit.index.rows import IndexReader
from gateway.audit.index.schema import DATABASE
from gateway.audit.index.writer import forget_epoch
from gateway.errors import SetupError, TrustError
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


async def test_the_process_follows_until_it_is_told_to_stop(
    log: IndexedLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "nice", lambda _: 0)  # this process is the tests' own
    log.append(50)
    assert index_state(log.log, log.index) == "none"
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
