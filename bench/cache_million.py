# SPDX-License-Identifier: Apache-2.0
"""A million cached certificates in one process: resident memory, and the times of get and store.

    python -m bench.cache_million [COUNT]

Prints one JSON line. Not part of `make bench`: it takes two minutes and 2 GiB.
"""

import asyncio
import gc
import secrets
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from fixtures.citizens import load_citizens
from gateway.cache.memory import MemoryCache
from gateway.crypto.keys import generate_private_key, load_signer, public_pem
from gateway.model.answer import Found, Sealed
from gateway.model.certificate import CertificateType, Field
from gateway.ports import Cached
from gateway.sdk import Text
from gateway.sealing.sealer import DepartmentSealer

NAMES = (
    "id_number", "name", "sex_code", "birth_date", "household_address", "issuing_authority",
    "valid_from", "valid_to",
)  # fmt: skip
IDENTITY = CertificateType(
    name="public_security.identity",
    title=Text("Resident identity", "居民身份证"),
    schemes=("cn-id",),
    fields=tuple(Field(name, Text(name, "字段")) for name in NAMES),
    ttl_s=86_400,
    cache_scope="agency_purpose",
)
PAGE_BYTES = 4096


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES


def samples() -> list[Sealed]:
    private = generate_private_key("ecdsa-p256-sha256")
    sealer = DepartmentSealer(
        {"public_security": load_signer(private, "seal-public_security-3hK5ctbFiITygmat")},
        {"seal-public_security-3hK5ctbFiITygmat": public_pem(private)},
        issuer="https://gateway.yq.example",
        clock=lambda: datetime(2026, 11, 22, 8, tzinfo=UTC),
    )
    citizens = load_citizens()[:200]
    return [
        sealer.seal(IDENTITY, "public_security", Found({name: getattr(c, name) for name in NAMES}))
        for c in citizens
    ]


def copied(sealed: Sealed) -> Sealed:
    """The same with a text of its own, as if it had been sealed for this entry."""
    return Sealed(sealed.token[:-1] + "~", sealed.names, sealed.as_of)


def spread(times_ns: list[int]) -> dict[str, float]:
    ordered = sorted(times_ns)
    return {f"p{part}_us": ordered[len(ordered) * part // 100] / 1_000 for part in (50, 99)}


async def measure(count: int) -> dict[str, object]:
    known = samples()
    cache = MemoryCache(max_entries=2 * count, max_bytes=4 * 1024**3)
    before_bytes = resident_bytes()
    keys, stores_ns = [], []
    step = max(1, count // 20_000)
    for number in range(count):
        key = secrets.token_bytes(32)
        answer = copied(known[number % len(known)])

        async def source(answer: Cached = answer) -> Cached:
            return answer

        if number % step:
            await cache.load(key, IDENTITY, source)
            continue
        keys.append(key)
        began_ns = time.perf_counter_ns()
        cache._keep(key, answer, IDENTITY, time.monotonic())  # noqa: SLF001 - without the flight
        stores_ns.append(time.perf_counter_ns() - began_ns)
    gc.collect()
    gc.freeze()
    gets_ns = []
    for key in keys:
        began_ns = time.perf_counter_ns()
        found = cache.get(key, 86_400)
        gets_ns.append(time.perf_counter_ns() - began_ns)
        assert found is not None or count > len(keys)
    state = cache.state()
    return {
        "entries": state.entry_count,
        "resident_gib": round(resident_bytes() / 1024**3, 3),
        "before_gib": round(before_bytes / 1024**3, 3),
        "weighed_gib": round(state.weight_bytes / 1024**3, 3),
        "bytes_per_entry": (resident_bytes() - before_bytes) // max(1, state.entry_count),
        "get": spread(gets_ns),
        "store": spread(stores_ns[len(stores_ns) // 2 :]),
    }


if __name__ == "__main__":
    asked = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    print(msgspec.json.encode(asyncio.run(measure(asked))).decode())
