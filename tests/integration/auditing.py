# SPDX-License-Identifier: Apache-2.0
"""Auditors at the command line of a site in which nothing runs, and a log with a past."""

import io
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from fixtures.world import World
from gateway import keyring
from gateway.audit.log import Log
from gateway.audit.store.sqlite import SqliteStore
from gateway.cli.main import app
from gateway.config import load_site
from gateway.model.entry import format_entry, parse_entry
from gateway.model.instant import format_time_ms
from tests.unit.audit.samples import entry_bytes

REASON: Final = "核对投诉 complaint 7"


class Office:
    """A site at rest with its auditors.

    Args:
        folder: empty, with a short path.
        settings: text to add to `gateway.toml`.
    """

    def __init__(self, folder: Path, settings: str = "") -> None:
        self.world: Final = World(folder, settings=settings)
        self.folder: Final = self.world.site

    def run(self, *arguments: str | Path, stdin: str = "") -> Any:
        """Run a command in this process; returns its document, raises its error."""
        before, sys.stdin = sys.stdin, io.StringIO(stdin)
        try:
            with redirect_stdout(io.StringIO()) as said:
                app(
                    [*map(str, arguments), "--site", str(self.folder), "--json"],
                    standalone_mode=False,
                )
        finally:
            sys.stdin = before
        return msgspec.json.decode(said.getvalue())

    def audit(self, name: str, *arguments: str, stdin: str = "") -> Any:
        """`yizheng audit …` by an auditor."""
        return self.run("audit", *arguments, *self.world.auditing(name, REASON), stdin=stdin)

    def record(self, accesses: Sequence[tuple[datetime, str]], *, case: str = "YQ-1") -> list[str]:
        """Write accesses of the past under the keys of their months; returns their ids."""
        site = load_site(self.folder)
        lines, ids = [], []
        for number, (at, who) in enumerate(accesses):
            epoch = keyring.prepare_epoch(site, at)
            cipher = keyring.epoch_cipher(site, epoch)
            sample = parse_entry(entry_bytes(number))
            entry_id = f"{number:08x}{at.timestamp():024.0f}"
            entry = msgspec.structs.replace(
                sample,
                id=entry_id,
                time=format_time_ms(at),
                case=case,
                holder=cipher.mark_holder("cn-id", who, f"{who[:3]}{'*' * 13}{who[-2:]}", entry_id),
                request=cipher.mark_request(bytes(32), bytes(64), "()", entry_id),
            )
            lines.append(format_entry(entry))
            ids.append(entry_id)
        site.state.mkdir(mode=0o700, exist_ok=True)
        signer = keyring.log_signer(site)
        store = SqliteStore.open(site.state / "audit", signer.public)
        try:
            Log(store, signer).append(lines)
        finally:
            store.close()
        return ids
