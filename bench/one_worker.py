# SPDX-License-Identifier: Apache-2.0
"""A worker without its kernel and its sequencer: a wire that keeps bytes, a log that acknowledges.

Everything between them is what production runs. Rooms behind the corridor's ports are the real
ones, but for the department.
"""

import asyncio
from collections.abc import Callable
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
from gateway.web.front import Front, FrontSettings
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
    """A front desk, its rooms and one connection.

    Args:
        loop: for the end of turns; it need not run but for a miss.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
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
        front = Front(
            identify=self.admission.identify,
            lookup=lookup.begin,
            responder=self.responder,
            ready=cast("Any", None),
            jwks=b"",
            pages=cast("Any", _NoPages()),
            pressure=TurnPressure(1e9, at_end_of_turn=loop.call_soon),
            more={},
            settings=FrontSettings(deadline_s=5.0),
        )
        self.wire = Wire()
        self.connection = Connection(Connections(front, Limits()))
        self.connection.connection_made(self.wire)

    def ask(self, raw: bytes) -> bytes:
        """Bytes in, bytes out: of what waits for no department."""
        self.connection.data_received(raw)
        return self.wire.written

    async def warm_up(self) -> None:
        """Have the one answer in the cache."""
        self.connection.data_received(raw_request())
        async with asyncio.timeout(5):
            while not self.wire.written:  # noqa: ASYNC110 - a transport has no event
                await asyncio.sleep(0)


class _NoPages:
    """The log's pages, which nobody opens."""

    checkpoint = tile = receipt = None
