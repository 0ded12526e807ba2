# SPDX-License-Identifier: Apache-2.0
"""Verifying a whole log from its entries alone.

Rules:

1. Everything is derived again from the entries: leaf hashes, tree, tiles. What is stored is only
   compared. Nothing is shared with the sequencer but the formats of `gateway.tlog` and the reader.
2. A checkpoint vouches for the entries up to its size. Where a root does not fit, the first entry
   that differs from its stored leaf hash is named; where none does, the checkpoint is, and the
   entries since the one before it that no full tile has. Where the root fits, entries are what
   was recorded: only then is their form asked, and a tile that differs is wrong. The last tile of
   level 0 may be missing while it is not full, or be narrower than it could be: earlier versions
   wrote it with each checkpoint.
3. A log can be made anew from its beginning by whoever holds its key. That shows only against
   checkpoints that were kept elsewhere (`against`): each must be of this log, its root must be the
   root at its size, and the log must still have one of that size.
4. No row is left over: not in `meta`, not below index 0, not among tiles.
5. A log that is being written may be verified: what is added meanwhile is left for the next time.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NoReturn, final

import msgspec

from gateway.audit.store.reader import LogReader
from gateway.errors import TrustError
from gateway.model.act import Act
from gateway.model.entry import MAX_ENTRY_BYTES
from gateway.model.record import is_act, parse_record
from gateway.tlog.checkpoint import Checkpoint, verify_checkpoint
from gateway.tlog.merkle import HASH_BYTES, Frontier, leaf_hash
from gateway.tlog.note import NoteVerifier
from gateway.tlog.tile import (
    TILE_BYTES,
    TILE_HEIGHT,
    TILE_WIDTH,
    Tile,
    format_tile_path,
    tile_count,
)

_PROGRESS_COUNT: Final = 4096
_SCHEMA: Final = "1"

#: Examines one act of the log, by its index; raises TrustError.
CheckAct = Callable[[int, Act], None]


class Report(msgspec.Struct, frozen=True):
    """What was verified. There is one only when everything holds.

    Attributes:
        origin: of the log.
        size: entries, each in form and under the last checkpoint.
        root: over all of them, 32 bytes.
        checkpoint_count: stored checkpoints, each signed and right.
        tile_count: of a log of that size; compared where they are stored.
        against_count: checkpoints from elsewhere that the log agrees with.
    """

    origin: str
    size: int
    root: bytes
    checkpoint_count: int
    tile_count: int
    against_count: int


def verify_log(
    reader: LogReader,
    key: NoteVerifier,
    *,
    against: Sequence[bytes] = (),
    check_act: CheckAct = lambda _index, _act: None,
    form_from: int = 0,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Report:
    """Verify a log.

    Args:
        key: the log's key, from its vkey; not from the log itself.
        against: signed checkpoints of this log that were kept elsewhere.
        check_act: told every act, since who signed it is not known here.
        form_from: the first entry whose form is examined here; those before it are parsed by
            `gateway.audit.verify_index` at the same time. Acts are parsed in any case.
        progress: told entries done and entries in all.

    Raises:
        TrustError: PROOF_INVALID; names the first record that is wrong.
        AuditError: the log cannot be read, so nothing is said about it.
    """
    _check_identity(reader, key)
    last = reader.last_checkpoint()
    size, _ = reader.size_and_tile_count()
    total = last[0] if last else 0
    kept = _kept(against, key, total)
    walk = _Walk(reader, kept, check_act, form_from)
    checkpoint_count = 0
    for stored_size, note in reader.checkpoints():
        if stored_size > total:
            break
        checkpoint = _opened(stored_size, note, key)
        walk.go_to(checkpoint, lambda done: progress(done, total))
        kept.pop(stored_size, None)
        checkpoint_count += 1
    if last is None and (size or reader.size()):
        _refuse("entry 0", "not covered by any checkpoint")
    tiles = walk.finish()
    for kept_size in sorted(kept.keys() - {0}):
        _refuse(f"checkpoint {kept_size}", "kept elsewhere, and no longer in the log")
    return Report(key.name, walk.size, walk.root(), checkpoint_count, tiles, len(against))


def _check_identity(reader: LogReader, key: NoteVerifier) -> None:
    found = reader.identity()
    for name, value in (("origin", key.name), ("schema", _SCHEMA), ("vkey", key.vkey)):
        if found.pop(name, None) != value:
            _refuse(f"meta {name}", "not what the key says")
    if found:
        _refuse("meta", "says more than origin, schema and vkey")
    for name in reader.strays():
        _refuse(name, "below index 0, where nothing belongs")


def _kept(against: Sequence[bytes], key: NoteVerifier, total: int) -> dict[int, set[bytes]]:
    """Roots of checkpoints from elsewhere, by size."""
    roots: dict[int, set[bytes]] = {}
    for number, note in enumerate(against):
        try:
            checkpoint = verify_checkpoint(note, key)
        except TrustError as error:
            _refuse(f"checkpoint {number} of those kept elsewhere", error.detail)
        if checkpoint.size > total:
            _refuse(
                f"entry {total}",
                f"missing: a checkpoint kept elsewhere covers {checkpoint.size} entries",
            )
        roots.setdefault(checkpoint.size, set()).add(checkpoint.root)
    return roots


def _opened(size: int, note: bytes, key: NoteVerifier) -> Checkpoint:
    try:
        checkpoint = verify_checkpoint(note, key)
    except TrustError as error:
        _refuse(f"checkpoint {size}", error.detail)
    if checkpoint.size != size:
        _refuse(f"checkpoint {size}", f"signed for {checkpoint.size} entries")
    return checkpoint


@final
class _Walk:
    """One pass over the entries, in stretches from checkpoint to checkpoint."""

    def __init__(
        self,
        reader: LogReader,
        kept: Mapping[int, set[bytes]],
        check_act: CheckAct,
        form_from: int,
    ) -> None:
        self._reader: Final = reader
        self._kept: Final = kept
        self._check_act: Final = check_act
        self._form_from: Final = form_from
        self._entries: Final[Iterator[tuple[int, bytes]]] = reader.entries()
        self._frontier: Final = Frontier()
        self._tiles: Final[list[bytearray]] = []  # the last tile of each level, derived
        self._full: Final[list[tuple[Tile, bytes]]] = []  # derived, not compared yet
        self._acts: Final[list[tuple[int, Act]]] = []  # read, not examined yet
        self._malformed: tuple[int, str] | None = None  # the first entry that is none, and why
        self._check_kept(0, [])

    @property
    def size(self) -> int:
        return self._frontier.size

    def root(self) -> bytes:
        return self._frontier.root()

    def go_to(self, checkpoint: Checkpoint, progress: Callable[[int], None]) -> None:
        """Derive up to the checkpoint, and compare."""
        start = self.size
        leaves: list[bytes] = []
        for index in range(start, checkpoint.size):
            leaf = leaf_hash(self._read(index))
            leaves.append(leaf)
            self._add(leaf)
            self._check_kept(start, leaves)
            if not index % _PROGRESS_COUNT:
                progress(index)
        if self.root() != checkpoint.root:
            self._name_culprit(start, leaves, "its root is not that of the entries")
        if self._malformed is not None:
            index, why = self._malformed
            _refuse(f"entry {index}", why)
        for tile, hashes in self._full:
            self._compare(tile, hashes)
        self._full.clear()
        for index, act in self._acts:
            self._check_act(index, act)
        self._acts.clear()
        progress(self.size)

    def finish(self) -> int:
        """Compare what is not full yet, and see that nothing is left over; returns tiles."""
        for level, hashes in enumerate(self._tiles):
            if hashes:
                n = self.size >> TILE_HEIGHT * (level + 1)
                self._compare(Tile(level, n, len(hashes) // HASH_BYTES), bytes(hashes))
        size, stored = self._reader.size_and_tile_count()
        last = self._reader.last_checkpoint()
        if last is not None and last[0] < size:
            _refuse(f"entry {last[0]}", "not covered by the last checkpoint")
        due = tile_count(size) - (size % TILE_WIDTH > 0)
        if stored != due:
            _refuse("tiles", f"{stored} are stored; a log of {size} has {due}")
        return tile_count(self.size)

    def _read(self, index: int) -> bytes:
        found, entry = next(self._entries, (None, b""))
        if found != index:
            _refuse(f"entry {index}", "missing")
        if index >= self._form_from or is_act(entry):
            self._parse(index, entry)
        if len(entry) > MAX_ENTRY_BYTES and self._malformed is None:
            self._malformed = index, f"longer than {MAX_ENTRY_BYTES} bytes"
        return entry

    def _parse(self, index: int, entry: bytes) -> None:
        try:
            record = parse_record(entry)
        except ValueError as error:
            self._malformed = self._malformed or (index, str(error))
            return
        if isinstance(record, Act):
            self._acts.append((index, record))

    def _add(self, leaf: bytes) -> None:
        for level, node in enumerate(self._frontier.append(leaf)[::TILE_HEIGHT]):
            if level == len(self._tiles):
                self._tiles.append(bytearray())
            self._tiles[level] += node
            if len(self._tiles[level]) == TILE_BYTES:
                n = (self.size >> TILE_HEIGHT * (level + 1)) - 1
                self._full.append((Tile(level, n), bytes(self._tiles[level])))
                self._tiles[level].clear()

    def _check_kept(self, start: int, leaves: Sequence[bytes]) -> None:
        for root in self._kept.get(self.size, ()):
            if root != self.root():
                other = "the log's first entries are not those of a checkpoint kept elsewhere"
                self._name_culprit(start, leaves, other)

    def _compare(self, tile: Tile, hashes: bytes) -> None:
        stored = self._reader.stored_tile(tile.level, tile.n)
        is_partial = len(hashes) < TILE_BYTES
        if stored == hashes or (is_partial and not tile.level and _is_begun(stored, hashes)):
            return
        may_grow = is_partial and self._reader.size() > self.size
        if not (may_grow and stored and stored.startswith(hashes)):
            _refuse(format_tile_path(tile), "not the hashes of its entries")

    def _name_culprit(self, start: int, leaves: Sequence[bytes], otherwise: str) -> NoReturn:
        unknown: list[int] = []
        for index, leaf in enumerate(leaves, start):
            stored = self._reader.stored_tile(0, index // TILE_WIDTH) or b""
            at = index % TILE_WIDTH * HASH_BYTES
            if not stored[at:]:
                unknown.append(index)
            elif stored[at : at + HASH_BYTES] != leaf:
                _refuse(f"entry {index}", "not what was recorded: its hash is another")
        if unknown:
            otherwise += f", and no tile tells which of {unknown[0]} to {unknown[-1]} is another"
        _refuse(f"checkpoint {self.size}", otherwise)


def _is_begun(stored: bytes | None, hashes: bytes) -> bool:
    """Whether what is stored of a partial tile is nothing, or the first of its hashes."""
    if stored is None:
        return True
    return bool(stored) and not len(stored) % HASH_BYTES and hashes.startswith(stored)


def _refuse(record: str, what: str) -> NoReturn:
    raise TrustError("PROOF_INVALID", f"{record}: {what}")
