# SPDX-License-Identifier: Apache-2.0
"""More requests than can be answered in time: refused early, cheaply and fairly.

A worker reads, in one turn of its event loop, whatever has arrived on all of its connections. Who
is read last has waited for the work of all the others, and who comes next waits for the whole turn.
So a turn is given a budget of work:

1. From what turns have cost follows how many requests one may take. Further ones are refused before
   anything of them is verified: a refusal costs a sixth of an answer. Nothing is queued here. When
   many come, refusing them takes its part of the budget: else the turn, and with it everybody's
   wait, would be as long as the crowd is large.
2. When a turn had to refuse, the next one deals the places out: each agency gets as many as it
   wants, as long as that is not more than an equal share; what is left goes to the others (max-min
   fairness). A flood of one agency takes nothing from the rest. Its places stay an agency's over
   some turns that refuse nobody, ever fewer of those that it does not use: a flood comes in waves.
3. An agency is whoever signed the last request on the same connection: known without verifying, and
   not to be claimed by others. All connections that have shown nothing yet count as one.
4. Work is the thread's own time: a machine that stands still for a moment has not more to do. All
   of it counts, from one turn's end to the next: answers are signed and sent between them.
   But not where the loop was idle most of the time and few came: then what it did besides (a look
   at files, a heartbeat) would make a lone request dear, and close the door to the next ten.
5. What is cheap must not make answers look cheap: refusals, and what was admitted and failed before
   it was looked up (strangers' signatures). Each counts as a part of a request, and a turn in which
   more failed than were looked up teaches nothing.
6. What holds the loop once closes no door: one turn makes requests dearer by a part at most.
7. Waiting for a department takes no time of the loop. It is bounded there (`gateway.registry`).
"""

import time
from collections.abc import Callable, Mapping
from typing import Final

from gateway.ports import Pressure

#: Seconds of work for one request before any was seen, and as if so many had been.
_FIRST_COST_S: Final = 0.0002
_FIRST_COUNT: Final = 16
#: A turn that cost many times what was usual had something else to do: a reload, an adapter's code.
_DEAREST: Final = 3.0
#: A turn of fewer teaches nothing unless the loop worked for more than this part of the time.
_FEW: Final = 8
_BUSY_PART: Final = 0.5
#: Turns that refuse nobody, after which all places are anybody's again.
_CALM_COUNT: Final = 16
#: How much of what earlier turns said still counts after one more.
_MEMORY: Final = 0.9
#: Costs as parts of an answer's: of a refusal, and of what fails before it is looked up.
_REFUSAL_PART: Final = 0.15
_FAILURE_PART: Final = 0.3


class TurnPressure(Pressure):
    """The requests of one worker.

    Args:
        budget_s: seconds of work that one turn may take.
        work_s: seconds that the thread has worked.
        clock_s: monotonic seconds.

    Attributes:
        limit: how many requests the turn may take.
    """

    def __init__(
        self,
        budget_s: float,
        *,
        work_s: Callable[[], float] = time.thread_time,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._budget_s: Final = budget_s
        self._work_s: Final = work_s
        self._clock_s: Final = clock_s
        self._ended_at_s = clock_s()
        self._recent_s = _FIRST_COUNT * _FIRST_COST_S
        self._recent_count: float = _FIRST_COUNT
        self._ended_s: float | None = None
        self._count = self._admitted_count = 0
        self._asked: Final[dict[str, int]] = {}
        self._shares: Mapping[str, int] = {}
        self._reserved_count = self._calm_count = 0
        self.limit = max(1, int(budget_s / _FIRST_COST_S))

    def admits(self, agency: str) -> bool:
        """Count one request, unless it has to be refused."""
        if self._ended_s is None:  # what the thread did before the first request is no request's
            self._ended_s = self._work_s()
        self._count += 1
        asked = self._asked[agency] = self._asked.get(agency, 0) + 1
        if self._shares and asked <= self._share_of(agency):
            self._reserved_count -= agency in self._shares
            is_admitted = True
        else:
            is_admitted = self._admitted_count + self._reserved_count < self.limit
        self._admitted_count += is_admitted
        return is_admitted

    def end_turn(self, looked_up_count: int) -> None:
        """Learn what a request costs; deal out the next places if this turn had too few."""
        now_s, at_s = self._work_s(), self._clock_s()
        if self._ended_s is not None:
            took_s, lasted_s = now_s - self._ended_s, at_s - self._ended_at_s
            if self._count >= _FEW or took_s >= _BUSY_PART * lasted_s:
                self._learn(took_s, looked_up_count)
        self._ended_s, self._ended_at_s = now_s, at_s
        if not self._count:
            return  # those who had been refused before were told so
        self.limit = self._places(self._count)
        if self._count > min(self._admitted_count, self.limit):
            self._shares, self._calm_count = deal(self.limit, self._asked), 0
        elif self._shares:
            self._calm_count += 1
            self._shares = {} if self._calm_count >= _CALM_COUNT else self._shares_used()
        self._reserved_count = sum(self._shares.values())
        self._asked.clear()
        self._count = self._admitted_count = 0

    def _share_of(self, agency: str) -> int:
        """Places that are an agency's; one that had none before gets an equal share."""
        share = self._shares.get(agency)
        return max(1, self.limit // (len(self._shares) + 1)) if share is None else share

    def _shares_used(self) -> Mapping[str, int]:
        """Half of what was not asked for is anybody's again; one place each stays."""
        asked = self._asked
        return {
            agency: min(share, max(1, share // 2, asked.get(agency, 0)))
            for agency, share in self._shares.items()
        }

    def _learn(self, took_s: float, looked_up_count: int) -> None:
        failed_count = self._admitted_count - looked_up_count
        if looked_up_count < max(1, failed_count):
            return
        refused_count = self._count - self._admitted_count
        charged_count = looked_up_count + _FAILURE_PART * failed_count
        charged_count += _REFUSAL_PART * refused_count
        usual_s = charged_count * self._recent_s / self._recent_count
        took_s = min(took_s, _DEAREST * usual_s)
        self._recent_s = _MEMORY * self._recent_s + took_s
        self._recent_count = _MEMORY * self._recent_count + charged_count

    def _places(self, count: int) -> int:
        """How many of as many requests again may be answered, if the others are refused meanwhile.

        With `n` answers and `count - n` refusals the turn takes its budget. Refusing alone may take
        more than that; half of the budget is for answers whatever comes.
        """
        whole = self._budget_s * self._recent_count / self._recent_s
        beside_refusals = (whole - _REFUSAL_PART * count) / (1 - _REFUSAL_PART)
        return max(1, int(min(whole, max(beside_refusals, whole / 2))))


def deal(places: int, wanted: Mapping[str, int]) -> Mapping[str, int]:
    """Deal places out by max-min fairness; at least one for each who wants any."""
    shares: dict[str, int] = {}
    for position, (name, count) in enumerate(sorted(wanted.items(), key=lambda item: item[1])):
        left = places - sum(shares.values())
        shares[name] = max(1, min(count, left // (len(wanted) - position)))
    return shares
