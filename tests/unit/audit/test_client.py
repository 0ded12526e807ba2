# SPDX-License-Identifier: Apache-2.0
"""The worker's end of the socket: every call is told once what became of it, and told in time."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest

from gateway.audit.client import MAX_PENDING_COUNT, SequencerClient
from gateway.audit.frames import (
    Append,
    Decided,
    Durable,
    Failed,
    Follow,
    FrameBuffer,
    Hello,
    Reply,
    format_frame,
    parse_request,
)
from gateway.errors import AuditError
from gateway.model.entry import MAX_ENTRY_BYTES
from gateway.ports import Appended, Claim, Held, Verdict
from gateway.sdk import Deadline

ENTRY: Final = b'{"v":1}'
CLAIM: Final = Claim("yq-gjj-1", "A" * 24, 1_800_000_000)

Result = Appended | Verdict | AuditError


class Scripted(asyncio.Protocol):
    """A sequencer that greets, keeps what it is asked, and answers as it is told."""

    def __init__(self) -> None:
        self.asked = asyncio.Queue[tuple[int, Append]]()
        self._frames = FrameBuffer()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport, self._frames = transport, FrameBuffer()
        transport.write(format_frame(0, Hello("test/log", b"")))

    def data_received(self, data: bytes) -> None:
        for request_id, body in self._frames.feed(data):
            request = parse_request(body)
            if isinstance(request, Append):
                self.asked.put_nowait((request_id, request))
            else:
                assert isinstance(request, Follow)

    def reply(self, request_id: int, reply: Reply) -> None:
        self.write(format_frame(request_id, reply))

    def write(self, stream: bytes) -> None:
        assert self._transport is not None
        self._transport.write(stream)

    def hang_up(self) -> None:
        assert self._transport is not None
        self._transport.abort()

    def stop_reading(self) -> None:
        assert self._transport is not None
        self._transport.pause_reading()


class Ear:
    """Keeps what it was told, and lets one wait for it."""

    def __init__(self) -> None:
        self._told = asyncio.Queue[Result]()

    def __call__(self, result: Result) -> None:
        self._told.put_nowait(result)

    async def heard(self) -> Result:
        """What it was told, which must have been once."""
        async with asyncio.timeout(5):
            result = await self._told.get()
        await asyncio.sleep(0)
        assert self._told.empty()
        return result

    async def failure(self) -> AuditError:
        result = await self.heard()
        assert isinstance(result, AuditError)
        return result

    @property
    def is_waiting(self) -> bool:
        return self._told.empty()


@asynccontextmanager
async def started(folder: Path) -> AsyncIterator[tuple[Scripted, SequencerClient]]:
    sequencer, path = Scripted(), folder / "s"
    server = await asyncio.get_running_loop().create_unix_server(lambda: sequencer, str(path))
    client = SequencerClient(path)
    await client.open()
    try:
        yield sequencer, client
    finally:
        await client.aclose()
        sequencer.hang_up()
        server.close()
        await server.wait_closed()


Started = tuple[Scripted, SequencerClient]


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[Started]:
    async with started(tmp_path) as pair:
        yield pair


def append(
    client: SequencerClient,
    *,
    entry: bytes = ENTRY,
    within_s: float = 5.0,
    held: Held | None = None,
) -> Ear:
    ear = Ear()
    client.append_soon(entry, Deadline.after(within_s), ear, claim=CLAIM, held=held)
    return ear


async def test_what_is_durable_has_its_index(both: Started) -> None:
    sequencer, client = both
    ear = append(client, held=Held(9))
    request_id, asked = await sequencer.asked.get()
    assert (asked.entry, asked.claim, asked.generation) == (ENTRY, CLAIM, 9)
    assert ear.is_waiting
    sequencer.reply(request_id, Durable(7))
    assert await ear.heard() == Appended(7)


async def test_answers_find_their_calls_in_any_order(both: Started) -> None:
    sequencer, client = both
    ears = [append(client) for _ in range(3)]
    ids = [(await sequencer.asked.get())[0] for _ in ears]
    for index in (2, 0, 1):
        sequencer.reply(ids[index], Durable(index))
    assert [await ear.heard() for ear in ears] == [Appended(index) for index in range(3)]


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Failed("failed"), "AUDIT_UNAVAILABLE"),
        (Failed("unacceptable"), "AUDIT_UNAVAILABLE"),
        (Failed("overloaded"), "OVERLOADED"),
    ],
)
async def test_a_failure_is_told_as_one(both: Started, reply: Reply, code: str) -> None:
    sequencer, client = both
    ear = append(client)
    sequencer.reply((await sequencer.asked.get())[0], reply)
    assert (await ear.failure()).code == code


async def test_a_verdict_is_no_failure(both: Started) -> None:
    sequencer, client = both
    ear = append(client)
    sequencer.reply((await sequencer.asked.get())[0], Decided("replayed"))
    assert await ear.heard() == "replayed"


async def test_who_is_not_answered_by_the_deadline_is_told_that_nothing_is_known(
    both: Started,
) -> None:
    sequencer, client = both
    late, patient = append(client, within_s=0.01), append(client)
    (late_id, _), (patient_id, _) = [await sequencer.asked.get() for _ in range(2)]
    failure = await late.failure()
    assert (failure.code, failure.detail) == ("AUDIT_UNAVAILABLE", "no answer before the deadline")
    assert patient.is_waiting
    sequencer.reply(late_id, Durable(0))  # too late: nobody is told again
    sequencer.reply(patient_id, Durable(1))
    assert await patient.heard() == Appended(1)
    assert late.is_waiting


async def test_a_deadline_is_looked_at_again_for_later_calls(both: Started) -> None:
    sequencer, client = both
    first = append(client)
    sequencer.reply((await sequencer.asked.get())[0], Durable(0))
    await first.heard()
    assert (await append(client, within_s=0.01).failure()).code == "AUDIT_UNAVAILABLE"


def broken(_result: Result) -> None:
    raise RuntimeError("it must not, and does")


async def test_one_who_raises_keeps_nobody_else_from_being_told_that_he_is_late(
    both: Started,
) -> None:
    _, client = both
    client.append_soon(ENTRY, Deadline.after(0.01), broken, claim=CLAIM)
    assert (await append(client, within_s=0.01).failure()).code == "AUDIT_UNAVAILABLE"
    assert (await append(client, within_s=0.01).failure()).code == "AUDIT_UNAVAILABLE"


async def test_nor_that_the_connection_was_lost(both: Started) -> None:
    sequencer, client = both
    client.append_soon(ENTRY, Deadline.after(5), broken, claim=CLAIM)
    ear = append(client)
    await sequencer.asked.get()
    sequencer.hang_up()
    assert "was lost" in (await ear.failure()).detail


async def test_a_lost_connection_fails_every_call_that_waits_and_is_made_again(
    both: Started,
) -> None:
    sequencer, client = both
    ears = [append(client) for _ in range(3)]
    await sequencer.asked.get()
    sequencer.hang_up()
    for ear in ears:
        failure = await ear.failure()
        assert failure.code == "AUDIT_UNAVAILABLE"
        assert "was lost" in failure.detail
    assert (await append(client).failure()).code == "AUDIT_UNAVAILABLE"
    while not sequencer.asked.empty():
        sequencer.asked.get_nowait()
    await eventually(lambda: client.connected)
    ear = append(client)
    sequencer.reply((await sequencer.asked.get())[0], Durable(4))
    assert await ear.heard() == Appended(4)


@pytest.mark.parametrize(
    "stream",
    [struct.pack(">II", 1 << 30, 1), struct.pack(">II", 1, 1) + b"\xc1"],
    ids=["too long", "no message"],
)
async def test_what_cannot_be_read_ends_the_connection(both: Started, stream: bytes) -> None:
    sequencer, client = both
    ear = append(client)
    await sequencer.asked.get()
    sequencer.write(stream)
    assert (await ear.failure()).code == "AUDIT_UNAVAILABLE"


async def test_calls_beyond_the_bound_are_refused_at_once(both: Started) -> None:
    sequencer, client = both
    ears = [append(client) for _ in range(MAX_PENDING_COUNT)]
    failure = await append(client).failure()
    assert (failure.code, failure.retry_after_s) == ("OVERLOADED", 1)
    for index in range(MAX_PENDING_COUNT):
        sequencer.reply((await sequencer.asked.get())[0], Durable(index))
    assert [await ear.heard() for ear in ears] == [Appended(i) for i in range(MAX_PENDING_COUNT)]
    ear = append(client)  # there is room again
    sequencer.reply((await sequencer.asked.get())[0], Durable(MAX_PENDING_COUNT))
    assert await ear.heard() == Appended(MAX_PENDING_COUNT)


async def test_a_sequencer_that_does_not_read_is_not_written_to_without_end(
    both: Started,
) -> None:
    sequencer, client = both
    sequencer.stop_reading()
    entry, failures = b"x" * MAX_ENTRY_BYTES, list[AuditError]()

    def tell(result: Result) -> None:
        assert isinstance(result, AuditError)
        failures.append(result)

    for _ in range(MAX_PENDING_COUNT):
        client.append_soon(entry, Deadline.after(5), tell, claim=None)
        await asyncio.sleep(0)
        if failures:
            break
    [failure] = failures
    assert failure.code == "OVERLOADED"


@pytest.mark.parametrize("entry", [b"", b"x" * (MAX_ENTRY_BYTES + 1)], ids=["empty", "too large"])
async def test_what_is_no_entry_is_not_sent(both: Started, entry: bytes) -> None:
    sequencer, client = both
    assert (await append(client, entry=entry).failure()).code == "ENTRY_TOO_LARGE"
    assert sequencer.asked.empty()


async def test_without_a_connection_a_call_fails_at_once(tmp_path: Path) -> None:
    ear = append(SequencerClient(tmp_path / "nobody"))
    assert (await ear.failure()).detail == "no connection to the sequencer"


async def test_who_has_been_cancelled_disturbs_nobody(both: Started) -> None:
    sequencer, client = both
    waiting = asyncio.create_task(client.append(ENTRY, Deadline.after(5), claim=CLAIM))
    request_id, _ = await sequencer.asked.get()
    waiting.cancel()
    await asyncio.wait({waiting})
    assert waiting.cancelled()
    ear = append(client)
    next_id, _ = await sequencer.asked.get()
    sequencer.reply(request_id, Durable(0))  # the entry is durable all the same
    sequencer.reply(next_id, Durable(1))
    assert await ear.heard() == Appended(1)


async def test_a_client_that_closes_tells_those_who_wait(tmp_path: Path) -> None:
    async with started(tmp_path) as (sequencer, client):
        ear = append(client)
        await sequencer.asked.get()
    assert (await ear.failure()).code == "AUDIT_UNAVAILABLE"


async def eventually(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110 - the client has no event for it
            await asyncio.sleep(0.005)
