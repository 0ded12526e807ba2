# SPDX-License-Identifier: Apache-2.0
"""The log as it is published: checkpoint, tiles, bundles of entries (c2sp.org/tlog-tiles).

Rules:

1. What is asked for by its width is given in that width, also when more is there by now: what was
   published once never changes.
2. Nothing is given that is not whole: None until then.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar, final

from gateway.audit.store.notary import newest_note
from gateway.audit.store.reader import LogReader
from gateway.errors import AuditError, TrustError
from gateway.tlog.merkle import HASH_BYTES
from gateway.tlog.tile import TILE_WIDTH, Tile

_T = TypeVar("_T")
#: Bundles and tiles from here on are beyond any log that fits into the store.
_MAX_TILE: Final = 1 << 48


def read_tile(reader: LogReader, tile: Tile) -> bytes | None:
    """The hashes of a tile, or None."""
    stored = reader.tile(tile.level, tile.n) if tile.n < _MAX_TILE else None
    wanted = tile.width * HASH_BYTES
    return stored[:wanted] if stored and len(stored) >= wanted else None


def read_bundle(reader: LogReader, bundle: Tile) -> list[bytes] | None:
    """The entries under a tile of level 0, or None."""
    if bundle.n >= _MAX_TILE:
        return None
    start = bundle.n * TILE_WIDTH
    rows = reader.tail(bundle.width, start + bundle.width)
    is_whole = len(rows) == bundle.width and rows[0][0] == start
    return [entry for _, entry in rows] if is_whole else None


@final
class PublishedLog:
    """The log of a folder, opened when it is first read, and again after a failure.

    Every method raises AuditError when it cannot be read, and TrustError when it is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self._folder: Final = folder
        self._reader: LogReader | None = None

    def checkpoint(self) -> bytes | None:
        """The signed note to publish; None for an empty log."""
        return newest_note(self._folder)

    def tile(self, tile: Tile) -> bytes | None:
        """The hashes of a tile, or None."""
        return self.read(lambda reader: read_tile(reader, tile))

    def bundle(self, bundle: Tile) -> list[bytes] | None:
        """The entries of a bundle, or None."""
        return self.read(lambda reader: read_bundle(reader, bundle))

    def read(self, query: Callable[[LogReader], _T]) -> _T:
        """Read anything in one short query."""
        if self._reader is None:
            self._reader = LogReader.open(self._folder)
        try:
            return query(self._reader)
        except (AuditError, TrustError):
            self._reader.close()
            self._reader = None
            raise
