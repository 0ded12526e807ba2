# SPDX-License-Identifier: Apache-2.0
"""Once, and not more often than granted: nonces and daily quotas, decided in the log's order.

Rules:

1. Nonce first, then quota. When the quota is used up the nonce still counts as used.
2. A nonce is remembered until its signature is too old by itself, plus `GRACE_S`. A claim that
   comes later than that cannot be decided any more and is refused.
3. Memory is bounded: at most `capacity` nonces of about 105 bytes, 110 MB for the default. When
   it is full, claims are refused (fail closed); none is forgotten early. If the log holds
   more that count, as under a clock set far back, claims are refused until all that found no room
   have expired, which they do when the clock is put right: the log is not read again for that.
4. Quotas are counted for the current day only (and for yesterday, `GRACE_S` into a new day).
5. What was forgotten stays refused: after a step of the clock, forth and back, claims are too late
   until time has caught up or the log has been read again; `is_ahead` says that it has to be.
6. A nonce is known by its 64-bit hash, which Python keys anew in each process: two that differ
   are taken for one once in 10^13 claims, which refuses a claim and never accepts one.
7. Nothing here is durable. After a start and after a failure of the store it is made again from
   the log, which is the truth: nonces from what was signed, quotas from permits.
"""

import re
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Annotated, Final, Literal, final

import msgspec

from gateway.errors import RequestError
from gateway.httpsig import sfv
from gateway.ports import Claim, Quota

GRACE_S: Final = 30
DEFAULT_CAPACITY: Final = 1 << 20

Ruling = Literal["accepted", "replayed", "over_quota", "overloaded", "too_late"]


class _Decision(msgspec.Struct):
    result: str


class _Request(msgspec.Struct):
    signature_input: str


#: What `Entry.time` has to be, for the day and the age to be known after a start.
RecordedTime = Annotated[datetime, msgspec.Meta(tz=True)]


class _Recorded(msgspec.Struct):
    """The members of a record that matter here; acts and events have not all of them."""

    time: RecordedTime
    keyid: str = ""
    grant: str | None = None
    decision: _Decision | None = None
    request: _Request | None = None


_parse = msgspec.json.Decoder(_Recorded).decode
# Components without parameters, then parameters in any order; a string may hold what looks like
# one, so strings are read whole. No parameter stands there twice: admission has refused that.
_USUAL: Final = re.compile(
    r'\((?:"[@a-z0-9-]+"[ )])+'
    r'(?:;(?:created=([0-9]{1,15})|nonce="([A-Za-z0-9_-]+)"'
    r'|[a-z]+=(?:[0-9]+|"[ !#-\[\]-~]*")))+'
)


