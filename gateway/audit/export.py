# SPDX-License-Identifier: Apache-2.0
"""The log as a folder of files (c2sp.org/tlog-tiles), for any web server or verifier.

::

    checkpoint                       the newest signed note
    log.vkey                         the log's verifier key
    tile/<L>/<N>[.p/<W>]             hashes
    tile/entries/<N>[.p/<W>]         entries

Rules:

1. Every file is written beside and renamed, and the checkpoint is the last of all, after a sync: at
   every instant the folder is a whole log, the one that its checkpoint is of.
2. A later export goes on from there. Full tiles that the folder's checkpoint covers are kept as
   they are; partial ones that it needed stay, for whoever has kept that checkpoint.
3. The folder's checkpoint must be of this log and its tree the beginning of ours. If it is not,
   nothing is written: one of the two is another history.
4. One export at a time writes to a folder, under its lock. A folder that is made has mode 0700, and
   files 0600: entries are for auditors.
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from gateway.audit.published import read_bundle, read_tile
from gateway.audit.store.reader import LogReader
from gateway.errors import SetupError, TrustError
from gateway.tlog.bundle import format_bundle
from gateway.tlog.checkpoint import Checkpoint, verify_checkpoint
from gateway.tlog.merkle import EMPTY_ROOT, consistency_proof, verify_consistency
from gateway.tlog.note import NoteVerifier
from gateway.tlog.tile import ENTRIES_LEVEL, Tile, edge_tiles, format_tile_path

CHECKPOINT: Final = "checkpoint"
VKEY: Final = "log.vkey"
_DRAFT: Final = ".draft"
_PROGRESS_COUNT: Final = 64


class Exported(msgspec.Struct, frozen=True):
    """What was written.

    Attributes:
        checkpoint: that the folder is of now.
        written_count: tiles and bundles.
        kept_count: those that were there.
    """

    checkpoint: Checkpoint
    written_count: int
    kept_count: int


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Make the folder if need be, and keep other exports out.

    Raises:
        SetupError: another export writes to it, or it cannot be made.
    """
    with _reported(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with _reported(folder):
            _lock(folder, fd)
        yield
    finally:
        os.close(fd)


def export_log(
    reader: LogReader,
    note: bytes,
    key: NoteVerifier,
    folder: Path,
    *,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Exported:
    """Write the log up to a checkpoint into a folder, or let a folder grow up to it.

    Inside `locked`.

    Args:
        note: a signed checkpoint of this log, taken inside too: no other export is ahead of it.
        progress: told tiles done and tiles in all.

    Raises:
        TrustError: the folder's log, or ours, is not what its checkpoint says.
        SetupError: the folder cannot be written, or holds something else.
        AuditError: the log cannot be read.
    """
    checkpoint = verify_checkpoint(note, key)
    with _reported(folder):
        before = _continued(reader, key, folder, checkpoint)
        kept = set(_full_tiles(before))
        tiles = [*_full_tiles(checkpoint.size), *_partial_tiles(checkpoint.size)]
        due = [tile for tile in tiles if tile not in kept]
        for number, tile in enumerate(due):
            _write(folder, format_tile_path(tile), _content(reader, tile))
            if number % _PROGRESS_COUNT == 0:
                progress(number, len(due))
        _write(folder, VKEY, f"{key.vkey}\n".encode())
        os.sync()
        _write(folder, CHECKPOINT, note)
        os.sync()
        shutil.rmtree(folder / _DRAFT)
    progress(len(due), len(due))
    return Exported(checkpoint, len(due), len(tiles) - len(due))


def _continued(reader: LogReader, key: NoteVerifier, folder: Path, now: Checkpoint) -> int:
    """How many entries the folder holds already."""
    if not (folder / CHECKPOINT).exists():
        if any(entry.name not in {_DRAFT, VKEY, "tile"} for entry in folder.iterdir()):
            raise SetupError(
                "holds something else than an exported log",
                where=str(folder),
                remedy="name an empty folder, or one that an export made.",
            )
        return 0
    held = verify_checkpoint((folder / CHECKPOINT).read_bytes(), key)
    if held.size > now.size:
        raise TrustError(
            "PROOF_INVALID", f"the folder has {held.size} entries, the log only {now.size}"
        )
    proof = consistency_proof(held.size, now.size, reader.node)
    held_root = held.root if held.size else EMPTY_ROOT
    verify_consistency(held.size, now.size, proof, held_root, now.root)
    return held.size


def _full_tiles(size: int) -> Iterator[Tile]:
    """Full tiles and bundles of a log of that size, each behind those that it is made of."""
    for tile in edge_tiles(size):
        levels = (ENTRIES_LEVEL, 0) if tile.level == 0 else (tile.level,)
        for level in levels:
            yield from (Tile(level, n) for n in range(tile.n))


def _partial_tiles(size: int) -> Iterator[Tile]:
    for tile in edge_tiles(size):
        if tile.width:
            yield tile
            if tile.level == 0:
                yield Tile(ENTRIES_LEVEL, tile.n, tile.width)


def _content(reader: LogReader, tile: Tile) -> bytes:
    if tile.level == ENTRIES_LEVEL:
        entries = read_bundle(reader, tile)
        found = None if entries is None else format_bundle(entries)
    else:
        found = read_tile(reader, tile)
    if found is None:
        raise TrustError("PROOF_INVALID", f"{format_tile_path(tile)}: missing in the log")
    return found


def _write(folder: Path, path: str, content: bytes) -> None:
    draft, target = folder / _DRAFT / "file", folder / path
    draft.parent.mkdir(exist_ok=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    draft.unlink(missing_ok=True)  # of an export that broke off
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
    draft.replace(target)


def _lock(folder: Path, fd: int) -> None:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise SetupError(
            "another export writes to it",
            where=str(folder),
            remedy="wait until it has ended; let exports start further apart.",
        ) from None


@contextmanager
def _reported(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SetupError(
            f"cannot be written: {error.strerror}",
            where=str(error.filename or folder),
            remedy="check the folder's owner and free space, then export again.",
        ) from None
