# SPDX-License-Identifier: Apache-2.0
"""The load client: `python -m bench.system.load`, a process of its own that costs little.

Three ways to send the requests of a file, each once, without pipelining:

- *closed*: every connection sends its next request when it has its answer;
- *open*: requests are due at random instants at a given rate (a Poisson process, with the same
  instants in every run) whatever has been answered; in phases, each with its rate. One that is due
  while every connection waits is not sent, and counted;
- *at once*: each on a connection of its own, all in one turn of the loop. Who is told to come again
  (503 with Retry-After) sends the same request again after that time and up to as much more as he
  has waited already, so that they spread out.

On stdout one JSON line, `Outcome`. With `--samples` each request's start, duration and status.
"""

import argparse
import asyncio
import gc
import random  # noqa: TID251 - the same arrivals in every run, and no secret
import re
import selectors
import sys
import time
from array import array
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, cast

import msgspec
import uvloop

from bench.system.ratios import percentile
from bench.system.requests import read_requests

_LENGTH: Final = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_END: Final = b"\r\n\r\n"
_DRAIN_S: Final = 30.0
_NO_CONNECTION_S: Final = 0.02
#: select(2) takes descriptors below 1024 and knows microseconds; uvloop's timers, milliseconds.
_SELECT_MAX: Final = 900
_CONNECT_AT_ONCE: Final = 256
_CLOSE: Final = b"\r\nConnection: close"
_RETRY_AFTER: Final = re.compile(rb"(?i)\r\nretry-after: *(\d+)\r\n")
_OK: Final = 200
_BUSY: Final = 503
_TOLD: Final = 300
_LOST: Final = 0


class Outcome(msgspec.Struct, frozen=True):
    """What came of it.

    Attributes:
        seconds: from the first request to the last answer.
        statuses: answers by status; `0` is a connection that was lost.
        unsent_count: requests that were due while no connection was free.
        retried_count: requests that were sent again, as they were told to be.
        exhausted: whether the file ended before the time did.
        refusal: how the first answer that was not 200 began.
    """

    seconds: float
    statuses: dict[str, int]
    p50_ms: float
    p99_ms: float
    unsent_count: int = 0
    retried_count: int = 0
    exhausted: bool = False
    refusal: str = ""

    @property
    def answer_count(self) -> int:
        """Answers of any kind."""
        return sum(self.statuses.values())


class Samples(msgspec.Struct, frozen=True):
    """Each request, in the order of answers, as arrays of the machine's own byte order.

    Attributes:
        started_s: doubles, seconds since the load began.
        took_s: doubles.
        status: unsigned shorts; 0 for a connection that was lost.
    """

    started_s: bytes
    took_s: bytes
    status: bytes

    def rows(self) -> Iterator[tuple[float, float, int]]:
        """Start, duration, status of each."""
        starts, took, status = array("d"), array("d"), array("H")
        for column, content in ((starts, self.started_s), (took, self.took_s)):
            column.frombytes(content)
        status.frombytes(self.status)
        return zip(starts, took, status, strict=True)


