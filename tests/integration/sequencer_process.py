# SPDX-License-Identifier: Apache-2.0
"""A sequencer in a process of its own, and a client that keeps a journal."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from gateway.audit.client import SequencerClient
from gateway.audit.store.reader import LogReader
from gateway.audit.verify import verify_log
from gateway.model.audit_site import AuditSection
from gateway.ports import Claim, Quota
from gateway.sdk import Deadline
from tests.unit.audit.samples import KEY, KEYID, ORIGIN, PEM, entry_bytes, nonce

ROOT: Final = Path(__file__).parents[2]
WINDOW_S: Final = 60
PROCESS: Final = """
import asyncio, signal, sys
from pathlib import Path
import msgspec
import uvloop
from gateway.audit.sequencer import serve
from gateway.audit.store.sqlite import SqliteStore
from gateway.model.audit_site import AuditSection
from gateway.tlog.note import NoteSigner

async def main(folder, origin):
    quit_event = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, quit_event.set)
    signer = NoteSigner.from_pem(origin, (folder / "log.pem").read_bytes())
    await serve(
        SqliteStore.open(folder / "log", signer.public), signer,
        socket_path=folder / "run" / "s", window_s=60, utc_offset_h=8,
        quit_event=quit_event, on_ready=lambda: print("ready"),
        section=msgspec.json.decode(sys.argv[3], type=AuditSection),
    )

uvloop.run(main(Path(sys.argv[1]), sys.argv[2]))
"""


class Sequencer:
    """A sequencer process on one folder, started as often as needed.

    Args:
        section: of the site; the usual one by default.
    """

    def __init__(self, folder: Path, section: AuditSection | None = None) -> None:
        self.folder = folder
        self.section = section or AuditSection()
        self.process: subprocess.Popen[str] | None = None
        (folder / "log.pem").write_bytes(PEM)

    @property
    def socket_path(self) -> Path:
        return self.folder / "run" / "s"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self, under: Sequence[str] = (), first: str = "") -> None:
        """Start it and wait until it serves; `first` is what it executes before anything else."""
        self.process = self.spawn(under, first)
        self.wait_for("ready")

    def spawn(self, under: Sequence[str] = (), first: str = "") -> subprocess.Popen[str]:
        arguments = [str(self.folder), ORIGIN, msgspec.json.encode(self.section).decode()]
        return subprocess.Popen(
            [*under, sys.executable, "-c", first + PROCESS, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )

    def wait_for(self, said: str) -> None:
        self.heard_until(said)

    def heard_until(self, said: str) -> str:
        """What it says until it says that."""
        assert self.process is not None
        assert self.process.stdout is not None
        heard = ""
        for line in self.process.stdout:
            heard += line
            if said in line:
                return heard
        raise AssertionError(self.process.communicate()[1])

    def stop(self, number: int = signal.SIGTERM) -> int:
        if self.process is None:
            return 0
        process, self.process = self.process, None
        process.send_signal(number)
        process.communicate()
        return process.returncode

    def end_of_trace(self, calls: Path) -> str:
        """What strace wrote, once it has written that the process is gone."""
        until_s = time.monotonic() + 60
        while "+++ " not in (text := calls.read_text()).rstrip().rpartition("\n")[2]:
            assert time.monotonic() < until_s
            time.sleep(0.005)
        return text

    def check(self, journal: dict[int, bytes]) -> int:
        """Every acknowledged index holds the acknowledged bytes; returns the size of the log."""
        with closing(LogReader.open(self.folder / "log")) as reader:
            report = verify_log(reader, KEY)
            for index, entry in journal.items():
                assert reader.entry(index) == entry
        return report.size


@asynccontextmanager
async def connected(sequencer: Sequencer) -> AsyncIterator[SequencerClient]:
    client = SequencerClient(sequencer.socket_path)
    await client.open()
    try:
        yield client
    finally:
        await client.aclose()


def soon() -> Deadline:
    return Deadline.after(5)


def recent(number: int, signed_nonce: str) -> bytes:
    """An entry of now."""
    now_s = time.time()
    return entry_bytes(number, at_s=now_s, created=int(now_s), signed_nonce=signed_nonce)


def claim(signed_nonce: str, cap: int | None = None) -> Claim:
    now_s = time.time()
    day = (datetime.fromtimestamp(now_s, UTC) + timedelta(hours=8)).date().isoformat()
    quota = None if cap is None else Quota("yq-gjj", day, cap)
    return Claim(KEYID, signed_nonce, int(now_s) + WINDOW_S, quota)


async def append_one(client: SequencerClient, number: int, cap: int | None = None) -> object:
    signed = nonce()
    return await client.append(recent(number, signed), soon(), claim=claim(signed, cap))
