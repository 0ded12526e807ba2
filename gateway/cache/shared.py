# SPDX-License-Identifier: Apache-2.0
"""The cache of one process with a store behind it that all nodes share (ADR 0016).

::

    get ─ memory                                  as with one node: no coroutine, no store
    obtain ─▶ store ─(nothing of use)▶ department ─▶ memory, and to the store without waiting
    void ─▶ marks deleted ─▶ told to all who listen ─▶ TRUST_S passes

1. The store is asked by who has an accepted claim and found nothing in memory: its answer costs a
   nonce and a quota like a department's. It is never waited for longer than `LATE_S`.
2. What it gives is used only if a node sealed it, every mark is still the one under which it was
   asked for, and a key that this node publishes signed the certificate inside.
3. Every process reads the store's stream of changes each `POLL_S`, and serves from its memory only
   until `TRUST_S` after it last began to. So who voids something waits for `TRUST_S`, and knows:
   everyone has heard, or has stopped to serve what it kept. Nobody has to be counted.
4. Whoever did not hear for longer, or not from where he left off, has forgotten everything first.
5. Without the store memory gives nothing: others may be told of a change that is not heard here.
   Departments are asked, and still once for all who ask the same within `BLIND_FLIGHT_S`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
import structlog

from gateway.cache.changes import TRUST_S, id_of, newest, order_of, tell, telling
from gateway.cache.memory import BLIND_FLIGHT_S, MAX_ABSENT_TTL_S, MemoryCache
from gateway.cache.singleflight import SingleFlight
from gateway.cache.store import LATE_S, Command, Replies, Store
from gateway.cache.stored import MARK_BYTES, Names, StoredAnswer, format_answer, parse_answer
from gateway.crypto.random import random_piece
from gateway.crypto.sdjwt import present_sd_jwt
from gateway.crypto.shared import SharedCipher
from gateway.errors import StoreError
from gateway.model.answer import MAX_LOAD_S, Absent, Sealed
from gateway.model.certificate import CertificateType
from gateway.model.forget import CacheState, Forget
from gateway.ports import Cached, Obtained

POLL_S: Final = 0.1
#: A look that took longer may have begun before a change that was answered since.
_MAX_LOOK_S: Final = 0.5
_MAX_READ_COUNT: Final = 1_000
_MAX_VALUE_BYTES: Final = 256 * 1024
_MARK_COUNT: Final = 3
_parse_forget: Final = msgspec.msgpack.Decoder(Forget).decode
_log = structlog.get_logger()

#: Reads a sealed certificate of the named type; None where no key that we publish has sealed it.
Recognise = Callable[[str, str], Sealed | None]


class _Glimpse(msgspec.Struct, frozen=True):
    """What the store had for a key.

    Attributes:
        began_at_s: monotonic, before it was asked.
        unix_s: the same moment on the wall.
        answer: sealed by us, and not void; with its age then.
        marks: to store an answer under that is asked for from now on; None for not at all.
    """

    began_at_s: float
    unix_s: float
    names: Names | None = None
    marks: bytes | None = None
    answer: Cached | None = None
    age_s: float = 0.0


class SharedCache(MemoryCache):
    """Answers in the memory of this process, and behind it in a store.

    Args:
        max_entries: as of `MemoryCache`.
        max_bytes: as of `MemoryCache`.
        cipher: the keys of all nodes.
        store: not yet connected; `keep` does it.
        recognise: see there.
        clock_s: monotonic seconds, those of `time.monotonic` but in tests.
        unix_s: UNIX seconds.
    """

    def __init__(
        self,
        *,
        max_entries: int,
        max_bytes: int,
        cipher: SharedCipher,
        store: Store,
        recognise: Recognise,
        clock_s: Callable[[], float] = time.monotonic,
        unix_s: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(
            max_entries=max_entries,
            max_bytes=max_bytes,
            secret=cipher.tag_secret,
            clock_s=clock_s,
        )
        self._trusted_until_s = float("-inf")
        self._cipher: Final = cipher
        self._store: Final = store
        self._recognise: Final = recognise
        self._unix_s: Final = unix_s
        self._looks: Final = SingleFlight[_Glimpse]()
        self._names: Names | None = None
        self._shared_hit_count = 0
        self._shared_miss_count = 0
        self._shared_error_count = 0
        self._shared_refused_count = 0

    async def keep(self) -> None:
        """Keep connected and hear of changes, until cancelled."""
        await self._store.keep(self._follow)

    async def obtain(
        self,
        key: bytes | None,
        certificate: CertificateType,
        max_age_s: int | None,
        source: Callable[[], Awaitable[Cached]],
    ) -> Obtained:
        """What another node keeps, or else `source`, once for all who ask now."""
        if key is None:
            return Obtained(await source(), is_kept=False)
        if (answer := self.look_again(key, max_age_s)) is not None:
            return Obtained(answer, is_kept=True)
        seen = await self._looks.run(key, lambda: self._look(key, certificate))
        if (answer := self.look_again(key, max_age_s)) is not None:
            return Obtained(answer, is_kept=True)  # it was loaded while the store was asked
        if (answer := self._take(key, certificate, seen, max_age_s)) is not None:
            self._shared_hit_count += 1
            return Obtained(answer, is_kept=True)

        async def ask_and_tell() -> Cached:
            asked_at_s, unix_s = self._clock_s(), self._unix_s()
            found = await source()
            stored = _pack(found, certificate, seen.marks or b"", unix_s)
            left_ms = stored.life_ms - int((self._clock_s() - asked_at_s) * 1000)
            self._put(key, certificate, stored, seen, left_ms)
            return found

        return Obtained(await self.load(key, certificate, ask_and_tell), is_kept=False)

    async def void(self, forget: Forget) -> float:
        """Have all nodes forget; see rule 3.

        Raises:
            StoreError: it is not known that they will.
        """
        if (names := self._names) is None:
            raise StoreError("CACHE_UNREACHED", "the shared cache is away")
        return await tell(self._store, self._cipher, names, forget)

    def state(self) -> CacheState:
        """What there is to say about this cache and the store behind it."""
        return msgspec.structs.replace(
            super().state(),
            store="ok" if self._names is not None and self._store.is_quick else "away",
            shared_hit_count=self._shared_hit_count,
            shared_miss_count=self._shared_miss_count,
            shared_error_count=self._shared_error_count,
            shared_refused_count=self._shared_refused_count,
        )

    async def _look(self, key: bytes, certificate: CertificateType) -> _Glimpse:
        """Ask the store, and make the marks that are missing."""
        seen, names = _Glimpse(self._clock_s(), self._unix_s()), self._names
        if names is None or not self._store.is_quick:
            self._shared_error_count += 1
            return seen
        name, marks = names.answer(key), names.marks(key, certificate.name)
        fresh, life_ms = random_piece(), _mark_life_ms(certificate)
        commands: list[Command] = [("SET", m, fresh, "PX", life_ms, "NX") for m in marks]
        commands += [("PTTL", name), ("MGET", name, *marks)]
        try:
            replies = await self._store.ask(commands, LATE_S)
        except StoreError:
            self._shared_error_count += 1
            return seen
        left_ms, (value, *found) = replies[_MARK_COUNT], replies[_MARK_COUNT + 1]
        if any(mark is None or len(mark) != MARK_BYTES for mark in found):
            return seen  # deleted in this very moment
        seen = msgspec.structs.replace(seen, names=names, marks=b"".join(found))
        return seen if value is None else self._open(seen, certificate, name, value, left_ms)

    def _open(
        self, seen: _Glimpse, certificate: CertificateType, name: bytes, value: bytes, left_ms: int
    ) -> _Glimpse:
        """Add what was stored, if one of us did it and nothing has changed since."""
        stored = parse_answer(self._cipher, name, value)
        if stored is not None and stored.marks != seen.marks:
            return seen
        age_s = None if stored is None else stored.age_s(seen.unix_s, left_ms)
        answer = None if stored is None else self._unpack(stored, certificate)
        if age_s is None or answer is None:
            self._shared_refused_count += 1
            return seen
        return msgspec.structs.replace(seen, answer=answer, age_s=age_s)

    def _unpack(self, stored: StoredAnswer, certificate: CertificateType) -> Cached | None:
        if not stored.token:
            return Absent(stored.as_of)
        return self._recognise(stored.token, certificate.name)

    def _take(
        self, key: bytes, certificate: CertificateType, seen: _Glimpse, max_age_s: int | None
    ) -> Cached | None:
        """Keep what the store had with its age, and give it if that is young enough."""
        if seen.answer is None or self._clock_s() - seen.began_at_s > _MAX_LOOK_S:
            self._shared_miss_count += seen.marks is not None
            return None
        # A change deletes its mark before it is heard of: one that was heard before the look began
        # would have shown there.
        began_at_s = seen.began_at_s
        self._keep(key, seen.answer, certificate, began_at_s - seen.age_s, began_at_s)
        ttl_s, _ = _times_of(seen.answer, certificate)
        age_s = seen.age_s + self._clock_s() - seen.began_at_s
        if age_s < ttl_s and (max_age_s is None or age_s < max_age_s):
            return seen.answer
        self._shared_miss_count += 1
        return None

    def _put(
        self,
        key: bytes,
        certificate: CertificateType,
        stored: StoredAnswer,
        seen: _Glimpse,
        left_ms: int,
    ) -> None:
        """Leave an answer for other nodes; nobody waits for it."""
        names = seen.names
        if names is None or seen.marks is None or names is not self._names:
            return
        name = names.answer(key)
        value = format_answer(self._cipher, name, stored)
        if left_ms <= 0 or len(value) > _MAX_VALUE_BYTES:
            return
        life_ms = _mark_life_ms(certificate)
        commands: list[Command] = [("SET", name, value, "PX", left_ms)]
        commands += [("PEXPIRE", m, life_ms, "GT") for m in names.marks(key, certificate.name)]
        try:
            self._store.ask_soon(commands).add_done_callback(self._count_failure)
        except StoreError:
            self._shared_error_count += 1

    def _count_failure(self, asked: "asyncio.Future[Replies]") -> None:
        if asked.cancelled() or asked.exception() is not None:
            self._shared_error_count += 1

    async def _follow(self) -> None:
        """Hear of changes for as long as this connection lives."""
        assert self._store.run_id is not None  # followed from the first reply on
        names = Names(self._cipher, self._store.run_id)
        try:
            began_at_s = self._clock_s()
            last = await self._begin(names)
            self.forget(Forget(everything=True))  # what was said meanwhile is not known
            self._names = names
            _log.info("the shared cache is there")
            self.trust(began_at_s + TRUST_S)
            while True:
                await asyncio.sleep(POLL_S)
                last = await self._hear(names, last)
        except (TypeError, ValueError, IndexError):
            raise StoreError("CACHE_UNREACHED", "the store answers what it should not") from None
        finally:
            if self._names is not None:
                _log.warning("the shared cache is away")
            self._names = None

    async def _begin(self, names: Names) -> bytes:
        """Where changes are to be heard from on.

        A stream begins with a change about everything: whoever followed another before, which is
        gone with what was not heard yet, learns it in one way or another.
        """
        while True:
            [found] = await self._store.ask([newest(names)])
            if found:
                return id_of(found)
            await self._store.ask([telling(self._cipher, names, Forget(everything=True))])

    async def _hear(self, names: Names, last: bytes) -> bytes:
        """Take what was said since `last`; returns where to go on."""
        began_at_s = self._clock_s()
        read: Command = ("XREAD", "COUNT", _MAX_READ_COUNT, "STREAMS", names.stream, last)
        # To persist the stream is to do nothing, but a server that was made a replica refuses it:
        # changes come there late.
        asked = [read, newest(names), ("PERSIST", names.stream)]
        streams, last_told, _ = await self._store.ask(asked)
        said = [] if streams is None else streams[0][1]
        if len(said) >= _MAX_READ_COUNT or order_of(id_of(last_told)) < order_of(last):
            raise StoreError("CACHE_UNREACHED", "changes went by, or their stream was deleted")
        for change_id, fields in said:
            last = change_id
            self._obey(names, fields)
        self.trust(began_at_s + TRUST_S)
        return last

    def _obey(self, names: Names, fields: list[bytes]) -> None:
        """Forget what a change is about; one that cannot be read may be about everything."""
        content = self._cipher.open(names.stream, fields[1])
        try:
            forget = _parse_forget(content or b"")
        except msgspec.DecodeError:
            _log.error("a change was told that no node of this key and version has told")
            self._shared_refused_count += 1
            forget = Forget(everything=True)
        self.forget(forget)


def _pack(
    answer: Cached, certificate: CertificateType, marks: bytes, unix_s: float
) -> StoredAnswer:
    """What other nodes get of an answer that was asked for at that time."""
    life_ms = int(sum(_times_of(answer, certificate)) * 1000)
    asked_at_ms = int(unix_s * 1000)
    if isinstance(answer, Absent):
        return StoredAnswer(asked_at_ms, life_ms, marks, as_of=answer.as_of)
    return StoredAnswer(asked_at_ms, life_ms, marks, token=present_sd_jwt(answer, answer.names))


def _times_of(answer: Cached, certificate: CertificateType) -> tuple[float, float]:
    """For how long an answer is fresh, and for how much longer it may stand in."""
    if isinstance(answer, Absent):
        return min(certificate.ttl_s, MAX_ABSENT_TTL_S), 0
    return certificate.ttl_s, certificate.stale_s


def _mark_life_ms(certificate: CertificateType) -> int:
    """No shorter than what is stored under it is of use; when it is over, that is void."""
    return (certificate.ttl_s + certificate.stale_s + MAX_LOAD_S) * 1000


assert BLIND_FLIGHT_S <= TRUST_S  # who voids something waits for calls that began before, too
