# SPDX-License-Identifier: Apache-2.0
"""More requests than can be answered in time: refused early, cheaply and fairly.

A worker reads, in one turn of its event loop, whatever has arrived on all of its connections. Who
is read last has waited for the work of all the others, and who comes next waits for the whole turn.
So a turn is given a budget of work:

1. From what turns have cost follows how many requests one may take. Further ones are refused before
   anything of them is verified: a refusal costs a tenth of an answer. Nothing is queued here.
2. When a turn had to refuse, the next one deals the places out: each agency gets as many as it
   wants, as long as that is not more than an equal share; what is left goes to the others (max-min
   fairness). A flood of one agency takes nothing from the rest.
3. An agency is whoever signed the last request on the same connection: known without verifying, and
   not to be claimed by others. All connections that have shown nothing yet count as one.
4. Work is the thread's own time: a machine that stands still for a moment has not more to do.
5. Waiting for a department takes no time of the loop. It is bounded there (`gateway.registry`).
"""

import time
from collections.abc import Callable, Mapping
from typing import Final

from gateway.ports import Pressure

#: Seconds of work for one request, before any was seen.
_FIRST_COST_S: Final = 0.0002
#: How much one turn says about what a request costs, and what it must hold to say anything.
_WEIGHT: Final = 0.1
_MIN_COUNT: Final = 4
#: A refusal's cost as a part of an answer's: a flood of refusals must not make answers look dear.
_REFUSAL_PART: Final = 0.1


class TurnPressure(Pressure):
    """The requests of one worker.

    Args:
        budget_s: seconds of work that one turn may take.
        work_s: seconds that the thread has worked.
    """

    def __init__(
        self,
        budget_s: float,
        *,
        work_s: Callable[[], float] = time.thread_time,
    ) -> None:
        self._budget_s: Final = budget_s
        self._work_s: Final = work_s
        self._cost_s = _FIRST_COST_S
        self._began_s = 0.0
        self._count = self._admitted_count = 0
        self._asked: Final[dict[str, int]] = {}
        self._shares: Mapping[str, int] = {}
        self.limit = max(1, int(budget_s / _FIRST_COST_S))

    def admits(self, agency: str) -> bool:
        """Count one request, unless it has to be refused."""
        if not self._count:
            self._began_s = self._work_s()
        self._count += 1
        asked = self._asked[agency] = self._asked.get(agency, 0) + 1
        if self._shares:
            is_admitted = asked <= self._shares.get(agency, self.limit // (len(self._shares) + 1))
        else:
            is_admitted = self._count <= self.limit
        self._admitted_count += is_admitted
        return is_admitted

    def end_turn(self) -> None:
        """Learn what a request costs; deal out the next places if this turn had too few."""
        admitted_count = self._admitted_count
        if admitted_count >= min(_MIN_COUNT, self.limit):  # or it would never rise again
            charged_count = admitted_count + _REFUSAL_PART * (self._count - admitted_count)
            cost_s = (self._work_s() - self._began_s) / charged_count
            self._cost_s += _WEIGHT * (cost_s - self._cost_s)
            self.limit = max(1, int(self._budget_s / self._cost_s))
        self._shares = deal(self.limit, self._asked) if self._count > self.limit else {}
        self._asked.clear()
        self._count = self._admitted_count = 0


def deal(places: int, wanted: Mapping[str, int]) -> Mapping[str, int]:
    """Deal places out by max-min fairness; at least one for each who wants any."""
    shares: dict[str, int] = {}
    for position, (name, count) in enumerate(sorted(wanted.items(), key=lambda item: item[1])):
        left = places - sum(shares.values())
        shares[name] = max(1, min(count, left // (len(wanted) - position)))
    return shares