class Load:
    """The requests, the connections, and what was measured."""

    def __init__(self, requests: Iterator[bytes], address: tuple[str, int]) -> None:
        self.requests: Final = requests
        self.address: Final = address
        self.idle: Final[list[Connection]] = []
        self.is_closed_loop = self.is_over = self.comes_again = False
        self.unsent_count = self.retried_count = 0
        self.exhausted = False
        self.refusal = ""
        self.began_s = self.ended_s = 0.0
        self.started: Final = array("d")
        self.took: Final = array("d")
        self.status: Final = array("H")
        self.waiting_count = 0
        self.quiet: Final = asyncio.Event()
        self._chance: Final = random.Random(9421)
        self._replacing: Final[set[asyncio.Task[None]]] = set()

    async def connect(self, count: int) -> None:
        """Open so many connections."""
        left = count
        while left > 0:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(min(left, _CONNECT_AT_ONCE)):
                    tasks.create_task(self.connect_one())
            left -= _CONNECT_AT_ONCE

    async def connect_one(self) -> None:
        """Open one more connection; a server that takes none is asked again when it is needed."""
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: Connection(self), *self.address)
        except OSError:
            self.note(time.perf_counter(), _LOST)

    def replace(self) -> None:
        """Open a connection in place of one that is gone."""
        task = asyncio.get_running_loop().create_task(self.connect_one())
        self._replacing.add(task)
        task.add_done_callback(self._replacing.discard)

    def send(self, connection: "Connection") -> bool:
        """Send the next request over an idle connection; whether there was one."""
        request = next(self.requests, None)
        if request is None:
            self.exhausted = True
            return False
        self.waiting_count += 1
        connection.send(request)
        return True

    def take(self, connection: "Connection", started_s: float, status: int) -> None:
        """An answer is there, or never will be; then the connection is gone."""
        self.note(started_s, status)
        self.waiting_count -= 1
        if connection.is_usable and not (self.is_closed_loop and self.send(connection)):
            self.idle.append(connection)
        if not self.waiting_count:
            self.quiet.set()

    def come_again(self, request: bytes, started_s: float, after_s: float) -> None:
        """Send a request again later; it still waits for its answer."""
        self.retried_count += 1
        waited_s = max(1.0, time.perf_counter() - started_s)
        self._resend_after(after_s + waited_s * self._chance.random(), request, started_s)

    def _resend_after(self, pause_s: float, request: bytes, started_s: float) -> None:
        asyncio.get_running_loop().call_later(pause_s, self._resend, request, started_s)

    def _resend(self, request: bytes, started_s: float) -> None:
        if self.idle:
            self.idle.pop().send(request, started_s)
        else:
            self._resend_after(_NO_CONNECTION_S, request, started_s)

    def note(self, started_s: float, status: int) -> None:
        """Keep a sample."""
        self.ended_s = now_s = time.perf_counter()
        self.started.append(started_s - self.began_s)
        self.took.append(now_s - started_s)
        self.status.append(status)

    async def run_closed(self, seconds: float) -> None:
        """Each connection sends as soon as it has its answer."""
        self.is_closed_loop = True
        self.began_s = time.perf_counter()
        for connection in self._take_idle():
            self.send(connection)
        await asyncio.sleep(seconds)
        self.is_closed_loop = False

    async def run_open(self, phases: list[tuple[float, float]]) -> None:
        """Requests are due at so many a second for so many seconds, one phase after the other."""
        self.began_s = due_s = time.perf_counter()
        end_s = due_s
        for seconds, per_s in phases:
            end_s += seconds
            while (due_s := due_s + self._chance.expovariate(per_s)) < end_s:
                if (ahead_s := due_s - time.perf_counter()) > 0:
                    await asyncio.sleep(ahead_s)
                if not self.idle:
                    self.unsent_count += 1
                    next(self.requests, None)  # it was signed for this moment
                    await asyncio.sleep(0)
                elif not self.send(self.idle.pop()):
                    return
            due_s = end_s

    async def run_at_once(self) -> None:
        """One request for each connection."""
        self.comes_again = True
        self.began_s = time.perf_counter()
        for connection in self._take_idle():
            self.send(connection)
        await self.settle()

    async def settle(self) -> None:
        """Wait for the answers that are still due."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_S):
                while self.waiting_count:
                    self.quiet.clear()
                    await self.quiet.wait()
        for _ in range(self.waiting_count):
            self.note(self.ended_s, _LOST)
        self.waiting_count = 0
        self.is_over = True

    def outcome(self) -> Outcome:
        """What came of it."""
        took = sorted(self.took)
        statuses = Counter(self.status)
        return Outcome(
            seconds=self.ended_s - self.began_s,
            statuses={str(status): count for status, count in sorted(statuses.items())},
            p50_ms=percentile(took, 0.5) * 1e3,
            p99_ms=percentile(took, 0.99) * 1e3,
            unsent_count=self.unsent_count,
            retried_count=self.retried_count,
            exhausted=self.exhausted,
            refusal=self.refusal,
        )

    def samples(self) -> Samples:
        """Every request."""
        return Samples(self.started.tobytes(), self.took.tobytes(), self.status.tobytes())

    def _take_idle(self) -> list["Connection"]:
        found = list(self.idle)
        self.idle.clear()
        return found


class Connection(asyncio.Protocol):
    """One connection, at most one request on it.

    Attributes:
        is_usable: whether another request may be sent over it.
    """

    __slots__ = ("_load", "_received", "_request", "_started_s", "_transport", "is_usable")

    def __init__(self, load: Load) -> None:
        self._load = load
        self._received = self._request = b""
        self._started_s = 0.0
        self._transport: asyncio.Transport | None = None
        self.is_usable = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is not a subclass
        self._load.idle.append(self)

    def send(self, request: bytes, started_s: float | None = None) -> None:
        assert self._transport is not None
        self._request = request
        self._started_s = time.perf_counter() if started_s is None else started_s
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        received = self._received + data if self._received else data
        end = received.find(_END)
        length = _LENGTH.search(received, 0, end + 2) if end > 0 else None
        if length is None or len(received) < end + len(_END) + int(length[1]):
            self._received = received
            return
        self._received = b""
        started_s, self._started_s = self._started_s, 0.0
        status = int(received[9:12])
        if status != _OK:
            self._refused(received[:end], received[end + len(_END) :])
            again = _RETRY_AFTER.search(received, 0, end + 2)
            if status == _BUSY and again is not None and self._load.comes_again:
                self._load.come_again(self._request, started_s, float(again[1]))
                if self.is_usable:
                    self._load.idle.append(self)
                return
        self._load.take(self, started_s, status)

    def _refused(self, head: bytes, body: bytes) -> None:
        self.is_usable = _CLOSE not in head
        self._load.refusal = self._load.refusal or body[:_TOLD].decode(errors="replace")

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        load, self.is_usable = self._load, False
        if load.is_over:
            return
        if self in load.idle:
            load.idle.remove(self)
        load.replace()
        if self._started_s:
            load.take(self, self._started_s, _LOST)


async def _run(load: Load, options: argparse.Namespace) -> Outcome:
    gc.disable()
    await load.connect(options.connections)
    if options.at_once:
        await load.run_at_once()
    elif options.phases:
        await load.run_open(options.phases)
    else:
        await load.run_closed(options.seconds)
    await load.settle()
    if options.samples is not None:
        options.samples.write_bytes(msgspec.msgpack.encode(load.samples()))
    return load.outcome()


def _phase(text: str) -> tuple[float, float]:
    seconds, _, per_s = text.partition(":")
    return float(seconds), float(per_s)


def _select_loop() -> asyncio.AbstractEventLoop:
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


def main() -> None:
    """`python -m bench.system.load --requests FILE --port N …`."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--requests", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=1.0, help="closed loop, for so long")
    parser.add_argument("--phases", type=_phase, nargs="*", help="open loop, SECONDS:PER_S each")
    parser.add_argument("--at-once", action="store_true", help="one request for each connection")
    parser.add_argument("--samples", type=Path, help="file for every request's figures")
    options = parser.parse_args()
    load = Load(read_requests(options.requests), ("127.0.0.1", options.port))
    precise = options.phases and options.connections <= _SELECT_MAX
    with asyncio.Runner(loop_factory=_select_loop if precise else uvloop.new_event_loop) as runner:
        outcome = runner.run(_run(load, options))
    sys.stdout.buffer.write(msgspec.json.encode(outcome) + b"\n")


if __name__ == "__main__":
    main()
