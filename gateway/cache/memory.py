# SPDX-License-Identifier: Apache-2.0
"""The cache of one process: bounded in entries and in bytes, each entry with its own end.

1. An entry weighs at least `max_bytes / max_entries`, so the bound on weight is the bound on both.
2. Age is measured on a monotonic clock from the moment of storing; the clock on the wall may jump.
   cachebox goes by the wall's: its own end of an entry is put off so far that no jump reaches it,
   serves for the order alone, and what has ended is dropped by us.
3. A full cache drops first what is expired, then what ends soonest: *not found* before
   certificates, so guessed numbers cannot push answers out.
4. Only answers are kept. An exception of the source goes to whoever waits, and is forgotten.
"""

import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec
from cachebox import VTTLCache

from gateway.cache.key import cache_key
from gateway.cache.singleflight import SingleFlight
from gateway.model.answer import Absent, Sealed
from gateway.model.certificate import CertificateType, Value
from gateway.model.holder import Holder
from gateway.ports import Cached, ResultCache

#: Seconds: a record that was just made must soon be found (DESIGN §8).
MAX_ABSENT_TTL_S: Final = 60

_SECRET_BYTES: Final = 32
_BEYOND_JUMPS_S: Final = 10 * 366 * 86_400
# Structs, dict and keys around the texts of an entry: resident memory on CPython 3.11, rounded up.
_ENTRY_OVERHEAD_BYTES: Final = 600
_DISCLOSURE_OVERHEAD_BYTES: Final = 250


class _Kept(msgspec.Struct, frozen=True, gc=False):
    answer: Cached
    stored_at_s: float
    ttl_s: float
    weight_bytes: int


class MemoryCache(ResultCache):
    """Answers in the memory of this process, gone with it.

    Args:
        max_entries: at most so many answers.
        max_bytes: at most about so much memory, and never less than a byte an entry.
        clock_s: monotonic seconds.

    Attributes:
        hit_count: answers that `get` gave.
        miss_count: questions that `get` could not answer.
        store_count: answers kept by `load`.
    """

    def __init__(
        self,
        *,
        max_entries: int,
        max_bytes: int,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._min_weight_bytes: Final = -(-max_bytes // max_entries)
        self._max_bytes: Final = max_bytes
        self._kept: Final = VTTLCache[bytes, _Kept](
            max_bytes, getsizeof=lambda _, kept: kept.weight_bytes
        )
        self._flights: Final = SingleFlight[Cached]()
        self._secret: Final = secrets.token_bytes(_SECRET_BYTES)
        self._clock_s: Final = clock_s
        self.hit_count = 0
        self.miss_count = 0
        self.store_count = 0

    def key(
        self,
        holder: Holder,
        certificate: CertificateType,
        *,
        agency: str,
        item: str,
        case: str,
        grant: str,
        adapter: str = "",
        keys: Mapping[str, Value] | None = None,
    ) -> bytes | None:
        """The keyed hash under which this question may share an answer; None is never."""
        return cache_key(
            self._secret,
            holder,
            certificate,
            agency=agency,
            item=item,
            case=case,
            grant=grant,
            adapter=adapter,
            keys=keys,
        )

    def get(self, key: bytes, max_age_s: int | None) -> Cached | None:
        """A fresh answer, younger than `max_age_s`; with 0 there is none."""
        kept = self._kept.get(key)
        if kept is not None:
            age_s = self._clock_s() - kept.stored_at_s
            if age_s < kept.ttl_s and (max_age_s is None or age_s < max_age_s):
                self.hit_count += 1
                return kept.answer
        self.miss_count += 1
        return None

    async def load(
        self,
        key: bytes | None,
        certificate: CertificateType,
        source: Callable[[], Awaitable[Cached]],
    ) -> Cached:
        """Ask `source` once for all concurrent callers of this key, and keep its answer."""
        if key is None:
            return await source()

        async def ask_and_keep() -> Cached:
            answer = await source()
            self._keep(key, answer, certificate.ttl_s)
            return answer

        return await self._flights.run(key, ask_and_keep)

    def _keep(self, key: bytes, answer: Cached, ttl_s: float) -> None:
        if isinstance(answer, Absent):
            ttl_s = min(ttl_s, MAX_ABSENT_TTL_S)
        weight_bytes = max(_weigh(answer), self._min_weight_bytes)
        if weight_bytes > self._max_bytes:
            return
        now_s = self._clock_s()
        self._drop_ended(now_s)
        kept = _Kept(answer, now_s, ttl_s, weight_bytes)
        self._kept.insert(key, kept, ttl=ttl_s + _BEYOND_JUMPS_S)
        self.store_count += 1

    def _drop_ended(self, now_s: float) -> None:
        """Take out whatever ends soonest, until that is one that has not ended."""
        while self._kept:
            key, kept = self._kept.popitem()
            left_s = kept.ttl_s - (now_s - kept.stored_at_s)
            if left_s > 0:
                self._kept.insert(key, kept, ttl=left_s + _BEYOND_JUMPS_S)
                return


def _weigh(answer: Cached) -> int:
    """About how many bytes an answer holds in memory; an encoded field counts for its value too."""
    match answer:
        case Absent():
            return _ENTRY_OVERHEAD_BYTES
        case Sealed(jwt, disclosures):
            return (
                _ENTRY_OVERHEAD_BYTES
                + len(jwt)
                + sum(
                    _DISCLOSURE_OVERHEAD_BYTES + 2 * len(disclosure.encoded)
                    for disclosure in disclosures.values()
                )
            )
