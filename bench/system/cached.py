# SPDX-License-Identifier: Apache-2.0
"""Weighs a cache full of identity certificates: `python -m bench.system.cached COUNT`.

Each certificate has the size of a real one and shares no text with another: one is sealed, and
every other has its signature, digests and salts replaced by other characters.
"""

import argparse
import asyncio
import gc
import os
import secrets
import sys
import time
from datetime import UTC, datetime
from typing import Final

import msgspec
from gateway_adapter_public_security.identity import IDENTITY

from bench.system.processor import resident_bytes
from bench.system.ratios import percentile
from fixtures.citizens import load_citizens
from gateway.cache.memory import MemoryCache
from gateway.crypto.keys import generate_private_key, load_signer, public_pem
from gateway.model.answer import Found, Sealed
from gateway.model.holder import Holder
from gateway.ports import Cached
from gateway.sealing.sealer import DepartmentSealer

_GETS: Final = 200_000
_MAX_BYTES: Final = 1 << 40  # never full: what is asked is how much it takes
_TAIL: Final = 24
_SIGNATURE_BYTES: Final = 64


class Weighed(msgspec.Struct, frozen=True):
    """What the cache showed.

    Attributes:
        bytes_each: growth of resident memory for each certificate.
        clock_us: what reading the clock twice takes, included in `get_p99_us`.
    """

    count: int
    bytes_each: float
    get_p50_us: float
    get_p99_us: float
    clock_us: float


def _sealed() -> Sealed:
    private = generate_private_key("ecdsa-p256-sha256")
    sealer = DepartmentSealer(
        {"public_security": load_signer(private, "seal-1")},
        {"seal-1": public_pem(private)},
        issuer="https://gateway.yq.example",
        clock=lambda: datetime.now(UTC),
    )
    citizen = msgspec.to_builtins(load_citizens()[0])
    fields = {field.name: citizen[field.name] for field in IDENTITY.fields}
    return sealer.seal(IDENTITY, "public_security", Found(fields))


def _another(sealed: Sealed) -> Sealed:
    """The same with fresh bytes of its own, as of another moment."""
    tail = secrets.token_urlsafe(_TAIL)[:_TAIL].encode()
    parts = [part[:-_TAIL] + tail for part in sealed.content[_SIGNATURE_BYTES:].split(b"\n")]
    content = secrets.token_bytes(_SIGNATURE_BYTES) + b"\n".join(parts)
    return Sealed(sealed.head, content, sealed.names, sealed.as_of[:-1] + "Z")


def _key(cache: MemoryCache, number: int) -> bytes:
    key = cache.key(
        Holder("cn-id", f"{number:018}", None),
        IDENTITY,
        agency="yq-gjj",
        item="yq-gjj-001",
        case=f"YQ20261122-{number:07}",
        grant="yq-gjj@3",
    )
    assert key is not None
    return key


async def weigh(count: int) -> Weighed:
    """Fill a cache, and ask it at even steps."""
    template = _sealed()
    cache = MemoryCache(max_entries=2 * count, max_bytes=_MAX_BYTES)
    gc.collect()
    gc.freeze()
    before_bytes = resident_bytes(os.getpid())
    for number in range(count):

        async def source() -> Cached:
            return _another(template)

        await cache.load(_key(cache, number), IDENTITY, source)
    gc.collect()
    grown_bytes = resident_bytes(os.getpid()) - before_bytes
    took_s = [_timed(cache, at * 7919 % count) for at in range(_GETS)]
    empty_s = sorted(_clock_s() for _ in range(_GETS))
    took_s.sort()
    return Weighed(
        count,
        grown_bytes / count,
        percentile(took_s, 0.5) * 1e6,
        percentile(took_s, 0.99) * 1e6,
        percentile(empty_s, 0.5) * 1e6,
    )


def _timed(cache: MemoryCache, number: int) -> float:
    key = _key(cache, number)
    began_s = time.perf_counter()
    found = cache.get(key, None)
    took_s = time.perf_counter() - began_s
    assert found is not None
    return took_s


def _clock_s() -> float:
    began_s = time.perf_counter()
    return time.perf_counter() - began_s


def main() -> None:
    """`python -m bench.system.cached COUNT`."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("count", type=int)
    weighed = asyncio.run(weigh(parser.parse_args().count))
    sys.stdout.buffer.write(msgspec.json.encode(weighed) + b"\n")


if __name__ == "__main__":
    main()
