# SPDX-License-Identifier: Apache-2.0
"""Synthetic logs with their index."""

from pathlib import Path

from bench.synthetic_log import EPOCHS, SyntheticLog
from gateway.audit.index.follow import catch_up
from gateway.audit.log import Log
from gateway.audit.store.sqlite import SqliteStore
from gateway.model.record import Record, format_record
from gateway.tlog.note import NoteSigner


class IndexedLog:
    """A log in `log`, and its index in `index`."""

    def __init__(self, folder: Path, seed: int = 1, signer: NoteSigner | None = None) -> None:
        self.log = folder / "log"
        self.index = folder / "index"
        self.synthetic = SyntheticLog(seed)
        self.signer = signer or self.synthetic.signer
        self.key = self.signer.public
        self.kept = set(EPOCHS)
        self.records: list[Record] = []

    def append(self, count: int, group: int = 100) -> None:
        """Further records, in groups."""
        self.append_records(list(self.synthetic.records(count)), group)

    def append_records(self, records: list[Record], group: int = 100) -> None:
        store = SqliteStore.open(self.log, self.key)
        log = Log(store, self.signer)
        for at in range(0, len(records), group):
            log.append([format_record(record) for record in records[at : at + group]])
        store.close()
        self.records += records

    def catch_up(self, *, anew: bool = False) -> None:
        catch_up(self.log, self.index, self.key, lambda: self.kept, anew=anew)
