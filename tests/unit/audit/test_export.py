# SPDX-License-Identifier: Apache-2.0
"""An exported log is whole at every instant, grows, and is never two histories."""

import hashlib
import os
import struct
from base64 import b64decode
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from gateway.audit import export
from gateway.audit.export import Exported, export_log, locked
from gateway.audit.log import Log
from gateway.audit.store.sqlite import SqliteStore
from gateway.errors import SetupError, TrustError
from tests.unit.audit.samples import KEY, ORIGIN, SIGNER, entry_bytes


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    store = SqliteStore.open(tmp_path / "log", KEY)
    yield Log(store, SIGNER)
    store.close()


def grow(log: Log, size: int) -> None:
    log.append([entry_bytes(number) for number in range(log.size, size)])


def run(log: Log, folder: Path) -> Exported:
    last = log.reader.last_checkpoint()
    assert last is not None
    with locked(folder):
        return export_log(log.reader, last[1], KEY, folder)


def read_folder(folder: Path) -> tuple[int, bytes, list[bytes]]:
    """A reader that knows the specification and nothing of our code: size, root, entries.

    The root is derived from the entries alone; each tile of hashes is compared on the way.
    """
    origin, size_text, root_text = (folder / "checkpoint").read_text().split("\n")[:3]
    assert origin == ORIGIN
    size = int(size_text)
    entries: list[bytes] = []
    row: list[bytes] = []
    for path in paths(size, "entries"):
        content, at = (folder / path).read_bytes(), 0
        while at < len(content):
            (length,) = struct.unpack_from(">H", content, at)
            entries.append(content[at + 2 : at + 2 + length])
            at += 2 + length
    row = [hashlib.sha256(b"\0" + entry).digest() for entry in entries]
    whole, level = row, 0
    while whole:
        stored = b"".join((folder / path).read_bytes() for path in paths(len(whole), str(level)))
        assert stored == b"".join(whole)
        full = [whole[at : at + 256] for at in range(0, len(whole) // 256 * 256, 256)]
        whole, level = [root_of(tile) for tile in full], level + 1
    assert root_of(row) == b64decode(root_text)
    return size, root_of(row), entries


def paths(count: int, level: str) -> Iterator[str]:
    for n in range(-(-count // 256)):
        width = min(256, count - n * 256)
        name = f"x{n // 1000:03}/{n % 1000:03}" if n >= 1000 else f"{n:03}"
        yield f"tile/{level}/{name}" + ("" if width == 256 else f".p/{width}")


def root_of(row: list[bytes]) -> bytes:
    if len(row) == 1:
        return row[0]
    split = 1 << (len(row) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + root_of(row[:split]) + root_of(row[split:])).digest()


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 600])
def test_a_reader_that_shares_no_code_finds_every_entry(
    log: Log, tmp_path: Path, size: int
) -> None:
    grow(log, size)
    done = run(log, tmp_path / "out")
    found, root, entries = read_folder(tmp_path / "out")
    assert (found, root) == (done.checkpoint.size, done.checkpoint.root)
    assert entries == [entry for _, entry in log.reader.entries()]
    assert (tmp_path / "out/log.vkey").read_text() == f"{KEY.vkey}\n"


def test_a_folder_grows_and_full_tiles_stay_as_they_are(log: Log, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    grow(log, 300)
    assert run(log, folder).kept_count == 0
    first = folder / "tile/0/000", folder / "tile/entries/000"
    inodes = [path.stat().st_ino for path in first]
    partial = (folder / "tile/0/001.p/44").read_bytes()
    grow(log, 900)
    done = run(log, folder)
    assert [path.stat().st_ino for path in first] == inodes
    assert done.kept_count == 2
    assert read_folder(folder)[0] == 900
    assert (folder / "tile/0/001.p/44").read_bytes() == partial


def test_the_same_log_again_writes_partial_tiles_only(log: Log, tmp_path: Path) -> None:
    grow(log, 600)
    run(log, tmp_path / "out")
    assert (run(log, tmp_path / "out").written_count, read_folder(tmp_path / "out")[0]) == (3, 600)


def test_an_export_that_broke_off_leaves_the_log_that_was_there(
    log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "out"
    grow(log, 300)
    run(log, folder)
    grow(log, 900)
    write, written = export._write, list[str]()
    allowed_count = 0

    def break_off(folder: Path, path: str, content: bytes) -> None:
        if len(written) == allowed_count:
            raise OSError(28, "No space left on device", "tile")
        written.append(path)
        write(folder, path, content)

    monkeypatch.setattr(export, "_write", break_off)
    while "checkpoint" not in written:
        written.clear()
        assert read_folder(folder)[0] == 300
        with suppress(SetupError):
            run(log, folder)
        allowed_count += 1
    assert read_folder(folder)[0] == 900
    assert allowed_count > 8


def test_another_history_of_the_same_log_is_refused(log: Log, tmp_path: Path) -> None:
    grow(log, 5)
    run(log, tmp_path / "out")
    before = (tmp_path / "out/checkpoint").read_bytes()
    store = SqliteStore.open(tmp_path / "other", KEY)
    try:
        other = Log(store, SIGNER)
        for size, said in ((4, "only 4"), (5, "not consistent"), (9, "not consistent")):
            grow(other, size)
            with pytest.raises(TrustError, match=said):
                run(other, tmp_path / "out")
    finally:
        store.close()
    assert (tmp_path / "out/checkpoint").read_bytes() == before


def test_a_folder_with_something_else_in_it_is_left_alone(log: Log, tmp_path: Path) -> None:
    grow(log, 2)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/letters.txt").write_text("x")
    with pytest.raises(SetupError, match="something else"):
        run(log, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["letters.txt"]


def test_only_who_exported_reads_it_whatever_the_umask(log: Log, tmp_path: Path) -> None:
    folder, draft = tmp_path / "out", tmp_path / "out/.draft/file"
    grow(log, 300)
    before = os.umask(0)
    try:
        with locked(folder):
            draft.parent.mkdir()
            draft.touch(0o644)  # an export of an earlier version broke off
        run(log, folder)
    finally:
        os.umask(before)
    assert folder.stat().st_mode & 0o077 == 0
    assert {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()} == {0o600}


def test_a_folder_that_somebody_was_let_into_stays_open_to_them(log: Log, tmp_path: Path) -> None:
    grow(log, 2)
    (tmp_path / "out").mkdir()
    (tmp_path / "out").chmod(0o2750)
    run(log, tmp_path / "out")
    assert (tmp_path / "out").stat().st_mode & 0o7777 == 0o2750


def test_while_one_export_writes_another_does_not(log: Log, tmp_path: Path) -> None:
    grow(log, 2)
    with locked(tmp_path / "out"), pytest.raises(SetupError, match="another export writes to it"):
        run(log, tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())
    run(log, tmp_path / "out")


def test_a_log_that_lacks_a_tile_is_not_exported(log: Log, tmp_path: Path) -> None:
    grow(log, 300)
    log.reader._connection.execute("DELETE FROM tiles WHERE level = 0 AND n = 0")
    with pytest.raises(TrustError, match="tile/0/000: missing"):
        run(log, tmp_path / "out")
    assert not (tmp_path / "out/checkpoint").exists()
