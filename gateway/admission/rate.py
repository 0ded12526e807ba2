# SPDX-License-Identifier: Apache-2.0
"""How often: GCRA (ITU-T I.371 Annex A, virtual scheduling) for each agency and department.

1. In any window of t seconds at most burst + per_s · t requests are within the limit. Time is whole
   nanoseconds, so that no rounding adds up.
2. Only differences of the monotonic clock count; a clock that stands or steps back gives nothing.
3. A refused request costs nothing: whoever waits as told is within.
4. O(1) time for each request. Memory is bounded by registered agencies × adapters: nobody gets here
   who was not identified.
5. Each worker enforces its share, 1/workers of rate and burst (of the burst at least one request),
   so that no worker asks another. All together never allow more than was configured, but for that
   least one.
"""

import time
from collections.abc import Callable
from typing import Final

import msgspec

from gateway.model.agency import Agency
from gateway.model.limits import Allowance, LimitName, LimitsSection
from gateway.ports import RateLimits

_NS: Final = 1_000_000_000
#: One in eleven days; anything slower would write times that no header field can hold.
_LEAST_PER_S: Final = 1e-6


class Rate(msgspec.Struct, frozen=True):
    """One limit: `per_s` requests per second, `burst` (≥ 1) of them at once."""

    per_s: float
    burst: int


class GCRA:
    """One limit at work for one caller."""

    __slots__ = ("_due_ns", "_interval_ns", "_whole_ns", "rate")

    def __init__(self, rate: Rate) -> None:
        self.rate: Final = rate
        self._interval_ns: Final = -int(-_NS // rate.per_s)  # rounded up: never more than the rate
        self._whole_ns: Final = self._interval_ns * rate.burst
        self._due_ns: int | None = None  # when all that was taken is given back

    def take(self, name: LimitName, now_ns: int) -> Allowance:
        """Take one request, unless it is over the limit.

        Args:
            now_ns: of the monotonic clock, from any origin.
        """
        taken_ns = 0 if self._due_ns is None else max(0, self._due_ns - now_ns)
        over_ns = taken_ns + self._interval_ns - self._whole_ns
        if over_ns <= 0:
            taken_ns += self._interval_ns
            self._due_ns = now_ns + taken_ns
        return Allowance(
            name,
            quota=self.rate.burst,
            window_s=_seconds(self._whole_ns),
            remaining=max(0, self._whole_ns - taken_ns) // self._interval_ns,
            reset_s=_seconds(taken_ns),
            retry_after_s=_seconds(over_ns) if over_ns > 0 else None,
        )


class AgencyLimits(RateLimits):
    """The site's limits in one worker.

    Args:
        workers: that share the limits.
        clock_ns: monotonic nanoseconds.
    """

    def __init__(
        self,
        section: LimitsSection,
        *,
        workers: int,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._workers: Final = workers
        self._clock_ns: Final = clock_ns
        self._agency: Final = self._share(section.agency_per_s, section.agency_burst)
        self._department: Final = self._share(section.department_per_s, section.department_burst)
        self._taken: Final[dict[tuple[str, str], GCRA]] = {}

    def take_agency(self, agency: Agency) -> Allowance | None:
        """Count against the agency's own limit, or else the site's for every agency."""
        rate = self._agency
        if agency.per_s is not None:
            rate = self._share(agency.per_s, agency.burst)
        return self._take("agency", (agency.id, ""), rate)

    def take_department(self, agency: Agency, adapter: str) -> Allowance | None:
        """Count against the limit of this agency at this adapter."""
        return self._take("department", (agency.id, adapter), self._department)

    def _take(self, name: LimitName, key: tuple[str, str], rate: Rate | None) -> Allowance | None:
        if rate is None:
            return None
        limit = self._taken.get(key)
        if limit is None or limit.rate != rate:  # a reloaded agency may bring another rate
            limit = self._taken[key] = GCRA(rate)
        return limit.take(name, self._clock_ns())

    def _share(self, per_s: float, burst: int) -> Rate | None:
        if not per_s:
            return None
        share = max(per_s, _LEAST_PER_S) / self._workers
        return Rate(share, max(1, int((burst or per_s) / self._workers)))


def _seconds(span_ns: int) -> int:
    """Rounded up: who waits that long has waited long enough."""
    return -(-span_ns // _NS)
