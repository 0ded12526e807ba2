# SPDX-License-Identifier: Apache-2.0
"""A change reaches every worker's cache through the sequencer. Real sockets, real process."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.audit.client import SequencerClient
from gateway.cache.memory import MemoryCache
from gateway.errors import AuditError, Text
from gateway.model.answer import Sealed
from gateway.model.certificate import CertificateType
from gateway.model.forget import Forget
from gateway.model.holder import Holder
from gateway.ports import Appended, Cached
from tests.integration.sequencer_process import Sequencer, claim, recent, soon
from tests.unit.audit.samples import nonce

HOLDER = Holder("cn-id", "140302190001010017")
IDENTITY = CertificateType(
    "public_security.identity",
    Text("Identity", "身份"),
    ("cn-id",),
    (),
    ttl_s=600,
    cache_scope="public",
)
OLD = Sealed("a", bytes(64) + b"b", (), "2026-11-22T08:00:00Z")
NEW = Sealed("d", bytes(64) + b"e", (), "2026-11-22T09:00:00Z")


@pytest.fixture
def sequencer(tmp_path: Path) -> Iterator[Sequencer]:
    process = Sequencer(tmp_path)
    process.start()
    yield process
    process.stop(signal.SIGKILL)


class Worker:
    """What a worker process has: a cache, and a connection that tells it."""

    def __init__(self, sequencer: Sequencer) -> None:
        self.cache = MemoryCache(max_entries=100, max_bytes=1 << 20)
        self.log = SequencerClient(sequencer.socket_path, self.cache)

    @property
    def key(self) -> bytes:
        key = self.cache.key(HOLDER, IDENTITY, agency="", item="", case="", grant="")
        assert key is not None
        return key

    async def keep(self) -> None:
        async def source() -> Cached:
            return OLD

        await self.cache.load(self.key, IDENTITY, source)
        assert self.cache.get(self.key, None) is OLD

    def about_holder(self) -> Forget:
        return Forget(tags=self.cache.tags(HOLDER.scheme, HOLDER.number, (IDENTITY.name,)))

    async def announce(self, forget: Forget) -> None:
        signed = nonce()
        recorded = await self.log.announce(recent(1, signed), forget, soon(), claim=claim(signed))
        assert isinstance(recorded, Appended)

    async def begun_anew(self, before: int) -> None:
        async with asyncio.timeout(10):
            while self.beginnings == before:  # noqa: ASYNC110 - another process's doing
                await asyncio.sleep(0.01)

    @property
    def beginnings(self) -> int:
        """How often the cache was told anything."""
        return self.cache.state().forget_count


@asynccontextmanager
async def three(sequencer: Sequencer) -> AsyncIterator[list[Worker]]:
    workers = [Worker(sequencer) for _ in range(3)]
    for worker in workers:
        await worker.log.open()
    try:
        yield workers
    finally:
        for worker in workers:
            await worker.log.aclose()


async def test_when_a_change_is_answered_no_worker_has_the_old_answer(
    sequencer: Sequencer,
) -> None:
    async with three(sequencer) as workers:
        for worker in workers:
            await worker.keep()
        await workers[0].announce(workers[0].about_holder())
        for worker in workers:
            assert worker.cache.get(worker.key, None) is None
        assert sequencer.check({}) == 1


async def test_workers_know_holders_by_the_same_tags(sequencer: Sequencer) -> None:
    async with three(sequencer) as workers:
        assert len({worker.about_holder() for worker in workers}) == 1


async def test_a_process_without_a_cache_is_not_waited_for_and_may_announce(
    sequencer: Sequencer,
) -> None:
    stranger = SequencerClient(sequencer.socket_path)
    await stranger.open()
    async with three(sequencer) as workers:
        await workers[0].keep()
        signed = nonce()
        await stranger.announce(
            recent(1, signed), Forget(everything=True), soon(), claim=claim(signed)
        )
        assert workers[0].cache.get(workers[0].key, None) is None
        states = await stranger.survey(soon())
        assert len(states) == 3
        assert {state.entry_count for state in states} == {0}
    await stranger.aclose()


async def test_a_worker_that_was_without_the_sequencer_begins_anew(sequencer: Sequencer) -> None:
    async with three(sequencer) as workers:
        for worker in workers:
            await worker.keep()
        before, beginnings = workers[0].about_holder(), workers[0].beginnings
        sequencer.stop(signal.SIGKILL)
        sequencer.start()
        for worker in workers:
            await worker.begun_anew(beginnings)
            assert worker.cache.state().entry_count == 0
            assert worker.cache.get(worker.key, None) is None
        assert workers[0].about_holder() != before  # another secret: no older tag means anything
        await workers[1].keep()
        await workers[2].announce(workers[2].about_holder())
        assert workers[1].cache.get(workers[1].key, None) is None


async def test_a_worker_that_hangs_is_cut_off_and_cannot_record_until_it_begins_anew(
    sequencer: Sequencer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with three(sequencer) as workers:
        hanging = workers[2]
        await hanging.keep()
        beginnings = hanging.beginnings
        monkeypatch.setattr(  # it does not hear
            hanging.log._connection, "_drop", lambda round_id, forget: None
        )
        await workers[0].announce(workers[0].about_holder())
        await hanging.begun_anew(beginnings)
        assert hanging.cache.get(hanging.key, None) is None
        await hanging.log.ping(soon())


async def test_an_announcement_without_the_sequencer_fails(sequencer: Sequencer) -> None:
    async with three(sequencer) as workers:
        sequencer.stop(signal.SIGKILL)
        with pytest.raises(AuditError):
            await workers[0].announce(Forget(everything=True))


async def test_what_is_being_loaded_when_the_signal_comes_is_not_kept_by_any_worker(
    sequencer: Sequencer,
) -> None:
    release = asyncio.Event()
    started = asyncio.Semaphore(0)

    async def slow() -> Cached:
        started.release()
        await release.wait()
        return OLD

    async def fresh() -> Cached:
        return NEW

    async with three(sequencer) as workers:
        async with asyncio.TaskGroup() as tasks:
            for worker in workers:
                tasks.create_task(worker.cache.load(worker.key, IDENTITY, slow))
            for _ in workers:
                await started.acquire()
            await workers[0].announce(workers[0].about_holder())
            late = await workers[1].cache.load(workers[1].key, IDENTITY, fresh)
            release.set()
        assert late is NEW
        assert [worker.cache.get(worker.key, None) for worker in workers] == [None, NEW, None]