@final
class Claims:
    """What this sequencer has accepted.

    Args:
        window_s: seconds after `created` at which a signature is too old.
        utc_offset_h: hours east of UTC of the site's days.
        clock: UNIX seconds.
        capacity: nonces remembered at most.
    """

    def __init__(
        self,
        *,
        window_s: int,
        utc_offset_h: float,
        clock: Callable[[], float] = time.time,
        capacity: int = DEFAULT_CAPACITY,
    ) -> None:
        self._window_s: Final = window_s
        self._zone: Final = timezone(timedelta(hours=utc_offset_h))
        self._clock: Final = clock
        self._capacity: Final = capacity
        self._nonces: dict[int, set[int]] = {}  # by the window in which they expire
        self._nonce_count = 0
        self._unknown_until_s = 0  # when the last nonce expires for which there was no room
        self._counts: dict[str, Counter[str]] = {}  # day → grant → permits
        self._days: frozenset[str] = frozenset()  # those counted now
        self._swept_at_s = 0  # the latest second that was seen

    @property
    def is_ahead(self) -> bool:
        """Whether they are of a time so far ahead of the clock that nothing can be decided."""
        return self._clock() < self._swept_at_s - GRACE_S

    def decide(self, claim: Claim) -> Ruling:
        """Decide one claim; accepted means: remembered and counted."""
        now_s, expires_at_s = self._now_s(), claim.expires_at_s
        earliest_s = self._swept_at_s - GRACE_S
        if not earliest_s <= expires_at_s <= now_s + 2 * self._window_s + GRACE_S:
            return "too_late"
        nonce = hash((claim.keyid, claim.nonce))
        for bucket in self._nonces.values():  # four at most
            if nonce in bucket:
                return "replayed"
        if self._nonce_count >= self._capacity or self._unknown_until_s >= earliest_s:
            return "overloaded"
        self._remember(nonce, expires_at_s)
        return "accepted" if claim.quota is None else self._count(claim.quota)

    def restore(self, entry: bytes) -> bool:
        """Take an entry of the log into account.

        Returns:
            Whether it is young enough to matter.

        Raises:
            msgspec.DecodeError, UnicodeDecodeError: not an entry.
        """
        recorded, now_s = _parse(entry), self._now_s()
        at_s = recorded.time.timestamp()
        day = self._day(at_s)
        decision, request = recorded.decision, recorded.request
        is_permit = decision is not None and decision.result == "permit"
        if is_permit and recorded.grant and day in self._days:
            self._counts.setdefault(day, Counter())[recorded.grant.partition("@")[0]] += 1
        # Its `created` lies at most a window before its `time`, and counts for a window more.
        is_fresh = at_s >= now_s - 2 * self._window_s - GRACE_S
        if is_fresh and request and (signed := _signed(request.signature_input)):
            created, nonce = signed
            expires_at_s = created + self._window_s
            if expires_at_s >= now_s - GRACE_S:
                if self._nonce_count >= self._capacity:
                    self._unknown_until_s = max(self._unknown_until_s, expires_at_s)
                else:
                    self._remember(hash((recorded.keyid, nonce)), expires_at_s)
        return is_fresh or day >= min(self._days)

    def _remember(self, nonce: int, expires_at_s: int) -> None:
        bucket = self._nonces.setdefault(expires_at_s // self._window_s, set())
        self._nonce_count += nonce not in bucket
        bucket.add(nonce)

    def _now_s(self) -> int:
        """The clock; once in each new second, what is out of time is forgotten."""
        now_s = int(self._clock())
        if now_s > self._swept_at_s:
            self._sweep(now_s)
        return now_s

    def _sweep(self, now_s: int) -> None:
        self._swept_at_s = now_s
        self._days = frozenset({self._day(now_s - GRACE_S), self._day(now_s + 1)})
        oldest = (now_s - GRACE_S) // self._window_s
        for window in [window for window in self._nonces if window < oldest]:
            self._nonce_count -= len(self._nonces.pop(window))
        for day in self._counts.keys() - self._days:
            del self._counts[day]

    def _count(self, quota: Quota) -> Ruling:
        if quota.day not in self._days:
            return "too_late"
        counts = self._counts.setdefault(quota.day, Counter())
        if counts[quota.grant] >= quota.cap:
            return "over_quota"
        counts[quota.grant] += 1
        return "accepted"

    def _day(self, at_s: float) -> str:
        return datetime.fromtimestamp(at_s, self._zone).date().isoformat()


def _signed(signature_input: str) -> tuple[int, str] | None:
    """`created` and nonce of a signature's parameters; None when none was understood.

    What nearly every client prints is read by one pattern: a start under load has 160 s of entries
    to read, and callers wait for it.
    """
    if (usual := _USUAL.fullmatch(signature_input)) and usual[1] and usual[2]:
        return int(usual[1]), usual[2]
    try:
        member = sfv.parse_dictionary((f"s={signature_input}",), field="signature_input")["s"]
        return (
            sfv.parse_integer(member.parameters["created"], "created"),
            sfv.parse_string(member.parameters["nonce"], "nonce"),
        )
    except (RequestError, KeyError):
        return None
