# SPDX-License-Identifier: Apache-2.0
"""The index's one writer: whole stretches of the log, each proved by a checkpoint.

Rules:

1. `add` takes rows, bitmaps and position in one transaction: after a kill the index stands where it
   stood, or further on, never between.
2. The records of a stretch are hashed, and their tree must have the root that the log signed for
   its end. What is not proved is not indexed.
3. Who writes holds `index.lock`. Erasure does not need it: it only ever takes away. It and a new
   file that takes the old one's place wait for each other.
4. Deleted content is overwritten (`secure_delete`).
5. Blind indices are kept only for epochs whose keys exist. What is erased stays so because its keys
   are gone, whatever became of an earlier index.
"""

import fcntl
import os
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Final, Self, final

from gateway.audit.index.bits import add_places
from gateway.audit.index.build import Row, row_of
from gateway.audit.index.schema import (
    DATABASE,
    INDEXES,
    MANY_VALUED,
    MARKED,
    NAMES,
    SCHEMA_VERSION,
    TABLES,
)
from gateway.audit.store.reader import LogReader, sqlite_error
from gateway.errors import GatewayError, SetupError, TrustError
from gateway.model.record import parse_record
from gateway.site_file import locked
from gateway.tlog.checkpoint import verify_checkpoint
from gateway.tlog.merkle import Frontier, leaf_hash
from gateway.tlog.note import NoteVerifier

_LOCK: Final = "index.lock"
_BUSY_S: Final = 10.0
_PLACES: Final = ", ".join("?" * len(NAMES))
_INSERT: Final = f"INSERT INTO records VALUES ({_PLACES})"  # noqa: S608 -- question marks
_MARKED_AT: Final = tuple(
    (number, NAMES.index(name), name in MANY_VALUED) for number, name in enumerate(MARKED)
)
_EPOCH_AT: Final = NAMES.index("epoch")
_IX_AT: Final = NAMES.index("ix")
_TIME_AT: Final = NAMES.index("time_ms")
_EPOCH_MARK: Final = MARKED.index("epoch")
#: What SQLite says of a file that is no index of ours, or is damaged.
_UNFIT: Final = ("SQLITE_NOTADB", "SQLITE_CORRUPT", "SQLITE_ERROR")

#: Names the epochs whose keys exist; None where no epoch is ever erased.
Kept = Callable[[], Collection[str]] | None
Marks = dict[tuple[int, str], list[int]]


