# SPDX-License-Identifier: Apache-2.0
"""F-11: a message that is far too large is refused early, and the worker hardly notices.

The stall is what an honest caller beside it sees. YIZHENG_STALL_MS sets its limit: 250 where cores
are shared; 50 is the figure for a quiet machine.
"""

import gzip
import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest

from fixtures.world import World
from tests.integration.wire import sign

STALL_LIMIT_MS = float(os.environ.get("YIZHENG_STALL_MS", "250"))
#: A stall of the machine does not come back with each bomb; one of the worker's would.
TRIES = 5
MEMORY_LIMIT_KIB = 32 * 1024
LIMIT_S = 20.0


def head(*fields: str, line: str = "POST /v1/lookups HTTP/1.1") -> bytes:
    return "\r\n".join([line, "Host: a", *fields, "", ""]).encode()


def lookup(*fields: str) -> bytes:
    return head("Content-Type: application/json", *fields)


def signed(body: bytes) -> Callable[[World], bytes]:
    return lambda world: sign(world, body).encode()


def plain(raw: bytes) -> Callable[[World], bytes]:
    return lambda _: raw


BOMBS = {
    "a million chunks": (plain(lookup("Transfer-Encoding: chunked") + b"1\r\na\r\n" * 10**6), 413),
    "a large chunk": (
        plain(lookup("Transfer-Encoding: chunked") + b"1000000\r\n" + b"a" * 2**24),
        413,
    ),
    "an endless extension": (
        plain(lookup("Transfer-Encoding: chunked") + b"1;" + b"a" * 2**24),
        400,
    ),
    "a large length": (plain(lookup(f"Content-Length: {2**24}") + b"a" * 2**24), 413),
    "a promised length": (plain(lookup(f"Content-Length: {2**60}")), 413),
    "64 KiB of fields": (plain(head(*(f"X-{n}: {'a' * 4000}" for n in range(16)))), 431),
    "ten thousand fields": (plain(head(*(f"X-{n}: a" for n in range(10_000)))), 431),
    "one endless field": (plain(b"GET / HTTP/1.1\r\nX: " + b"a" * 2**24), 431),
    "an endless name": (plain(b"GET / HTTP/1.1\r\n" + b"a" * 2**24), 431),
    "an endless target": (plain(b"GET /" + b"a" * 2**24), 431),
    "an endless method": (plain(b"A" * 2**24), 400),
    "blank lines": (plain(b"\r\n" * 2**23), 431),
    "endless trailers": (
        plain(lookup("Transfer-Encoding: chunked") + b"0\r\n" + b"X: a\r\n" * 10**6),
        431,
    ),
    "deep arrays": (signed(b"[" * 60_000), 400),
    "deep objects": (signed(b'{"a":' * 12_000), 400),
    "a huge number": (signed(b'{"max_age_s":' + b"9" * 60_000 + b"}"), 400),
    "gzip": (
        plain(
            lookup("Content-Encoding: gzip", f"Content-Length: {len(gzip.compress(bytes(2**24)))}")
            + gzip.compress(bytes(2**24))
        ),
        415,
    ),
}


class Witness(threading.Thread):
    """An honest caller on a connection of its own, and the longest that it had to wait."""

    def __init__(self, address: tuple[str, int]) -> None:
        super().__init__()
        self.longest_s = 0.0
        self._address = address
        self._done = threading.Event()
        self._served = threading.Event()

    def run(self) -> None:
        with socket.create_connection(self._address, LIMIT_S) as sock:
            while not self._done.is_set():
                began_s = time.monotonic()
                sock.sendall(head(line="GET /healthz HTTP/1.1"))
                assert sock.recv(65536).startswith(b"HTTP/1.1 200")
                self.longest_s = max(self.longest_s, time.monotonic() - began_s)
                self._served.set()

    def wait_until_served(self) -> None:
        """Return once there was an answer since the last call."""
        self._served.clear()
        assert self._served.wait(LIMIT_S)

    def stop(self) -> None:
        self._done.set()
        self.join()


def throw(address: tuple[str, int], raw: bytes) -> bytes:
    """Send as much as is taken, and read what is said."""
    received = b""
    with socket.create_connection(address, LIMIT_S) as sock:
        sock.setblocking(True)
        sock.settimeout(LIMIT_S)
        view, sent = memoryview(raw), 0
        try:
            while sent < len(raw):
                sent += sock.send(view[sent : sent + 65536])
        except OSError:
            pass  # it is refused by now
        try:
            while part := sock.recv(65536):
                received += part
        except ConnectionResetError:
            pass  # a reset overtook the answer: what we had sent was never read
    return received


def throw_beside_others(address: tuple[str, int], raw: bytes) -> tuple[bytes, float]:
    """What is said to it, and the longest in milliseconds that an honest caller waited."""
    witness = Witness(address)
    witness.start()
    witness.wait_until_served()
    received = throw(address, raw)
    witness.wait_until_served()
    witness.stop()
    return received, witness.longest_s * 1000


def resident_kib(world: World) -> int:
    status = Path(f"/proc/{world.pids()['worker-1']}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


@pytest.mark.parametrize("name", BOMBS)
def test_it_is_refused_and_hurts_nobody(
    world: World, name: str, record_property: Callable[[str, object], None]
) -> None:
    make, status = BOMBS[name]
    parts = urlsplit(world.url)
    address = (parts.hostname or "", parts.port or 80)
    before_kib, tries = resident_kib(world), 1
    received, stall_ms = throw_beside_others(address, make(world))
    while stall_ms > STALL_LIMIT_MS and tries < TRIES:
        received, stall_ms = throw_beside_others(address, make(world))
        tries += 1
    grown_kib = resident_kib(world) - before_kib
    if received:
        assert received.startswith(f"HTTP/1.1 {status} ".encode()), received[:400]
        problem = msgspec.json.decode(received.partition(b"\r\n\r\n")[2])
        assert problem["status"] == status
    assert stall_ms <= STALL_LIMIT_MS
    assert grown_kib <= MEMORY_LIMIT_KIB
    record_property("stall_ms", round(stall_ms, 1))
    record_property("tries", tries)
    record_property("grown_kib", grown_kib)
    record_property("answered", bool(received))
