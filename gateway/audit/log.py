# SPDX-License-Identifier: Apache-2.0
"""Appending: entries → leaf hashes → tree → signed checkpoint → one commit.

The tree in memory is a value (`gateway.tlog.edge`). It is replaced only after the commit has
succeeded, so a failure leaves nothing to undo. A checkpoint is signed before the commit and stored
by it: nobody sees one whose entries are not durable.
"""

from collections.abc import Sequence
from typing import Final, final

from gateway.audit.store.reader import LogReader
from gateway.audit.store.sqlite import SqliteStore
from gateway.tlog.checkpoint import CheckpointSigner
from gateway.tlog.merkle import leaf_hash
from gateway.tlog.note import NoteSigner


@final
class Log:
    """One log, its key and its store."""

    def __init__(self, store: SqliteStore, signer: NoteSigner) -> None:
        self._store: Final = store
        self._origin: Final = signer.public.name
        self._signer: Final = CheckpointSigner(signer)
        self._edge = store.edge

    @property
    def origin(self) -> str:
        """As checkpoints name it."""
        return self._origin

    @property
    def size(self) -> int:
        """Number of entries."""
        return self._edge.size

    @property
    def reader(self) -> LogReader:
        """Reads what is durable; raises AuditError after a failure."""
        return self._store.reader

    def append(self, entries: Sequence[bytes]) -> int:
        """Make a group durable under one checkpoint.

        Returns:
            The index of the first; the others follow.

        Raises:
            AuditError: nothing is known about the group; call `reopen` before anything else.
        """
        edge, tiles = self._edge.grow([*map(leaf_hash, entries)])
        note = self._signer.sign(edge.size, edge.root())
        first = self._store.commit(entries, tiles, note)
        self._edge = edge
        return first

    def reopen(self) -> None:
        """Take up what is durable, after a failure.

        Raises:
            AuditError: not now.
            SetupError: the log contradicts itself.
        """
        self._store.reopen()
        self._edge = self._store.edge
