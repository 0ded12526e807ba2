# SPDX-License-Identifier: Apache-2.0
"""The cache of one process: bounded in entries and in bytes, each entry with its own end.

1. An entry weighs at least `max_bytes / max_entries`, so the bound on weight is the bound on both.
2. Age is measured on a monotonic clock from the moment of asking; the clock on the wall may jump.
   cachebox goes by the wall's: its own end of an entry is put off so far that no jump reaches it,
   serves for the order alone, and what has ended is dropped by us.
3. A full cache drops first what is expired, then what ends soonest: *not found* before
   certificates, so guessed numbers cannot push answers out. What has ended goes each second, and
   before an answer is kept: a bounded part of it at a time, since a million may end at once.
4. Only answers are kept. An exception of the source goes to whoever waits, and is forgotten.
5. An answer is kept as it is, one piece: a million of them are few objects for the allocator, and
   none for the garbage collector.
6. What is told to be forgotten is not given again, nor is what was being loaded at that moment kept
   or given to who asks later.
7. Answers are given as long as this process is known to hear what is to be forgotten (`trust`).
   After a time in which it was not, everything is forgotten.
"""

import os
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec
from cachebox import VTTLCache

from gateway.cache.forgotten import Forgotten
from gateway.cache.key import TAG_BYTES, cache_key, holder_tag
from gateway.cache.singleflight import SingleFlight
from gateway.crypto.digest import KeyedHash
from gateway.model.answer import MAX_LOAD_S, Absent, Sealed
from gateway.model.certificate import CertificateType, Value
from gateway.model.forget import CacheState, Forget
from gateway.model.holder import Holder
from gateway.ports import Cached, Forgetful, Obtained, ResultCache

#: Seconds: a record that was just made must soon be found (DESIGN §8).
MAX_ABSENT_TTL_S: Final = 60
#: Seconds for which equal questions share a call while this process may not hear of changes. No
#: longer than who changes something waits for those who do not hear (`gateway.cache.shared`).
BLIND_FLIGHT_S: Final = 1.0

#: Answers that are let go at once; a second's, and those before another one is kept.
_DROPPED_EACH_SECOND: Final = 2_000
_DROPPED_BEFORE: Final = 16
_SECRET_BYTES: Final = 32
_BEYOND_JUMPS_S: Final = 10 * 366 * 86_400
# All but the content: key, structs, instant, heads of objects, the place in the table. Resident
# memory on CPython 3.11 with a million entries, rounded up.
_ENTRY_OVERHEAD_BYTES: Final = 480


class _Kept(msgspec.Struct, frozen=True, gc=False):
    """`ttl_s`, `stale_s` and `certificate` are the type's own objects, not copies.

    Attributes:
        asked_at_s: since when it ages.
        sure_at_s: what was forgotten before then is not about it.
    """

    answer: Cached
    asked_at_s: float
    sure_at_s: float
    ttl_s: float
    stale_s: float
    certificate: str


