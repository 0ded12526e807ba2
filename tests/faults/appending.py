# SPDX-License-Identifier: Apache-2.0
"""Callers of a sequencer that append until they are told to stop, and what they were told."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.audit.client import SequencerClient
from gateway.errors import AuditError
from gateway.ports import Appended
from tests.integration.sequencer_process import claim, recent, soon
from tests.unit.audit.samples import nonce


class Appending:
    """The journal of what was acknowledged, and each refusal.

    Attributes:
        journal: acknowledged bytes by index.
        refused_s: how long each refusal took, in seconds.
        longest_s: that an acknowledgement took.
    """

    def __init__(self) -> None:
        self.journal: dict[int, bytes] = {}
        self.refused_s: list[float] = []
        self.longest_s = 0.0
        self._grown = asyncio.Event()
        self._stopped = False

    async def append(self, client: SequencerClient) -> bool:
        """Append one entry; returns whether it was acknowledged."""
        signed = nonce()
        entry = recent(len(self.journal), signed)
        began_s = time.monotonic()
        try:
            appended = await client.append(entry, soon(), claim=claim(signed))
        except AuditError:
            self.refused_s.append(time.monotonic() - began_s)
            return False
        finally:
            self._grown.set()
        assert isinstance(appended, Appended)
        assert appended.index not in self.journal
        self.journal[appended.index] = entry
        self.longest_s = max(self.longest_s, time.monotonic() - began_s)
        return True

    async def until(self, *, acknowledged: int = 0, refused: int = 0) -> None:
        """Return when so much was acknowledged or refused."""
        async with asyncio.timeout(30):
            while len(self.journal) < acknowledged or len(self.refused_s) < refused:
                self._grown.clear()
                await self._grown.wait()

    async def until_ended(self, client: SequencerClient) -> None:
        """Return when the connection is gone."""
        async with asyncio.timeout(30):
            while client.connected:
                self._grown.clear()
                await self._grown.wait()

    @asynccontextmanager
    async def by(
        self, client: SequencerClient, callers: int = 8, *, pause_s: float = 0.005
    ) -> AsyncIterator[None]:
        """So many callers, for as long as this lasts; after a refusal each takes a breath."""
        self._stopped = False
        async with asyncio.TaskGroup() as tasks:
            for _ in range(callers):
                tasks.create_task(self._append_on(client, pause_s))
            try:
                yield
            finally:
                self._stopped = True

    async def _append_on(self, client: SequencerClient, pause_s: float) -> None:
        while not self._stopped:
            if not await self.append(client):
                await asyncio.sleep(pause_s)
