# SPDX-License-Identifier: Apache-2.0
"""Witnesses and notaries of this process, over real sockets and real files."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path

from fixtures.ports import take_port
from gateway.audit.log import Log
from gateway.audit.notary import serve_notary
from gateway.audit.notary_plan import load_plan
from gateway.audit.store.notary import NotaryReader
from gateway.audit.store.sqlite import SqliteStore
from gateway.model.audit_site import AuditSection, TimestampsSection
from gateway.witness.folder import load_signer, make_witness
from gateway.witness.server import serve_witness
from gateway.witness.state import State
from gateway.witness.witness import Witness
from tests.unit.audit.samples import KEY, SIGNER, entry_bytes

INTERVAL_S = 0.1


class Witnesses:
    """Witness servers by name; each may be stopped, and started again where it was."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._running: dict[str, tuple[asyncio.Event, asyncio.Task[None]]] = {}
        self._ports: dict[str, int] = {}
        self.vkeys: dict[str, str] = {}

    async def start(self, name: str) -> None:
        if name not in self.vkeys:
            self.vkeys[name] = make_witness(self.folder / name, f"witness.example/{name}")
            State(self.folder / name).add_log(KEY)
            self._ports[name] = take_port()
        sock = socket.create_server(("127.0.0.1", self._ports[name]))
        quit_event, ready = asyncio.Event(), asyncio.Event()
        state = State(self.folder / name)
        witness = Witness(load_signer(self.folder / name), state, time.time)
        task = asyncio.create_task(
            serve_witness(witness, sock, quit_event=quit_event, on_ready=ready.set)
        )
        await ready.wait()
        self._running[name] = quit_event, task

    async def stop(self, name: str) -> None:
        quit_event, task = self._running.pop(name)
        quit_event.set()
        await task

    async def stop_all(self) -> None:
        for name in tuple(self._running):
            await self.stop(name)

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self._ports[name]}"

    def policy(self, rule: str) -> str:
        """A policy of all witnesses; `rule` is `any`, `all` or a number."""
        lines = [f"witness {name} {vkey} {self.url(name)}" for name, vkey in self.vkeys.items()]
        group = f"group all-of-them {rule} {' '.join(self.vkeys)}"
        return "\n".join([f"log {KEY.vkey}", *lines, group, "quorum all-of-them", ""])


@asynccontextmanager
async def witnesses(folder: Path, *names: str) -> AsyncIterator[Witnesses]:
    found = Witnesses(folder)
    try:
        for name in names:
            await found.start(name)
        yield found
    finally:
        await found.stop_all()


@asynccontextmanager
async def notary(
    folder: Path, *, policy: str | None = None, timestamps: TimestampsSection | None = None
) -> AsyncIterator[None]:
    """A notary of the log in that folder."""
    if policy is not None:
        (folder / "policy").write_text(policy)
    section = AuditSection(
        witness_policy=None if policy is None else "policy",
        witness_interval_s=INTERVAL_S,
        timestamps=timestamps,
    )
    quit_event, ready = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(
        serve_notary(
            folder, load_plan(section, folder, KEY), quit_event=quit_event, on_ready=ready.set
        )
    )
    try:
        await ready.wait()
        yield
    finally:
        quit_event.set()
        await task


def grow(folder: Path, numbers: Sequence[int]) -> None:
    """Append entries, one group, with the log's real key. Their time is now."""
    with closing(SqliteStore.open(folder, KEY)) as store:
        Log(store, SIGNER).append([entry_bytes(n, at_s=time.time()) for n in numbers])


async def until(is_so: Callable[[], bool], limit_s: float = 60) -> None:
    """Wait for something that another task or process brings about."""
    async with asyncio.timeout(limit_s):
        while not is_so():  # noqa: ASYNC110 - others bring it about, in files
            await asyncio.sleep(0.02)


def witnessed_size(folder: Path) -> int:
    with closing(NotaryReader.open(folder)) as reader:
        found = reader.witnessed()
    return 0 if found is None else found.size


def state_of(folder: Path, name: str) -> str:
    with closing(NotaryReader.open(folder)) as reader:
        return reader.states().get(name, "")
