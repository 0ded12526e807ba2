# SPDX-License-Identifier: Apache-2.0
"""What one access takes on the disk: `python -m bench.audit_bytes` writes `results/audit.json`.

A real gateway answers some thousand lookups; then it is stopped, and what lies in the log's folder
is weighed: entries, tiles, checkpoints, indexes of the database, and what it keeps free.
"""

import subprocess
import sys
import tempfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from time import time
from typing import Final
from urllib.parse import urlsplit

import msgspec

from bench.system import machine
from bench.system.requests import signed_writer, warm_bodies, write_requests
from bench.system.world import BenchWorld
from fixtures.world import KEYIDS
from gateway.audit.store.reader import LogReader
from gateway.crypto.keys import load_signer

RESULT: Final = Path(__file__).parent / "results/audit.json"
LOOKUP_COUNT: Final = 5000
_CONNECTIONS: Final = 64
_PER_S: Final = 500
_LIMIT_S: Final = 50


class AuditBytes(msgspec.Struct, frozen=True):
    """The weight of a log.

    Attributes:
        entry_bytes: of one entry, the mean.
        group_count: entries to a checkpoint, the mean.
        stored_bytes: of one entry with all that is kept for it, the mean.
    """

    date: str
    commit: str
    entry_count: int
    entry_bytes: int
    group_count: float
    stored_bytes: int


def weigh(folder: Path) -> tuple[int, int, int, int]:
    """Entries, their bytes, checkpoints, and bytes of all files."""
    with closing(LogReader.open(folder)) as reader:
        sizes = [len(line) for _, line in reader.entries()]
        checkpoints = sum(1 for _ in reader.checkpoints())
    stored = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return len(sizes), sum(sizes), checkpoints, stored


def main() -> None:
    """Ask, stop, weigh, write."""
    with tempfile.TemporaryDirectory(prefix="yz-") as folder:
        world = BenchWorld(Path(folder))
        requests = Path(folder) / "requests"
        with world:
            parts = urlsplit(world.url)
            signer = load_signer(world.agency_key().read_bytes(), KEYIDS["ecdsa-p256-sha256"])
            write_requests(
                requests,
                signed_writer(signer, parts.netloc),
                warm_bodies(world),
                range(LOOKUP_COUNT),
                at_s=time(),
                per_s=_PER_S,
            )
            subprocess.run(
                [
                    *(sys.executable, "-m", "bench.system.load", f"--requests={requests}"),
                    *(f"--port={parts.port}", f"--connections={_CONNECTIONS}"),
                    f"--seconds={_LIMIT_S}",
                ],
                check=True,
            )
        count, entry_bytes, checkpoints, stored = weigh(world.site / "var/audit")
    found = AuditBytes(
        date=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        commit=machine.commit(),
        entry_count=count,
        entry_bytes=round(entry_bytes / count),
        group_count=round(count / checkpoints, 1),
        stored_bytes=round(stored / count),
    )
    RESULT.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
    print(RESULT.read_text())


if __name__ == "__main__":
    main()
