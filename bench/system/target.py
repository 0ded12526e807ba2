# SPDX-License-Identifier: Apache-2.0
"""A server as a shot sees it, and asking it a few things by hand."""

import http.client
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from bench.system.requests import Writer, cold_bodies, signed_writer, verify_bodies, warm_bodies
from bench.system.world import BenchWorld
from fixtures.world import KEYIDS
from gateway.crypto.keys import Signer, load_signer
from gateway.model.agency import Algorithm

P256: Final[Algorithm] = "ecdsa-p256-sha256"
_TIMEOUT_S: Final = 10.0


class WrongAnswer(Exception):
    """A server said something that its scenario does not expect; the run is worth nothing."""


class Target(msgspec.Struct, frozen=True):
    """One server.

    Attributes:
        name: `gateway`, `floor`, `fastapi`, `node`.
        pids: whose processor time counts.
        write: makes its requests.
        bodies: what it is asked.
        keepers: processes that keep its log; their processor time is told apart.
        new_bodies: makes so many questions that were never asked, where `bodies` may not be
            repeated.
        algorithm: of the requests' signatures.
        forgets: whether it would answer the same request twice: it keeps no nonces.
    """

    name: str
    port: int
    pids: tuple[int, ...]
    write: Writer
    bodies: Sequence[bytes]
    keepers: tuple[int, ...] = ()
    new_bodies: Callable[[int], Sequence[bytes]] | None = None
    forgets: bool = False
    algorithm: str = P256

    def bodies_of(self, count: int) -> Sequence[bytes]:
        """What so many requests ask; new questions where nothing may be asked twice."""
        return self.bodies if self.new_bodies is None else self.new_bodies(count)

    def warm(self) -> None:
        """Ask every question once, so that caches hold the answers."""
        ask(self.port, (self.write(body, int(time.time())) for body in self.bodies))


def gateway_target(world: BenchWorld, algorithm: Algorithm = P256) -> Target:
    """The gateway, asked under the agency's key of this algorithm what its cache holds."""
    authority = world.url.removeprefix("http://")
    processes = world.pids()
    return Target(
        name="gateway",
        port=int(authority.rpartition(":")[2]),
        pids=tuple(pid for name, pid in processes.items() if name.startswith("worker")),
        write=signed_writer(agency_signer(world, algorithm), authority),
        bodies=warm_bodies(world),
        keepers=(processes["sequencer"],),
        algorithm=algorithm,
    )


def verifying_target(world: BenchWorld) -> Target:
    """The gateway, asked to compare instead of to tell."""
    return msgspec.structs.replace(
        gateway_target(world), name="verify", bodies=verify_bodies(world)
    )


def missing_target(world: BenchWorld) -> Target:
    """The gateway, asked what its cache cannot hold."""
    return msgspec.structs.replace(
        gateway_target(world), name="miss", new_bodies=lambda count: cold_bodies(world, count)
    )


def agency_signer(world: BenchWorld, algorithm: Algorithm = P256) -> Signer:
    """The agency's key."""
    return load_signer(world.agency_key(algorithm).read_bytes(), KEYIDS[algorithm])


def ask(port: int, requests: Iterable[bytes]) -> list[bytes]:
    """Send requests over one connection, one after the other; returns the bodies of the answers.

    Raises:
        WrongAnswer: one is not 200.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S)
    connection.connect()
    bodies = []
    try:
        for request in requests:
            connection.sock.sendall(request)
            response = http.client.HTTPResponse(connection.sock, method="POST")
            response.begin()
            body = response.read()
            if response.status != http.HTTPStatus.OK:
                raise WrongAnswer(f"port {port}: {response.status} {body[:300]!r}")
            bodies.append(body)
    finally:
        connection.close()
    return bodies
