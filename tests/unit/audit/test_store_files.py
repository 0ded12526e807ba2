# SPDX-License-Identifier: Apache-2.0
"""The files of a log taken away, replaced, put back: nothing is acknowledged meanwhile."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.audit.log import Log
from gateway.audit.store.reader import DATABASE, LogReader
from gateway.audit.store.sqlite import SqliteStore
from gateway.audit.verify import verify_log
from gateway.errors import AuditError, SetupError
from tests.unit.audit.samples import KEY, SIGNER, entry_bytes

WAL = f"{DATABASE}-wal"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def log(folder: Path) -> Iterator[Log]:
    with closing(SqliteStore.open(folder, KEY)) as store:
        log = Log(store, SIGNER)
        log.append([entry_bytes(1), entry_bytes(2)])
        yield log


def size_of(folder: Path) -> int:
    with closing(LogReader.open(folder)) as reader:
        return verify_log(reader, KEY).size


@pytest.mark.parametrize("name", [DATABASE, WAL])
def test_a_file_that_is_gone_fails_the_commit(log: Log, folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(AuditError, match="writing"):
        log.append([entry_bytes(3)])


def test_a_file_that_was_replaced_by_a_copy_fails_the_commit(log: Log, folder: Path) -> None:
    shutil.copy(folder / DATABASE, folder / "copy")
    (folder / "copy").replace(folder / DATABASE)
    with pytest.raises(AuditError, match="moved or replaced"):
        log.append([entry_bytes(3)])


def test_while_it_is_gone_no_log_is_begun_and_once_it_is_back_it_goes_on(
    log: Log, folder: Path
) -> None:
    (folder / DATABASE).rename(folder / "kept")
    with pytest.raises(AuditError):
        log.append([entry_bytes(3)])
    with pytest.raises(AuditError, match="not there any more"):
        log.reopen()
    assert not (folder / DATABASE).exists()
    (folder / "kept").rename(folder / DATABASE)
    log.reopen()
    assert log.size in {2, 3}  # what was in the failed commit is there wholly, or not
    first = log.size
    assert log.append([entry_bytes(4)]) == first


def test_an_older_copy_is_not_taken_for_the_log(folder: Path) -> None:
    with closing(SqliteStore.open(folder, KEY)) as store:
        Log(store, SIGNER).append([entry_bytes(1)])
    shutil.copy(folder / DATABASE, folder / "older")
    with closing(SqliteStore.open(folder, KEY)) as store:
        log = Log(store, SIGNER)
        log.append([entry_bytes(2)])
        (folder / DATABASE).rename(folder / "kept")
        (folder / "older").rename(folder / DATABASE)
        for name in (WAL, f"{DATABASE}-shm"):
            (folder / name).unlink()
        with pytest.raises(AuditError):
            log.append([entry_bytes(3)])
        with pytest.raises(AuditError, match="another file lies"):
            log.reopen()


def test_while_an_older_copy_lies_there_nothing_of_the_log_is_moved_into_it(
    log: Log, folder: Path
) -> None:
    """SQLite would apply the write-ahead log to whatever file bears the name, and empty it."""
    log.reopen()  # so that what was written lies in the file,
    shutil.copy(folder / DATABASE, folder / "older")
    log.append([entry_bytes(3)])  # and this in the write-ahead log alone
    (folder / DATABASE).rename(folder / "kept")
    (folder / "older").rename(folder / DATABASE)
    with pytest.raises(AuditError):
        log.append([entry_bytes(4)])
    with pytest.raises(AuditError, match="another file lies"):
        log.reopen()
    (folder / "kept").replace(folder / DATABASE)
    log.reopen()
    assert log.size >= 3
    assert log.append([entry_bytes(5)]) == log.size - 1


def test_a_log_that_was_made_is_not_begun_anew_by_a_start(folder: Path) -> None:
    SqliteStore.open(folder, KEY).close()
    (folder / DATABASE).unlink()
    with pytest.raises(SetupError, match="not there any more"):
        SqliteStore.open(folder, KEY)
    assert not (folder / DATABASE).exists()
