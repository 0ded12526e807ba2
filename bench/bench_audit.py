# SPDX-License-Identifier: Apache-2.0
"""The audit log: one append over the socket, group commits of several sizes, and verifying.

Each case asserts what it did before it is timed.
"""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import uvloop
from pytest_benchmark.fixture import BenchmarkFixture

from gateway.audit.client import SequencerClient
from gateway.audit.index.follow import Follower
from gateway.audit.log import Log
from gateway.audit.sequencer import serve
from gateway.audit.standalone import verify_log as verify_log_alone
from gateway.audit.store.reader import DATABASE, LogReader
from gateway.audit.store.sqlite import SqliteStore
from gateway.audit.verify import verify_log
from gateway.audit.verify_index import IndexPart, verify_index
from gateway.ports import Appended
from gateway.sdk import Deadline
from tests.unit.audit.samples import KEY, SIGNER, entry_bytes, write_log

ENTRIES = [entry_bytes(number) for number in range(4096)]


@pytest.mark.parametrize("count", [1, 16, 64, 256, 512])
def test_group_commit(benchmark: BenchmarkFixture, tmp_path: Path, count: int) -> None:
    store = SqliteStore.open(tmp_path, KEY)
    log = Log(store, SIGNER)
    assert log.append(ENTRIES[:count]) == 0
    assert log.size == count
    benchmark.extra_info["entries"] = count
    benchmark(log.append, ENTRIES[:count])
    store.close()


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as made:
        yield made


@pytest.mark.parametrize("count", [1, 64, 256])
def test_append_round_trip(
    benchmark: BenchmarkFixture, tmp_path: Path, runner: asyncio.Runner, count: int
) -> None:
    """`count` concurrent calls; sequencer and client share one loop, so it is the work of both."""
    client = SequencerClient(tmp_path / "run" / "s")
    quit_event = asyncio.Event()

    async def start() -> asyncio.Task[None]:
        ready = asyncio.Event()
        serving = asyncio.create_task(
            serve(
                SqliteStore.open(tmp_path / "log", KEY),
                SIGNER,
                socket_path=tmp_path / "run" / "s",
                window_s=60,
                utc_offset_h=8,
                quit_event=quit_event,
                on_ready=ready.set,
            )
        )
        await ready.wait()
        await client.open()
        return serving

    async def append(entry: bytes) -> None:
        assert isinstance(await client.append(entry, Deadline.after(5), claim=None), Appended)

    async def append_all() -> None:
        async with asyncio.TaskGroup() as tasks:
            for entry in ENTRIES[:count]:
                tasks.create_task(append(entry))

    async def stop(serving: asyncio.Task[None]) -> None:
        await client.aclose()
        quit_event.set()
        await serving

    serving = runner.run(start())
    runner.run(append_all())
    with closing(LogReader.open(tmp_path / "log")) as reader:
        assert reader.size() == count
    benchmark.extra_info["entries"] = count
    benchmark(lambda: runner.run(append_all()))
    runner.run(stop(serving))


def test_verify_log(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    write_log(tmp_path, [256] * 40)
    benchmark.extra_info["entries"] = 40 * 256
    with closing(LogReader.open(tmp_path)) as reader:
        report = benchmark(verify_log, reader, KEY)
    assert report.size == 40 * 256


def test_verify_log_with_the_second_verifier(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    write_log(tmp_path, [256] * 40)
    benchmark.extra_info["entries"] = 40 * 256
    key = verify_log_alone.Key(KEY.vkey)
    with closing(sqlite3.connect(tmp_path / DATABASE)) as connection:
        report = benchmark(verify_log_alone.verify, connection, key)
    assert report["entries"] == 40 * 256


def test_verify_index(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    write_log(tmp_path / "audit", [256] * 40)
    follower = Follower(tmp_path / "audit", tmp_path / "index", KEY)
    for _ in follower.catch_up():
        pass
    follower.close()
    benchmark.extra_info["entries"] = 40 * 256
    part = IndexPart(tmp_path / "audit", tmp_path / "index", ())
    assert benchmark(verify_index, part) == 40 * 256
