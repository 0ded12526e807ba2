# SPDX-License-Identifier: Apache-2.0
"""The stream in the store by which changes reach all nodes: told here, heard in `shared`.

::

    DEL marks ─▶ XADD stream, sealed Forget ─▶ TRUST_S passes ─▶ nobody serves what was kept

1. Marks are deleted before the change is told: who has heard of it finds nothing any more.
2. A change is never told into a stream that is not there: who followed the last one would miss it.
"""

import asyncio
import time
from typing import Any, Final

import msgspec

from gateway.cache.store import Command, Store
from gateway.cache.stored import Names
from gateway.crypto.shared import SharedCipher
from gateway.errors import StoreError
from gateway.model.forget import Forget

#: Seconds for which memory may serve after its process last began to hear.
TRUST_S: Final = 1.0
#: For clocks that do not run alike.
_MARGIN_S: Final = 0.05
#: Changes that a process has to hear within `TRUST_S`; the stream keeps about so many.
_STREAM_COUNT: Final = 10_000
#: Seconds that a command gives the store to be there.
_ONCE_S: Final = 5.0
_FIELD: Final = b"f"
_encode: Final = msgspec.msgpack.Encoder().encode


async def void_once(store: Store, cipher: SharedCipher, forget: Forget) -> float:
    """`SharedCache.void` for who keeps no connection; `store` is used up.

    Raises:
        StoreError: it is not known that other nodes will forget.
    """
    told: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    async def tell_once() -> None:
        assert store.run_id is not None
        names = Names(cipher, store.run_id)
        told.set_result(await tell(store, cipher, names, forget))
        await asyncio.Event().wait()  # until cancelled

    keeper = asyncio.create_task(store.keep(tell_once))
    try:
        await asyncio.wait((told, keeper), timeout=_ONCE_S, return_when=asyncio.FIRST_COMPLETED)
    finally:
        keeper.cancel()
        await asyncio.wait((keeper,))
    if not told.done():
        raise StoreError("CACHE_UNREACHED", "the shared cache is away")
    return told.result()


async def tell(store: Store, cipher: SharedCipher, names: Names, forget: Forget) -> float:
    """Have all who follow forget, and the store as well.

    Returns:
        Monotonic seconds from which on no node serves what it kept before.

    Raises:
        StoreError: it is not known that they will.
    """
    marks = [names.holder(tag) for tag in forget.tags]
    marks += [names.certificate(name) for name in forget.certificates]
    if forget.everything:
        marks.append(names.everything)
    _, change_id = await store.ask([("DEL", *marks), telling(cipher, names, forget, "NOMKSTREAM")])
    if change_id is None:
        raise StoreError("CACHE_UNREACHED", "the shared cache was emptied, and nobody listens yet")
    return time.monotonic() + TRUST_S + _MARGIN_S


def telling(cipher: SharedCipher, names: Names, forget: Forget, *options: str) -> Command:
    """Tells a change to who follows."""
    told = cipher.seal(names.stream, _encode(forget))
    return ("XADD", names.stream, *options, "MAXLEN", "~", _STREAM_COUNT, "*", _FIELD, told)


def newest(names: Names) -> Command:
    """Asks for the newest change."""
    return ("XREVRANGE", names.stream, "+", "-", "COUNT", 1)


def id_of(found: list[Any]) -> bytes:
    """Of the newest change; of the beginning where there is none."""
    change_id: bytes = found[0][0] if found else b"0-0"
    return change_id


def order_of(change_id: bytes) -> tuple[int, int]:
    """By which ids are compared."""
    milliseconds, _, number = change_id.partition(b"-")
    return int(milliseconds), int(number)