@final
class IndexWriter:
    """Writes one index file.

    Args:
        connection: to a file that has the tables.
        key: the log's; its checkpoints are what `add` believes.
        kept: asked anew whenever rows are written.

    Its methods raise sqlite3.Error when the index cannot be read or written.
    """

    def __init__(self, connection: sqlite3.Connection, key: NoteVerifier, kept: Kept) -> None:
        self._connection: Final = connection
        self._key: Final = key
        self._kept: Final = kept
        self._frontier = self._read_position()

    @classmethod
    def open(cls, path: Path, key: NoteVerifier, kept: Kept) -> Self | None:
        """Go on with the index of that log; None where there is none, or one to be built anew."""
        if not path.exists():
            return None
        connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None)
        try:
            _prepare(connection)
            row = connection.execute("SELECT schema, vkey FROM position").fetchone()
            if row == (SCHEMA_VERSION, key.vkey):
                return cls(connection, key, kept)
        except ValueError:
            pass  # a position that is none
        except sqlite3.Error as error:
            if not is_unfit(error):
                connection.close()
                raise
        connection.close()
        return None

    @classmethod
    def create(cls, path: Path, key: NoteVerifier, kept: Kept) -> Self:
        """Begin an empty index, fast and not yet safe against a crash; `finish` makes it so."""
        path.unlink(missing_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("PRAGMA journal_mode = MEMORY")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -65536")
        for statement in TABLES:
            connection.execute(statement)
        connection.execute(
            "INSERT INTO position VALUES (1, ?, ?, 0, '')", (SCHEMA_VERSION, key.vkey)
        )
        return cls(connection, key, kept)

    @property
    def size(self) -> int:
        """How many records are indexed; all of them are proved."""
        return self._frontier.size

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def finish(self) -> None:
        """Complete what `create` began, sync and close it."""
        self.forget_erased()
        for statement in INDEXES:
            self._connection.execute(statement)
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.close()

    def forget_erased(self) -> None:
        """Take out the blind indices of epochs whose keys were destroyed since they were added."""
        if self._kept is None:
            return
        found = self._connection.execute(
            'SELECT DISTINCT value FROM marks WHERE "column" = ?', (_EPOCH_MARK,)
        )
        known = {row[0] for row in found} - self._erased()
        forget_epochs(self._connection, sorted(known.difference(self._kept())))

    def hides_kept(self) -> bool:
        """Whether an epoch counts as erased whose keys exist, restored from a backup perhaps."""
        erased = self._erased()  # first: keys are destroyed before the index forgets
        return self._kept is not None and not erased.isdisjoint(self._kept())

    def agrees_with(self, reader: LogReader) -> bool:
        """Whether the log still begins with what is indexed."""
        if reader.size() < self.size:
            return False
        try:
            return _subtrees(reader, self.size) == self._frontier.hashes
        except TrustError:
            return False

    def add(self, reader: LogReader, size: int, note: bytes) -> None:
        """Index the records up to `size`, for which the log has signed `note`.

        Raises:
            TrustError: the records are not those that the log signed; nothing is added.
            AuditError: the log cannot be read.
        """
        frontier = self._frontier.copy()
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(_INSERT, self._rows(reader, size, frontier))
            self._verify(note, frontier)
            self._connection.execute(
                "UPDATE position SET size = ?, hashes = ?",
                (frontier.size, b"".join(frontier.hashes).hex()),
            )
            self._connection.execute("COMMIT")
        except (sqlite3.Error, GatewayError):
            self._roll_back()
            raise
        self._frontier = frontier

    def _rows(self, reader: LogReader, size: int, frontier: Frontier) -> Iterator[Row]:
        """Rows to insert; their marks are written block by block on the way."""
        erased = self._erased()
        # A record's key is older than the record, so all keys of these are there, or destroyed.
        kept = None if self._kept is None else frozenset(self._kept())
        marks: Marks = defaultdict(list)
        times: list[int] = []
        for index, line in reader.entries(self.size):
            if index >= size:
                break
            if index != frontier.size:
                raise TrustError("PROOF_INVALID", f"entry {frontier.size}: missing")
            if times and index & 0xFFFF == 0:
                self._write_marks((index - 1) >> 16, marks, times)
                marks.clear()
                times.clear()
            frontier.append(leaf_hash(line))
            try:
                row = row_of(index, parse_record(line))
            except ValueError:
                raise TrustError("PROOF_INVALID", f"entry {index}: not an audit record") from None
            epoch = row[_EPOCH_AT]
            if epoch in erased or (kept is not None and epoch not in kept):
                row = (*row[:_IX_AT], None, *row[_IX_AT + 1 :])
            _collect(row, index & 0xFFFF, marks)
            times.append(row[_TIME_AT])  # type: ignore[arg-type] # a column that is never NULL
            yield row
        if times:
            self._write_marks((frontier.size - 1) >> 16, marks, times)

    def _verify(self, note: bytes, frontier: Frontier) -> None:
        checkpoint = verify_checkpoint(note, self._key)
        if (checkpoint.size, checkpoint.root) != (frontier.size, frontier.root()):
            raise TrustError(
                "PROOF_INVALID", f"entries up to {checkpoint.size}: not what the log signed"
            )

    def _write_marks(self, block: int, marks: Marks, times: list[int]) -> None:
        """Put a block's marks behind those that rest."""
        execute = self._connection.execute
        for (column, value), places in sorted(marks.items()):
            found = execute(
                'SELECT rowid, bits FROM marks WHERE "column" = ? AND value = ? AND block = ?',
                (column, value, block),
            ).fetchone()
            bits = add_places(b"" if found is None else found[1], places)
            if found is None:
                execute("INSERT INTO marks VALUES (?, ?, ?, ?)", (column, value, block, bits))
            else:
                execute("UPDATE marks SET bits = ? WHERE rowid = ?", (bits, found[0]))
        execute(
            "INSERT INTO blocks VALUES (?, ?, ?) ON CONFLICT (block) DO UPDATE SET"
            " first_ms = min(first_ms, excluded.first_ms),"
            " last_ms = max(last_ms, excluded.last_ms)",
            (block, min(times), max(times)),
        )

    def _erased(self) -> frozenset[str]:
        """Epochs whose blind indices are not kept."""
        return frozenset(row[0] for row in self._connection.execute("SELECT epoch FROM erased"))

    def _read_position(self) -> Frontier:
        size, text = self._connection.execute("SELECT size, hashes FROM position").fetchone()
        hashes = bytes.fromhex(text)
        return Frontier.from_hashes(
            size, [hashes[at : at + 32] for at in range(0, len(hashes), 32)]
        )

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


def _collect(row: Sequence[object], place: int, marks: Marks) -> None:
    for number, at, many in _MARKED_AT:
        value = row[at]
        if value is None:
            continue
        assert isinstance(value, str)
        if many:
            for one in dict.fromkeys(value.split(" ")):
                marks[number, one].append(place)
        else:
            marks[number, value].append(place)


def _subtrees(reader: LogReader, size: int) -> tuple[bytes, ...]:
    """Roots of the complete subtrees of the first `size` records, largest first, from tiles."""
    hashes, first = [], 0
    for level in reversed(range(size.bit_length())):
        if size >> level & 1:
            hashes.append(reader.node(level, first >> level))
            first += 1 << level
    return tuple(hashes)


def forget_epoch(folder: Path, epoch: str) -> int:
    """Take an epoch's blind indices out of the index in `folder`, for good.

    Safe while another process indexes or searches. Its keys have to be destroyed already: that is
    what a build keeps to that is under way, or comes later.

    Returns:
        How many rows had one.

    Raises:
        AuditError: the index cannot be written.
        TrustError: it is damaged, and is to be built anew.
        SetupError: the folder cannot be written.
    """
    path = folder / DATABASE
    if not path.exists():
        return 0
    try:
        with locked(folder), closing(_connect(path)) as connection:
            count = forget_epochs(connection, [epoch])
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        raise sqlite_error(error, "writing the index") from None
    return count


def put_in_place(draft: Path, path: Path) -> None:
    """Let a finished index take the place of the one at `path`; there is a whole one at any time.

    Raises:
        SetupError: the folder cannot be written.
    """
    with locked(path.parent):
        if path.exists():
            # What stands in the old write-ahead log goes into the old file, which is whole without.
            with suppress(sqlite3.Error), closing(_connect(path)) as connection:
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        for suffix in ("-wal", "-shm"):  # SQLite must never find them beside the new file
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        draft.replace(path)


def is_unfit(error: sqlite3.Error) -> bool:
    """Whether a file is damaged or no index at all, and not just out of reach now."""
    return str(getattr(error, "sqlite_errorname", "")).startswith(_UNFIT)


def forget_epochs(connection: sqlite3.Connection, epochs: Iterable[str]) -> int:
    """The same through a connection that is open."""
    count = 0
    for epoch in epochs:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT OR IGNORE INTO erased VALUES (?)", (epoch,))
        count += connection.execute(
            "UPDATE records SET ix = NULL WHERE epoch = ? AND ix IS NOT NULL", (epoch,)
        ).rowcount
        connection.execute("COMMIT")
    return count


def lock_index(folder: Path) -> int:
    """Take the index's lock; closing the descriptor that is returned gives it back.

    Raises:
        SetupError: another process keeps the index, or the folder cannot be written.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise SetupError(
            f"cannot be written: {error.strerror}",
            where=str(folder),
            remedy="check its owner and free space.",
        ) from None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        raise SetupError(
            "another process keeps this index",
            where=str(folder),
            remedy="the gateway that serves the site keeps it up to date; stop it to build anew.",
        ) from None
    return fd


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None)
    try:
        _prepare(connection)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA secure_delete = ON")
