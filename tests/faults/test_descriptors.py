# SPDX-License-Identifier: Apache-2.0
"""F-22: with few descriptors or little memory the gateway refuses; it does not crash or forget.

1. With 256 descriptors a worker counts its connections so that `accept` never fails for want of
   one: what departments and the audit log need stays free, whatever strangers do.
2. With no memory to spare a process may end and be started again, but who was answered is recorded.
"""

import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

import msgspec
import pytest

from fixtures.world import World
from tests.integration.wire import Answer, log_entries, lookup_body, send, sign

DESCRIPTORS = 256
RESERVED, DEPARTMENTS = 64, 2 * 64
FLOOD = 1500
LIMIT_S = 10.0
#: Descriptors that a worker may open for itself meanwhile, such as to a department.
OWN = 8
SPARE_BYTES = 16 * 2**20
HOARD_STEP, HOARD_STEPS = 50, 60


@contextmanager
def limited_world(limit: str) -> Iterator[World]:
    """A world whose gateway runs under `prlimit`; its processes inherit that."""
    with tempfile.TemporaryDirectory(prefix="yz-") as folder:
        world = World(Path(folder))
        world.gateway._arguments[:0] = ["prlimit", limit]
        with world:
            yield world


@pytest.fixture
def few_descriptors() -> Iterator[World]:
    with limited_world(f"--nofile={DESCRIPTORS}:{DESCRIPTORS}") as world:
        yield world


def descriptors(world: World, name: str) -> int:
    return sum(1 for _ in Path(f"/proc/{world.pids()[name]}/fd").iterdir())


def address(world: World) -> tuple[str, int]:
    parts = urlsplit(world.url)
    return parts.hostname or "", parts.port or 80


def metric(world: World, name: str) -> float:
    with urlopen(world.url + "/metrics", timeout=LIMIT_S) as page:
        lines = [line for line in page.read().decode().splitlines() if line.startswith(name + " ")]
    return sum(float(line.split()[1]) for line in lines)


def lookup(world: World) -> Answer:
    """A permitted lookup that reaches the department."""
    number = world.citizen_with_account().id_number
    return send(world, sign(world, msgspec.json.encode(lookup_body(world, number, max_age_s=0))))


class Flood(threading.Thread):
    """Opens connections as fast as it can and keeps those that are not closed."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._address = address(world)
        self._done = threading.Event()
        self.opened = 0

    def run(self) -> None:
        with ExitStack() as stack:
            while not self._done.is_set():
                with suppress(OSError):
                    sock = socket.create_connection(self._address, LIMIT_S)
                    stack.callback(sock.close)
                    self.opened += 1
                if self.opened % FLOOD == 0:
                    stack.pop_all().close()

    def stop(self) -> None:
        self._done.set()
        self.join()


class Honest:
    """A caller whose connection was there before the flood."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._sock = socket.create_connection(address(world), LIMIT_S)
        number = world.citizen_with_account().id_number
        self._body = msgspec.json.encode(lookup_body(world, number, max_age_s=0))

    def ask(self, raw: bytes = b"") -> bytes:
        """The head of the answer to one request."""
        self._sock.sendall(raw or sign(self._world, self._body).encode())
        received = b""
        while b"\r\n\r\n" not in received:
            part = self._sock.recv(65536)
            assert part, "the honest connection was closed"
            received += part
        head, _, body = received.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        while len(body) < length:
            body += self._sock.recv(65536)
        return head

    def ask_until_ready(self, probe: bytes) -> None:
        """Until readiness is told: a log that a busy machine makes a second late is none."""
        until_s = time.monotonic() + 3 * LIMIT_S
        while not self.ask(probe).startswith(b"HTTP/1.1 200 "):
            assert time.monotonic() < until_s

    def close(self) -> None:
        self._sock.close()


