# SPDX-License-Identifier: Apache-2.0
"""The office store: durable writes of one thread, reads that see them, and faults told as such."""

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gateway.errors import RequestError, SetupError, StoreError
from gateway.office import schema
from gateway.office.store import DATABASE, OfficeStore
from gateway.sdk import Deadline


def soon() -> Deadline:
    return Deadline.after(5)


def count_cases(store: OfficeStore) -> int:
    return int(store.select("SELECT count(*) FROM cases")[0][0])


def add(connection: sqlite3.Connection, number: str = "YQ-0001") -> None:
    connection.execute(
        "INSERT INTO cases (agency, number, state, version, item, first_seen_s) "
        "VALUES ('yq-gjj', ?, 'open', 1, 'yq-gjj-001', 0)",
        (number,),
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "office"


@pytest.fixture
def store(folder: Path) -> Iterator[OfficeStore]:
    opened = OfficeStore.open(folder)
    yield opened
    opened.close()


async def test_what_was_written_is_read_here_and_by_others(
    folder: Path, store: OfficeStore
) -> None:
    other = OfficeStore.open(folder)
    await store.write(add, soon())
    assert count_cases(store) == count_cases(other) == 1
    other.close()


async def test_every_write_of_anybody_changes_the_count(folder: Path, store: OfficeStore) -> None:
    other = OfficeStore.open(folder)
    seen = [store.change_count()]
    await store.write(lambda c: add(c, "YQ-0001"), soon())
    seen.append(store.change_count())
    await other.write(lambda c: add(c, "YQ-0002"), soon())
    seen.append(store.change_count())
    assert len(set(seen)) == 3
    assert store.change_count() == seen[-1]
    other.close()


async def test_the_loop_goes_on_while_a_write_waits_for_another_process(
    folder: Path, store: OfficeStore
) -> None:
    blocker = sqlite3.connect(folder / DATABASE, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    writing = asyncio.create_task(store.write(add, soon()))
    for _ in range(10):
        await asyncio.sleep(0.001)
    assert not writing.done()
    blocker.execute("ROLLBACK")
    await writing
    assert count_cases(store) == 1
    blocker.close()


async def test_a_store_that_stays_locked_is_unavailable_and_comes_back(
    folder: Path, store: OfficeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.office.store._WRITE_BUSY_S", 0.05)
    blocker = sqlite3.connect(folder / DATABASE, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="SQLITE_BUSY") as caught:
        await store.write(add, soon())
    assert (caught.value.code, caught.value.refusal.status) == ("OFFICE_UNAVAILABLE", 503)
    blocker.execute("ROLLBACK")
    blocker.close()
    await store.write(add, soon())
    assert count_cases(store) == 1


async def test_a_full_disk_leaves_nothing_and_is_over_when_there_is_room(
    store: OfficeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(connection: sqlite3.Connection) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
        for number in range(5000):
            add(connection, f"YQ-{number}")

    with pytest.raises(StoreError, match="SQLITE_FULL"):
        await store.write(fill, soon())
    assert count_cases(store) == 0
    await store.write(add, soon())
    assert count_cases(store) == 1


async def test_a_refusal_inside_a_write_leaves_nothing(store: OfficeStore) -> None:
    def refuse(connection: sqlite3.Connection) -> None:
        add(connection)
        raise RequestError("CASE_CLOSED")

    with pytest.raises(RequestError):
        await store.write(refuse, soon())
    assert count_cases(store) == 0


async def test_out_of_time_is_unavailable(store: OfficeStore) -> None:
    release = threading.Event()
    with pytest.raises(StoreError, match="in time"):
        await store.write(lambda _: release.wait(5), Deadline.after(0.02))
    release.set()


async def test_a_file_that_was_replaced_is_not_written_to_in_silence(
    folder: Path, store: OfficeStore
) -> None:
    await store.write(add, soon())
    (folder / DATABASE).rename(folder / "aside")
    (folder / DATABASE).touch()
    with pytest.raises(StoreError, match=r"moved or replaced|READONLY|NOTADB"):
        await store.write(lambda c: add(c, "YQ-0002"), soon())
    with pytest.raises(StoreError):
        await store.write(lambda c: add(c, "YQ-0003"), soon())


async def test_a_damaged_file_is_refused_at_start(folder: Path) -> None:
    OfficeStore.open(folder).close()
    (folder / DATABASE).write_bytes(b"no database" * 1000)
    with pytest.raises(SetupError, match="NOTADB"):
        OfficeStore.open(folder)


def test_only_its_owner_can_read_it(folder: Path, store: OfficeStore) -> None:
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}


def test_many_may_open_it_at_once(folder: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        opened = [threads.submit(lambda: OfficeStore.open(folder).close()) for _ in range(8)]
    assert [each.result() for each in opened] == [None] * 8


def test_a_store_of_a_newer_gateway_is_refused(folder: Path) -> None:
    OfficeStore.open(folder).close()
    connection = sqlite3.connect(folder / DATABASE)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(SetupError, match="version 99"):
        OfficeStore.open(folder)


def test_an_older_store_is_brought_to_the_newest_version_and_keeps_its_rows(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = OfficeStore.open(folder)
    asyncio.run(first.write(add, soon()))
    first.close()
    more = (*schema.MIGRATIONS, ("ALTER TABLE cases ADD COLUMN colour TEXT",))
    monkeypatch.setattr("gateway.office.store.MIGRATIONS", more)
    second = OfficeStore.open(folder)
    assert second.select("SELECT number, colour FROM cases") == [("YQ-0001", None)]
    assert second.select("PRAGMA user_version")[0][0] == len(more)
    second.close()