class MemoryCache(ResultCache, Forgetful):
    """Answers in the memory of this process, gone with it.

    Args:
        max_entries: at most so many answers.
        max_bytes: at most about so much memory, and never less than a byte an entry.
        secret: 32 bytes under which holders are known; other processes have the same.
        clock_s: monotonic seconds.

    Attributes:
        hit_count: answers that were given, stale ones included.
        miss_count: questions that `get` could not answer.
        store_count: answers kept by `load`.
    """

    def __init__(
        self,
        *,
        max_entries: int,
        max_bytes: int,
        secret: bytes | None = None,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._min_weight_bytes: Final = -(-max_bytes // max_entries)
        self._max_bytes: Final = max_bytes
        self._kept: Final = VTTLCache[bytes, _Kept](
            max_bytes, getsizeof=lambda _, kept: self._weigh(kept.answer)
        )
        self._flights: Final = SingleFlight[Cached]()
        self._forgotten: Final = Forgotten()
        self._secret = secret or secrets.token_bytes(_SECRET_BYTES)
        self._keyed = KeyedHash(self._secret)
        self._clock_s: Final = clock_s
        self._longest_s = 0.0
        self._first_end_s = float("inf")  # nothing ends before
        self._trusted_until_s = float("inf")
        self.hit_count = 0
        self.miss_count = 0
        self.store_count = 0
        self._stale_count = 0
        self._forget_count = 0
        self._hit_age_s = 0.0

    @property
    def keying(self) -> object:
        """What makes the keys: another one after a restart under another secret."""
        return self._keyed

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
            self._keyed,
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
        now_s = self._clock_s()
        kept = self._fresh(key, max_age_s, now_s)
        if kept is None:
            self.miss_count += 1
            return None
        self.hit_count += 1
        self._hit_age_s += now_s - kept.asked_at_s
        return kept.answer

    def get_stale(self, key: bytes | None, max_age_s: int | None) -> Sealed | None:
        """An answer whose time is over by no more than its type allows; never an absence.

        For who has found the department away; counts as a hit.
        """
        kept = None if key is None else self._kept.get(key)
        if key is None or kept is None or isinstance(kept.answer, Absent):
            return None
        now_s = self._clock_s()
        age_s = now_s - kept.asked_at_s
        if (
            age_s >= kept.ttl_s + kept.stale_s
            or now_s >= self._trusted_until_s
            or (max_age_s is not None and age_s >= max_age_s)
            or self._is_void(key, kept)
        ):
            return None
        self.hit_count += 1
        self._stale_count += 1
        self._hit_age_s += age_s
        return kept.answer

    def peek(self, key: bytes) -> Cached | None:
        """What may still be given, if only as a stale answer; counts as nothing."""
        kept: _Kept | None = self._kept.get(key)
        now_s = self._clock_s()
        if (
            kept is None
            or _left_s(kept, now_s) <= 0
            or now_s >= self._trusted_until_s
            or self._is_void(key, kept)
        ):
            return None
        return kept.answer

    async def obtain(
        self,
        key: bytes | None,
        certificate: CertificateType,
        max_age_s: int | None,
        source: Callable[[], Awaitable[Cached]],
    ) -> Obtained:
        """For who found nothing by `get`: look again, or ask `source`, once for all."""
        if (answer := self.look_again(key, max_age_s)) is not None:
            return Obtained(answer, is_kept=True)
        return Obtained(await self.load(key, certificate, source), is_kept=False)

    def look_again(self, key: bytes | None, max_age_s: int | None) -> Cached | None:
        """As `get`, for a question that was counted: who asked first may have been answered."""
        kept = None if key is None else self._fresh(key, max_age_s, self._clock_s())
        return None if kept is None else kept.answer

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
            asked_at_s = self._clock_s()
            answer = await source()
            self._keep(key, answer, certificate, asked_at_s)
            return answer

        return await self._flights.run(self._flight_of(key), ask_and_keep)

    def trust(self, until_s: float) -> None:
        """Give answers until then, by this cache's clock.

        What was kept is forgotten unless the last time reached until now.
        """
        if self._clock_s() >= self._trusted_until_s:
            self.forget(Forget(everything=True))
        self._trusted_until_s = until_s

    def restart(self, secret: bytes) -> None:
        """Forget everything, and go on under a secret that other processes know.

        Keys that were made under another one find nothing any more, and must not be used to load.
        """
        if secret != self._secret:
            self._secret, self._keyed = secret, KeyedHash(secret)
        self.forget(Forget(everything=True))

    def tags(self, scheme: str, number: str, certificates: tuple[str, ...]) -> tuple[bytes, ...]:
        """By what this cache knows a holder, for `Forget`."""
        return tuple(holder_tag(self._keyed, name, scheme, number) for name in certificates)

    def forget(self, forget: Forget) -> None:
        """Give none of it any more, from now on."""
        if not (forget.tags or forget.certificates or forget.everything):
            return
        self._forget_count += 1
        is_all = self._forgotten.note(forget, self._clock_s())
        if is_all:
            self._kept.clear()
        tags = frozenset(forget.tags)
        is_wide = is_all or bool(forget.certificates)  # a key does not tell its certificate type
        self._flights.detach(lambda key: is_wide or key[:TAG_BYTES] in tags)

    async def void(self, forget: Forget) -> float:  # noqa: ARG002 - see there
        """Nothing to do: what is in this memory is in no other."""
        return 0.0

    async def keep(self) -> None:
        """Do whatever has to go on beside it, until cancelled; nothing."""

    def drop_ended(self) -> None:
        """Let go of what has ended; called each second."""
        self._drop_ended(self._clock_s(), _DROPPED_EACH_SECOND)

    def state(self) -> CacheState:
        """What there is to say about this cache."""
        return CacheState(
            os.getpid(),
            len(self._kept),
            self._kept.current_size(),
            self.hit_count,
            self.miss_count,
            self._stale_count,
            self.store_count,
            self._forget_count,
            self._hit_age_s,
        )

    def _flight_of(self, key: bytes) -> bytes:
        """Under what a call is shared; who may not hear of changes shares none that is old."""
        now_s = self._clock_s()
        if now_s < self._trusted_until_s:
            return key
        return key + int(now_s / BLIND_FLIGHT_S).to_bytes(8)

    def _fresh(self, key: bytes, max_age_s: int | None, now_s: float) -> _Kept | None:
        kept: _Kept | None = self._kept.get(key)
        if kept is None:
            return None
        age_s = now_s - kept.asked_at_s
        if (
            age_s < kept.ttl_s
            and now_s < self._trusted_until_s
            and (max_age_s is None or age_s < max_age_s)
            and (self._forgotten.is_empty or not self._is_void(key, kept))
        ):
            return kept
        return None

    def _is_void(self, key: bytes, kept: _Kept) -> bool:
        return self._forgotten.covers(key, kept.certificate, kept.sure_at_s)

    def _keep(
        self,
        key: bytes,
        answer: Cached,
        certificate: CertificateType,
        asked_at_s: float,
        sure_at_s: float | None = None,
    ) -> None:
        """Keep an answer that was asked for then, and was no change's victim until `sure_at_s`."""
        ttl_s, stale_s = certificate.ttl_s, certificate.stale_s
        if isinstance(answer, Absent):
            ttl_s, stale_s = min(ttl_s, MAX_ABSENT_TTL_S), 0
        sure_at_s = asked_at_s if sure_at_s is None else sure_at_s
        kept = _Kept(answer, asked_at_s, sure_at_s, ttl_s, stale_s, certificate.name)
        if (
            self._weigh(answer) > self._max_bytes
            or self._is_void(key, kept)
            or (key in self._kept and self._kept[key].asked_at_s > asked_at_s)  # it came late
        ):
            return
        now_s = self._clock_s()
        if now_s >= self._first_end_s:
            self._drop_ended(now_s, _DROPPED_BEFORE)
        self._longest_s = max(self._longest_s, ttl_s + stale_s)
        if not self._forgotten.is_empty:
            self._forgotten.prune(now_s - self._longest_s - MAX_LOAD_S)
        left_s = _left_s(kept, now_s)
        self._first_end_s = min(self._first_end_s, now_s + left_s)
        self._kept.insert(key, kept, ttl=left_s + _BEYOND_JUMPS_S)
        self.store_count += 1

    def _drop_ended(self, now_s: float, count: int) -> None:
        """Take out whatever ends soonest, until that is one that has not ended."""
        self._first_end_s = float("inf")
        for _ in range(min(count, len(self._kept))):
            key, kept = self._kept.popitem()
            left_s = _left_s(kept, now_s)
            if left_s > 0:
                self._first_end_s = now_s + left_s
                self._kept.insert(key, kept, ttl=left_s + _BEYOND_JUMPS_S)
                return
        if self._kept:
            self._first_end_s = now_s  # more may have ended

    def _weigh(self, answer: Cached) -> int:
        """About how many bytes an answer holds in memory."""
        own_bytes = 0 if isinstance(answer, Absent) else len(answer.content)
        return max(_ENTRY_OVERHEAD_BYTES + own_bytes, self._min_weight_bytes)


def _left_s(kept: _Kept, now_s: float) -> float:
    return kept.asked_at_s + kept.ttl_s + kept.stale_s - now_s
