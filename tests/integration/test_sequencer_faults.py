# SPDX-License-Identifier: Apache-2.0
"""The sequencer killed, and with a limit to its files: what it acknowledged is there.

A journal holds what the client was told. Whatever happens to the process, every acknowledged index
holds exactly the acknowledged bytes, and the log verifies.
"""

import asyncio
import resource
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

from gateway.audit.client import SequencerClient
from gateway.errors import AuditError
from gateway.ports import Appended
from tests.integration.sequencer_process import (
    Sequencer,
    append_one,
    claim,
    connected,
    recent,
    soon,
)
from tests.unit.audit.samples import nonce

pytestmark = [pytest.mark.integration, pytest.mark.faults]

KILLS: Final = 10


@pytest.fixture
def stopped(tmp_path: Path) -> Iterator[Sequencer]:
    process = Sequencer(tmp_path)
    yield process
    process.stop(signal.SIGKILL)


@pytest.fixture
def sequencer(stopped: Sequencer) -> Sequencer:
    stopped.start()
    return stopped


async def test_killed_again_and_again_it_loses_nothing_it_acknowledged(
    sequencer: Sequencer,
) -> None:
    journal: dict[int, bytes] = {}
    grown = asyncio.Event()
    unknown = 0
    is_over = False

    async def keep_appending(client: SequencerClient) -> None:
        nonlocal unknown
        number = 0
        while not is_over:
            number += 1
            signed = nonce()
            entry = recent(number, signed)
            try:
                appended = await client.append(entry, soon(), claim=claim(signed))
            except AuditError:
                unknown += 1
                await asyncio.sleep(0)
                continue
            assert isinstance(appended, Appended)
            assert appended.index not in journal
            journal[appended.index] = entry
            grown.set()

    async with connected(sequencer) as client, asyncio.TaskGroup() as tasks:
        for _ in range(16):
            tasks.create_task(keep_appending(client))
        for kill in range(KILLS):
            enough = len(journal) + 40 + 37 * kill
            async with asyncio.timeout(20):
                while len(journal) < enough:
                    grown.clear()
                    await grown.wait()
            sequencer.stop(signal.SIGKILL)
            await asyncio.to_thread(sequencer.start)
        is_over = True
    size = sequencer.check(journal)
    assert len(journal) <= size <= len(journal) + 16 * KILLS
    assert unknown


async def test_a_full_disk_is_reported_survived_and_left_behind(sequencer: Sequencer) -> None:
    journal: dict[int, bytes] = {}
    begun = asyncio.Event()

    async def append_until_refused(client: SequencerClient) -> None:
        with suppress(AuditError):
            while True:
                signed = nonce()
                entry = recent(len(journal), signed)
                appended = await client.append(entry, soon(), claim=claim(signed))
                assert isinstance(appended, Appended)
                journal[appended.index] = entry
                if len(journal) == 100:
                    begun.set()

    _, hard = resource.prlimit(sequencer.pid, resource.RLIMIT_FSIZE)
    async with connected(sequencer) as client:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(8):
                tasks.create_task(append_until_refused(client))
            await begun.wait()
            resource.prlimit(sequencer.pid, resource.RLIMIT_FSIZE, (4096, hard))
        await asyncio.to_thread(sequencer.wait_for, "still not serving")
        took_s: list[float] = []
        for _ in range(5):
            began_s = time.monotonic()
            with pytest.raises(AuditError, match="AUDIT_UNAVAILABLE"):
                await append_one(client, 0)
            took_s.append(time.monotonic() - began_s)
        assert min(took_s) < 1  # a machine that stalls does not do so in all of them
        resource.prlimit(sequencer.pid, resource.RLIMIT_FSIZE, (hard, hard))
        await asyncio.to_thread(sequencer.wait_for, "serving again")
        assert isinstance(await append_one(client, 0), Appended)
    size = sequencer.check(journal)
    assert 100 <= len(journal) < size <= len(journal) + 1 + 8