def test_with_256_descriptors_strangers_take_none_that_the_log_needs(
    few_descriptors: World, record_property: Callable[[str, object], None]
) -> None:
    world = few_descriptors
    pids, size = world.pids(), len(log_entries(world))
    honest = Honest(world)
    probe = f"GET /readyz HTTP/1.1\r\nHost: {urlsplit(world.url).netloc}\r\n\r\n".encode()
    assert honest.ask().startswith(b"HTTP/1.1 200 ")
    honest.ask_until_ready(probe)
    before = descriptors(world, "worker-1")
    floods = [Flood(world) for _ in range(4)]
    for flood in floods:
        flood.start()
    asked, peak, until_s = 1, 0, time.monotonic() + LIMIT_S / 2
    while time.monotonic() < until_s or sum(flood.opened for flood in floods) < FLOOD:
        assert honest.ask().startswith(b"HTTP/1.1 200 ")
        asked += 1
        peak = max(peak, descriptors(world, "worker-1"))
        honest.ask_until_ready(probe)
    for flood in floods:
        flood.stop()
    assert len(log_entries(world, size)) == asked
    assert peak < DESCRIPTORS - RESERVED - DEPARTMENTS // 2
    assert descriptors(world, "sequencer") < RESERVED
    assert world.pids() == pids
    until_s = time.monotonic() + 4 * LIMIT_S
    while (after := descriptors(world, "worker-1")) > before + OWN and time.monotonic() < until_s:
        time.sleep(0.02)  # another process's doing
    assert after <= before + OWN
    refused = metric(world, "yizheng_connections_refused_total")
    assert refused > 0
    assert lookup(world).status == 200
    honest.close()
    record_property("opened", sum(flood.opened for flood in floods))
    record_property("refused", refused)
    record_property("lookups_meanwhile", asked)
    record_property("peak_descriptors", peak)


class Hoard:
    """Connections that have sent most of a body and keep the gateway waiting for the rest."""

    def __init__(self, world: World) -> None:
        self._address = address(world)
        self._socks: list[socket.socket] = []

    def grow(self, count: int) -> None:
        """Open so many more; those that are not taken are left out."""
        head = b"POST /v1/lookups HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        for _ in range(count):
            with suppress(OSError):
                sock = socket.create_connection(self._address, LIMIT_S)
                self._socks.append(sock)
                sock.setblocking(False)
                sock.send(head + b"Content-Length: 65536\r\n\r\n" + b"a" * 65000)

    def count_refused(self) -> int:
        """Those that were answered 5xx, or closed without a word."""
        refused = 0
        for sock in self._socks:
            try:
                said = sock.recv(65536)
            except BlockingIOError:
                continue
            except OSError:
                said = b""
            refused += not said or said.startswith(b"HTTP/1.1 5")
        return refused

    def close(self) -> None:
        for sock in self._socks:
            sock.close()


def address_space_bytes(world: World) -> int:
    status = Path(f"/proc/{world.pids()['worker-1']}/status").read_text()
    return int(status.partition("VmSize:")[2].split()[0]) * 1024


@pytest.fixture
def little_memory() -> Iterator[World]:
    """A gateway that may take a little more memory than it has at rest."""
    with tempfile.TemporaryDirectory(prefix="yz-") as folder, World(Path(folder)) as world:
        assert lookup(world).status == 200
        limit_bytes = address_space_bytes(world) + SPARE_BYTES
        world.gateway.stop()
        world.gateway._arguments[:0] = ["prlimit", f"--as={limit_bytes}:{limit_bytes}"]
        world.start_gateway()
        yield world


def try_lookups(world: World, count: int) -> list[Answer]:
    """The whole answers among those to so many lookups."""
    answers = []
    for _ in range(count):
        with suppress(OSError, ValueError):
            answer = lookup(world)
            if answer.status and len(answer.body) == int(answer.fields["content-length"]):
                answers.append(answer)
    return answers


def test_without_memory_nobody_is_answered_without_a_record(
    little_memory: World, record_property: Callable[[str, object], None]
) -> None:
    world = little_memory
    pids, size = world.pids(), len(log_entries(world))
    hoard, answers = Hoard(world), [lookup(world)]
    while hoard.count_refused() == 0 and len(answers) < HOARD_STEPS:
        hoard.grow(HOARD_STEP)
        answers += try_lookups(world, 1)
    refused = hoard.count_refused()
    answers += try_lookups(world, 20)
    hoard.close()
    began_s = time.monotonic()
    while not (last := try_lookups(world, 1)) or last[0].status != 200:
        assert time.monotonic() - began_s < LIMIT_S
    recovered_s = time.monotonic() - began_s
    answers += last
    assert refused or world.pids() != pids, "the limit did not bite"
    receipts = [a.fields["audit-receipt"] for a in answers if a.status == 200]
    indices = [int(receipt.rpartition("index=")[2]) for receipt in receipts]
    entries = log_entries(world, size)
    assert len(set(indices)) == len(indices)
    assert set(indices) <= {size + number for number in range(len(entries))}
    assert world.pids()["supervisor"] == pids["supervisor"]
    record_property("bodies", len(hoard._socks))
    record_property("refused", refused)
    record_property("restarted", world.pids() != pids)
    record_property("answered", len(indices))
    record_property("recovered_s", round(recovered_s, 3))
