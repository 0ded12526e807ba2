# SPDX-License-Identifier: Apache-2.0
"""The search index against the log: a good one passes, and whatever was done to it is named."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from gateway.audit.index.follow import Follower
from gateway.audit.index.schema import DATABASE
from gateway.audit.store.reader import DATABASE as LOG_DATABASE
from gateway.audit.verify_index import IndexPart, examine, verify_index
from gateway.errors import TrustError
from tests.unit.audit.index.logs import IndexedLog
from tests.unit.audit.samples import KEY, write_log

SIZE = 60


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    write_log(folder / "audit", [20, 20, SIZE - 40])
    follower = Follower(folder / "audit", folder / "index", KEY)
    for _ in follower.catch_up():
        pass
    follower.close()
    return folder


@pytest.fixture
def part(template: Path, tmp_path: Path) -> IndexPart:
    shutil.copytree(template, tmp_path / "copy")
    return IndexPart(tmp_path / "copy/audit", tmp_path / "copy/index", ("2026-11",))


def change(part: IndexPart, statement: str) -> None:
    with closing(sqlite3.connect(part.index / DATABASE)) as connection, connection:
        connection.execute(statement)


def test_a_good_index_passes(part: IndexPart) -> None:
    assert verify_index(part) == SIZE


def test_an_index_that_is_behind_passes_as_far_as_it_is(part: IndexPart, tmp_path: Path) -> None:
    longer = tmp_path / "longer"
    write_log(longer, [3])
    with closing(sqlite3.connect(part.log / "audit.sqlite3")) as log, log:
        log.execute("INSERT INTO entries SELECT 60, entry FROM entries WHERE idx = 0")
    assert verify_index(part) == SIZE


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE records SET operator = 'yq-0001' WHERE idx = 7", "row 7 of the index"),
        ("UPDATE records SET masked = NULL WHERE idx = 7", "row 7 of the index"),
        ("DELETE FROM records WHERE idx = 59", "row 59 of the index"),
        ("DELETE FROM marks WHERE value = 'yq-gjj'", "bitmaps of agency in block 0"),
        ("UPDATE marks SET bits = x'0000' WHERE value = 'query'", "bitmaps of operation in block"),
        ("UPDATE marks SET value = 'none' WHERE value = 'found'", "bitmaps of outcome in block 0"),
        ("UPDATE blocks SET first_ms = first_ms + 1", "times of block 0"),
        ("INSERT INTO blocks VALUES (9, 0, 0)", "blocks of the index: more than"),
        ("INSERT INTO erased VALUES ('2026-11')", "the index: hides holders of 2026-11"),
    ],
)
def test_what_was_done_to_the_index_is_named(part: IndexPart, statement: str, named: str) -> None:
    change(part, statement)
    with pytest.raises(TrustError, match="PROOF_INVALID") as refused:
        verify_index(part)
    assert refused.value.detail.startswith(named)


def test_a_blind_index_that_outlived_its_keys_is_named(tmp_path: Path) -> None:
    log = IndexedLog(tmp_path)
    log.append(300)
    log.catch_up()
    part = IndexPart(log.log, log.index, ())
    with pytest.raises(TrustError) as refused:
        verify_index(part)
    assert refused.value.detail == (
        "row 0 of the index: keeps a blind index of 2026-09, whose keys are gone"
    )
    change(part, "UPDATE records SET ix = NULL")
    assert verify_index(part) == 300


def test_an_error_crosses_processes_as_its_code_and_detail(part: IndexPart) -> None:
    change(part, "DELETE FROM records WHERE idx = 0")
    assert examine(part) == ("PROOF_INVALID", "row 0 of the index: not what entry 0 says")


def test_an_entry_that_is_not_in_form_is_named(part: IndexPart) -> None:
    with closing(sqlite3.connect(part.log / LOG_DATABASE)) as connection, connection:
        connection.execute("UPDATE entries SET entry = CAST(entry || ' ' AS BLOB) WHERE idx = 3")
    with pytest.raises(TrustError, match="entry 3: not in deterministic form"):
        verify_index(part)
