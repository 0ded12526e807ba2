# SPDX-License-Identifier: Apache-2.0
"""F-08: each sync of the log takes half a second. Waiting and memory are bounded; no hit slips by.

strace is attached to the running sequencer and holds each fdatasync back.
"""

import asyncio
import shutil
import socket
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fixtures.world import World
from gateway.audit.frames import (
    Accepted,
    Failed,
    FrameBuffer,
    Ping,
    format_frame,
    parse_reply,
)
from gateway.audit.group import MAX_BACKLOG_COUNT
from tests.faults.asking import EXPECTED, Asking
from tests.faults.conftest import WAIT_LIMIT_S
from tests.integration.wire import log_entries

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace slows a sync down")

DELAY_S = 0.5
CALLERS = 64
FLOOD = MAX_BACKLOG_COUNT + 2000
MEMORY_LIMIT_KIB = 64 * 1024


@pytest.fixture
def slow(tough: World, tmp_path: Path) -> Iterator[World]:
    """A gateway whose log has a slow disk."""
    tracer = attach(tough.pids()["sequencer"], tmp_path / "calls")
    yield tough
    tracer.terminate()
    tracer.communicate()


def attach(pid: int, calls: Path) -> subprocess.Popen[bytes]:
    order = f"inject=fdatasync:delay_enter={int(DELAY_S * 1e6)}"
    tracer = subprocess.Popen(
        ["strace", "-f", "-p", str(pid), "-o", str(calls), "-e", "trace=fdatasync", "-e", order],
        stderr=subprocess.PIPE,
    )
    assert tracer.stderr is not None
    if b"attached" not in tracer.stderr.readline():
        tracer.communicate()
        pytest.skip("strace may not attach to a process here")
    return tracer


def resident_kib(world: World) -> dict[str, int]:
    found = {}
    for name, pid in world.pids().items():
        status = Path(f"/proc/{pid}/status").read_text()
        found[name] = int(status.partition("VmRSS:")[2].split()[0])
    return found


def flood(world: World, done: threading.Event) -> Counter[type[object]]:
    """Ask the sequencer more at once than it lets wait, again and again; returns its replies."""
    (path,) = (world.site / "var").rglob("*.sock")
    pings = b"".join(format_frame(number, Ping()) for number in range(1, FLOOD + 1))
    heard: Counter[type[object]] = Counter()
    buffer = FrameBuffer()
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(30)
        sock.connect(str(path))
        while not done.is_set():
            sock.sendall(pings)
            expected = heard.total() + FLOOD
            while heard.total() < expected:
                frames = buffer.feed(sock.recv(65536))
                heard.update(type(parse_reply(body)) for number, body in frames if number)
    return heard


async def test_waiting_is_bounded_and_ends_in_503(
    slow: World, record_property: Callable[[str, object], None]
) -> None:
    before = resident_kib(slow)
    asking = Asking(slow)
    async with asking.by(CALLERS):
        await asking.until(lambda: len(asking.answers) > CALLERS, 30)
    longest_s = max(each.seconds for each in asking.answers)
    longest_s = max([longest_s, *(each.seconds for each in asking.refusals)])
    assert asking.codes_of_the_log <= EXPECTED - {"connection lost"}
    assert longest_s <= WAIT_LIMIT_S + DELAY_S  # for a sync, too
    assert min(each.seconds for each in asking.answers) >= DELAY_S * 0.9

    size = len(log_entries(slow))
    async with asyncio.timeout(30):
        while not any(
            getattr(entry, "served_from", None) == "cache" for entry in log_entries(slow, size)
        ):
            again = await asking.ask_once(1)  # sooner or later of a worker that was asked before
            assert again.seconds >= DELAY_S * 0.9
    grown_kib = max(resident_kib(slow)[name] - before[name] for name in before)
    assert grown_kib <= MEMORY_LIMIT_KIB
    asking.check()
    assert {getattr(entry, "served_from", None) for entry in log_entries(slow)} >= {
        "cache",
        "source",
    }
    record_property("answers", len(asking.answers))
    record_property("refusals", dict(asking.codes))
    record_property("longest_s", round(longest_s, 2))
    record_property("grown_kib", grown_kib)


async def test_what_waits_for_the_log_is_bounded_and_callers_are_told_when_to_return(
    slow: World, record_property: Callable[[str, object], None]
) -> None:
    before = resident_kib(slow)
    asking = Asking(slow)
    done = threading.Event()
    flooding = asyncio.create_task(asyncio.to_thread(flood, slow, done))
    try:
        async with asking.by(8):
            await asking.until(lambda: asking.codes["OVERLOADED"] > 0, 60)
    finally:
        done.set()
    heard = await flooding
    grown_kib = max(resident_kib(slow)[name] - before[name] for name in before)
    refusal = next(each for each in asking.refusals if each.code == "OVERLOADED")
    assert refusal.head.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nRetry-After: 1\r\n" in refusal.head
    assert refusal.seconds <= WAIT_LIMIT_S
    assert heard.keys() == {Accepted, Failed}
    assert grown_kib <= MEMORY_LIMIT_KIB
    record_property("asked_at_once", FLOOD)
    record_property("refused_at_once", heard[Failed])
    record_property("grown_kib", grown_kib)
