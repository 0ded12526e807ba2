# SPDX-License-Identifier: Apache-2.0
"""A worker without its kernel and its sequencer: a wire that keeps bytes, a log that acknowledges.

Everything between them is what production runs. Rooms behind the corridor's ports are the real
ones, but for the department.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, cast

from bench.system.requests import signed_writer
from gateway.admission.admission import Admission, KeyRecord
from gateway.admission.pressure import TurnPressure
from gateway.admission.rate import AgencyLimits
from gateway.cache.memory import MemoryCache
from gateway.catalog.catalog import ItemCatalog
from gateway.crypto.keys import generate_private_key, load_signer, load_verifier, public_pem
from gateway.errors import AuditError
from gateway.exchange.lookup import Lookup
from gateway.model.limits import LimitsSection
from gateway.policy.policy import GrantPolicy
from gateway.ports import Appended, AuditLog, Claim, Held, Verdict
from gateway.sdk import Deadline
from gateway.sealing.sealer import DepartmentSealer
from gateway.web.connection import Connection
from gateway.web.connections import Connections, Limits
from gateway.web.front import Front
from gateway.web.lookups import LookupDesk
from gateway.web.metrics import LookupMetrics
from gateway.web.refusals import Refusals
from gateway.web.respond import Responder
from tests.unit.exchange.rooms import (
    AGENCY,
    GRANT,
    ITEM,
    NOW,
    Department,
    Month,
    request_body,
)

AUTHORITY: Final = "gw.example"
KEYID: Final = "yq-gjj-p256"
PEM: Final = generate_private_key("ecdsa-p256-sha256")
GATEWAY_KEYID: Final = "gateway-1"
GATEWAY_PEM: Final = generate_private_key("ecdsa-p256-sha256")
BODY: Final = request_body()
_SEAL_PEM: Final = generate_private_key("ecdsa-p256-sha256")
_write: Final = signed_writer(load_signer(PEM, KEYID), AUTHORITY)


def now_s() -> float:
    """A clock that stands still, so that signatures stay new."""
    return NOW.timestamp()


def raw_request(body: bytes = BODY) -> bytes:
    """A signed request as bytes for the wire."""
    return _write(body, int(now_s()))


class Wire(asyncio.Transport):
    """A transport that keeps what was written last."""

    written = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written = bytes(data)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("10.0.0.1", 5) if name == "peername" else default

    def can_write_eof(self) -> bool:
        return True

    def close(self) -> None:
        pass


class AtOnce(AuditLog):
    """Acknowledges, and keeps the last entry."""

    origin = "gateway.example/log"

    def __init__(self) -> None:
        self.count = 0
        self.last = b""

    async def claim(self, claim: Claim, deadline: Deadline) -> Held | Verdict:  # noqa: ARG002 - the port's
        return Held(1)

    async def append(self, entry: bytes, deadline: Deadline, **_: object) -> Appended | Verdict:
        raise NotImplementedError  # the corridor has no use for it

    def append_soon(
        self,
        entry: bytes,
        deadline: Deadline,  # noqa: ARG002 - the port's
        done: Callable[[Appended | Verdict | AuditError], None],
        *,
        claim: Claim | None,  # noqa: ARG002 - the port's
        held: Held | None = None,  # noqa: ARG002 - the port's
    ) -> None:
        self.last = entry
        self.count += 1
        done(Appended(self.count))


class Gateway:
    """A front desk, its rooms and some connections; made while its loop runs."""

    def __init__(self, connection_count: int) -> None:
        self.log = AtOnce()
        self.signer = load_signer(GATEWAY_PEM, GATEWAY_KEYID)
        self.responder = Responder(self.signer, origin=self.log.origin, clock=now_s)
        record = KeyRecord(
            AGENCY,
            load_verifier(public_pem(PEM), "ecdsa-p256-sha256"),
            "ecdsa-p256-sha256",
            float("-inf"),
            float("inf"),
        )
        self.admission = Admission(
            [AGENCY],
            authorities=[AUTHORITY],
            clock_window_s=60,
            clock=now_s,
            records_of=lambda _: {KEYID: record},
        )
        self.faults: list[BaseException] = []
        lookup = Lookup(
            catalog=ItemCatalog([ITEM]),
            policy=GrantPolicy([GRANT]),
            cache=MemoryCache(max_entries=1000, max_bytes=1 << 24),
            departments=Department(),
            sealer=DepartmentSealer(
                {"public_security": load_signer(_SEAL_PEM, "seal")},
                {"seal": public_pem(_SEAL_PEM)},
                issuer="https://gateway.example",
                clock=lambda: NOW,
            ),
            audit=self.log,
            limits=AgencyLimits(
                LimitsSection(agency_per_s=1_000_000, department_per_s=1_000_000), workers=1
            ),
            epochs=Month(),
            clock_s=now_s,
            utc_offset_h=8,
            nonce_life_s=65,
            on_fault=self.faults.append,
        )
        metrics = LookupMetrics()
        refusals = Refusals(self.responder, metrics, default_port=":80", sandbox=False)
        front = Front(
            lookups=LookupDesk(
                examine=self.admission.examine,
                lookup=lookup.begin,
                responder=self.responder,
                pressure=TurnPressure(1e9),
                refusals=refusals,
                metrics=metrics,
                deadline_s=5.0,
                default_port=":80",
            ),
            refusals=refusals,
            metrics=metrics,
            responder=self.responder,
            ready=cast("Any", None),
            jwks=b"",
            pages=cast("Any", _NoPages()),
            more={},
        )
        self._loop: Final = asyncio.get_running_loop()
        connections = Connections(front, Limits())
        self._lines: Final = [self._line(connections) for _ in range(connection_count)]

    def ask(self, requests: Sequence[bytes]) -> list[bytes]:
        """Bytes in, bytes out, within one turn of the loop for each half of the way.

        Args:
            requests: at most one for each connection, of which none waits for a department.
        """
        lines = self._lines[: len(requests)]
        for (connection, _), raw in zip(lines, requests, strict=True):
            connection.data_received(raw)
        for _ in range(2):  # look up, and acknowledge; sign, and send
            self._loop.call_soon(self._loop.stop)
            self._loop.run_forever()
        return [wire.written for _, wire in lines]

    async def warm_up(self) -> None:
        """Have the one answer in the cache."""
        connection, wire = self._lines[0]
        connection.data_received(raw_request())
        async with asyncio.timeout(5):
            while not wire.written:  # noqa: ASYNC110 - a transport has no event
                await asyncio.sleep(0)

    @staticmethod
    def _line(connections: Connections) -> tuple[Connection, Wire]:
        connection, wire = Connection(connections), Wire()
        connection.connection_made(wire)
        return connection, wire


class _NoPages:
    """The log's pages, which nobody opens."""

    checkpoint = tile = receipt = None
