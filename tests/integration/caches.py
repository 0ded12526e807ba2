# SPDX-License-Identifier: Apache-2.0
"""Caches as the workers of several nodes have them, around one store, in one process."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from valkey.asyncio import Connection

from gateway.cache.shared import SharedCache
from gateway.cache.store import Store
from gateway.crypto.sdjwt import present_sd_jwt
from gateway.crypto.shared import SharedCipher
from gateway.errors import Text
from gateway.model.answer import Absent, Sealed
from gateway.model.certificate import CertificateType
from gateway.model.forget import Forget
from gateway.model.holder import Holder
from gateway.ports import Cached
from tests.store_server import StoreServer

KEY = bytes(31) + b"\x07"
HOLDER = Holder("cn-id", "140302190001010017", "测试甲")
OTHER = Holder("cn-id", "140302198001010020", "测试乙")
HEAD = "eyJhbGciOiJFUzI1NiJ9"
SHOWN = '{}\n["salt","name","测试甲"]'.encode()
SEALED = Sealed(HEAD, bytes(64) + SHOWN, ("name",), "2026-11-22T08:00:00Z")
TOKEN = present_sd_jwt(SEALED, SEALED.names)
NEWER = Sealed(HEAD, b"\x01" * 64 + SHOWN, ("name",), "2026-11-22T09:00:00Z")
ABSENT = Absent("2026-11-22T08:00:00Z")
LIMIT_S = 30


def kind(ttl_s: int = 600, stale_s: int = 0, name: str = "x.identity") -> CertificateType:
    return CertificateType(
        name=name,
        title=Text("Identity", "身份"),
        schemes=("cn-id",),
        fields=(),
        ttl_s=ttl_s,
        cache_scope="agency_purpose",
        stale_s=stale_s,
    )


IDENTITY = kind()


def recognise(token: str, certificate: str) -> Sealed | None:
    """What a sealer does with a token that it knows."""
    known = {present_sd_jwt(sealed, sealed.names): sealed for sealed in (SEALED, NEWER)}
    return known.get(token) if certificate.startswith("x.") else None


def key_of(room: SharedCache, holder: Holder = HOLDER, of: CertificateType = IDENTITY) -> bytes:
    key = room.key(holder, of, agency="yq-gjj", item="i-1", case="1234", grant="g@1")
    assert key is not None
    return key


def tag_of(room: SharedCache, holder: Holder = HOLDER) -> Forget:
    return Forget(tags=room.tags(holder.scheme, holder.number, (IDENTITY.name,)))


class Source:
    """A department that counts how often it is asked."""

    def __init__(self, answer: Cached = SEALED) -> None:
        self.answer = answer
        self.count = 0

    async def __call__(self) -> Cached:
        self.count += 1
        return self.answer


async def origin(
    room: SharedCache,
    source: Callable[[], Awaitable[Cached]],
    *,
    holder: Holder = HOLDER,
    of: CertificateType = IDENTITY,
    max_age_s: int | None = None,
) -> str:
    """Ask as the corridor does; where the answer came from."""
    key = key_of(room, holder, of)
    if room.get(key, max_age_s) is not None:
        return "memory"
    obtained = await room.obtain(key, of, max_age_s, source)
    return "store" if obtained.is_kept else "source"


def store_at(port: int) -> Store:
    return Store(lambda: Connection(host="127.0.0.1", port=port, socket_timeout=None))


def be_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for the store on a busy machine, too: what comes late is no less welcome."""
    for limit in ("shared.LATE_S", "shared._MAX_LOOK_S", "store.LATE_S", "store.ROUND_S"):
        monkeypatch.setattr(f"gateway.cache.{limit}", LIMIT_S)


def slow_clock() -> Callable[[], float]:
    """A hundred times slower than ours: a pause of the machine does not end what it may trust."""
    began_s = time.monotonic()
    return lambda: began_s + (time.monotonic() - began_s) / 100


async def settled(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not holds():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)


@asynccontextmanager
async def node(
    server: StoreServer,
    *,
    ahead_s: float = 0.0,
    key: bytes = KEY,
    clock_s: Callable[[], float] = time.monotonic,
) -> AsyncIterator[SharedCache]:
    """A process of another node, its clock on the wall ahead of ours."""
    room = SharedCache(
        max_entries=1000,
        max_bytes=1 << 20,
        cipher=SharedCipher(key),
        store=store_at(server.port),
        recognise=recognise,
        clock_s=clock_s,
        unix_s=lambda: time.time() + ahead_s,
    )
    keeper = asyncio.create_task(room.keep())
    try:
        await settled(lambda: room.state().store == "ok")
        yield room
    finally:
        keeper.cancel()
        await asyncio.wait((keeper,))


async def stored(server: StoreServer, count: int = 1) -> None:
    """Nobody waits for what is stored; here somebody does."""
    await settled(lambda: len(server.answers()) >= count)
