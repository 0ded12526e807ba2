# SPDX-License-Identifier: Apache-2.0
"""What a log must satisfy before anything is added to it. Reads O(log n) rows.

1. The last checkpoint is signed by the log's key and has as many entries as there are.
2. The last tile of each level is there, as wide as that size says; at level 0 the entries tell it.
3. The root over those tiles is the one that the checkpoint signs.
4. The newest entries hash to the newest leaf hashes, where a tile has them.

Everything older is the affair of `gateway.audit.verify`, which reads the whole log.
"""

from typing import Final

from gateway.audit.store.reader import LogReader
from gateway.errors import TrustError
from gateway.tlog.checkpoint import verify_checkpoint
from gateway.tlog.edge import Edge
from gateway.tlog.merkle import leaf_hash
from gateway.tlog.note import NoteVerifier
from gateway.tlog.tile import edge_tiles

_NEWEST_COUNT: Final = 256


def read_edge(reader: LogReader, key: NoteVerifier) -> Edge:
    """Take up the tree where the log ends.

    Raises:
        TrustError: entries, tiles and checkpoint do not agree; names the one that does not.
        AuditError: the log cannot be read.
    """
    size, tiles = reader.size(), []
    for tile in edge_tiles(size):
        hashes = reader.tile(tile.level, tile.n) or b""
        tiles.append(hashes)
    edge = Edge(size, tiles)
    last = reader.last_checkpoint()
    if last is None:
        if size:
            raise TrustError("PROOF_INVALID", f"{size} entries and no checkpoint")
        return edge
    checkpoint = verify_checkpoint(last[1], key)
    if (checkpoint.size, checkpoint.root) != (size, edge.root()):
        raise TrustError(
            "PROOF_INVALID", f"checkpoint of {checkpoint.size} does not fit {size} entries"
        )
    for index, entry in reader.tail(_NEWEST_COUNT):
        if leaf_hash(entry) != reader.node(0, index):
            raise TrustError("PROOF_INVALID", f"entry {index}: not what its tile says")
    return edge
