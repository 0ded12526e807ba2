# SPDX-License-Identifier: Apache-2.0
"""The sequencer as a process: its answers, over kills and stops. Real sockets and files."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvloop

from gateway.audit.client import SequencerClient
from gateway.audit.frames import MAX_FRAME_BYTES
from gateway.errors import AuditError
from gateway.ports import Appended, Held
from gateway.sdk import Deadline
from tests.integration.sequencer_process import (
    Sequencer,
    append_one,
    claim,
    connected,
    recent,
    soon,
)
from tests.unit.audit.samples import ORIGIN, entry_bytes, nonce

pytestmark = pytest.mark.integration

Main = Coroutine[Any, Any, None]


@pytest.fixture
def sequencer(tmp_path: Path) -> Iterator[Sequencer]:
    process = Sequencer(tmp_path)
    process.start()
    yield process
    process.stop(signal.SIGKILL)


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_calls_are_pipelined_and_each_gets_its_own_answer(
    sequencer: Sequencer, run: Callable[[Main], None]
) -> None:
    journal: dict[int, bytes] = {}

    async def append(client: SequencerClient, number: int) -> None:
        entry = entry_bytes(number)
        appended = await client.append(entry, soon(), claim=None)
        assert isinstance(appended, Appended)
        journal[appended.index] = entry

    async def main() -> None:
        async with connected(sequencer) as client, asyncio.TaskGroup() as tasks:
            assert client.connected
            assert client.origin == ORIGIN
            for number in range(300):
                tasks.create_task(append(client, number))

    run(main())
    assert sorted(journal) == list(range(300))
    assert sequencer.check(journal) == 300


async def test_a_replay_is_refused_before_and_after_a_kill(sequencer: Sequencer) -> None:
    signed = nonce()
    entry = recent(1, signed)
    async with connected(sequencer) as client:
        assert await client.append(entry, soon(), claim=claim(signed)) == Appended(0)
        assert await client.append(entry, soon(), claim=claim(signed)) == "replayed"
        assert await client.claim(claim(signed), soon()) == "replayed"
    sequencer.stop(signal.SIGKILL)
    sequencer.start()
    async with connected(sequencer) as client:
        assert await client.append(entry, soon(), claim=claim(signed)) == "replayed"
        assert await client.claim(claim(signed), soon()) == "replayed"
    assert sequencer.check({0: entry}) == 1


async def test_a_claim_held_over_a_kill_is_decided_again_once(sequencer: Sequencer) -> None:
    signed = nonce()
    entry = recent(1, signed)
    async with connected(sequencer) as client:
        held = await client.claim(claim(signed), soon())
        assert isinstance(held, Held)
    sequencer.stop(signal.SIGKILL)
    sequencer.start()
    async with connected(sequencer) as client:
        appended = await client.append(entry, soon(), claim=claim(signed), held=held)
        assert appended == Appended(0)
        assert await client.append(entry, soon(), claim=claim(signed), held=held) == "replayed"


async def test_a_quota_is_exact_over_a_kill(sequencer: Sequencer) -> None:
    async with connected(sequencer) as client:
        for number in range(3):
            assert await append_one(client, number, cap=5) == Appended(number)
    sequencer.stop(signal.SIGKILL)
    sequencer.start()
    async with connected(sequencer) as client:
        answers = [await append_one(client, number, cap=5) for number in range(3, 7)]
    assert answers == [Appended(3), Appended(4), "over_quota", "over_quota"]
    assert sequencer.check({}) == 5


def test_a_second_sequencer_is_refused(sequencer: Sequencer) -> None:
    second = sequencer.spawn()
    _, said = second.communicate()
    assert second.returncode != 0
    assert "another sequencer holds this log" in said
    assert sequencer.socket_path.is_socket()


async def test_no_answer_by_the_deadline_is_a_failure(sequencer: Sequencer) -> None:
    async with connected(sequencer) as client:
        os.kill(sequencer.pid, signal.SIGSTOP)
        with pytest.raises(AuditError, match="before the deadline"):
            await client.append(entry_bytes(1), Deadline.after(0.1), claim=None)
        os.kill(sequencer.pid, signal.SIGCONT)
        assert isinstance(await append_one(client, 2), Appended)


async def test_calls_fail_at_once_while_there_is_no_sequencer(sequencer: Sequencer) -> None:
    async with connected(sequencer) as client:
        os.kill(sequencer.pid, signal.SIGSTOP)
        waiting = asyncio.ensure_future(client.append(entry_bytes(1), soon(), claim=None))
        await asyncio.sleep(0)
        sequencer.stop(signal.SIGKILL)
        with pytest.raises(AuditError, match="connection to the sequencer was lost"):
            await waiting
        assert not client.connected
        with pytest.raises(AuditError, match="no connection"):
            await client.claim(claim(nonce()), soon())


async def test_a_stop_answers_what_waits(sequencer: Sequencer) -> None:
    async with connected(sequencer) as client:
        assert isinstance(await append_one(client, 1), Appended)
        assert await asyncio.to_thread(sequencer.stop) == 0
    assert not sequencer.socket_path.exists()
    sequencer.start()
    assert sequencer.check({}) == 1


async def test_an_entry_that_does_not_verify_is_refused(sequencer: Sequencer) -> None:
    async with connected(sequencer) as client:
        with pytest.raises(AuditError, match="not one that verifies"):
            await client.append(b"{}", soon(), claim=None)
        for entry in (b"", bytes(5000)):
            with pytest.raises(AuditError, match="ENTRY_TOO_LARGE"):
                await client.append(entry, soon(), claim=None)


@pytest.mark.parametrize(
    "sent",
    [
        (MAX_FRAME_BYTES + 1).to_bytes(4, "big") + bytes(4),
        (1).to_bytes(4, "big") + bytes(4) + b"\xc0",
    ],
    ids=["too long", "no request"],
)
async def test_a_peer_that_speaks_nonsense_is_hung_up_on(sequencer: Sequencer, sent: bytes) -> None:
    async with connected(sequencer) as client:
        with socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(5)
            peer.connect(str(sequencer.socket_path))
            peer.sendall(sent)
            received = b"".join(iter(lambda: peer.recv(4096), b""))
        assert ORIGIN.encode() in received
        assert isinstance(await append_one(client, 1), Appended)


def test_only_the_owner_can_reach_the_socket(sequencer: Sequencer) -> None:
    assert sequencer.socket_path.stat().st_mode & 0o777 == 0o600
    assert sequencer.socket_path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user takes root")
def test_another_user_is_refused_even_with_the_socket_open_to_it(sequencer: Sequencer) -> None:
    """The kernel's word on the peer counts, not the file's mode alone."""
    asking = (
        "import os, socket; s = socket.socket(socket.AF_UNIX); s.settimeout(5); os.setuid(65534)\n"
        "s.connect('s')\nprint('connected')\nprint(s.recv(100))"
    )
    sequencer.socket_path.chmod(0o666)
    sequencer.socket_path.parent.chmod(0o755)
    asked = subprocess.run(
        [sys.executable, "-c", asking],
        cwd=sequencer.socket_path.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.stdout.startswith("connected")
    assert ORIGIN not in asked.stdout


async def test_a_worker_starts_without_a_sequencer_and_its_calls_fail_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.audit.client._FIRST_S", 0.1)
    client = SequencerClient(tmp_path / "nobody")
    await client.open()
    assert not client.connected
    with pytest.raises(AuditError, match="no connection"):
        await client.append(b"{}", Deadline.after(5), claim=None)
    await client.aclose()
