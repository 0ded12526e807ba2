# SPDX-License-Identifier: Apache-2.0
"""More requests than can be answered in time: refused early, cheaply and fairly.

A worker reads, in one turn of its event loop, whatever has arrived on all of its connections. The
work done since the turn began is what the last of them has waited for already, and what the next
turn's will wait for. So a turn is given a budget, of the thread's own time: a machine that is slow
for a moment has not more to do for it.

1. In its first half everybody is admitted. In the second half only agencies that have had less
   than an equal share of this turn. Beyond it nobody.
2. Whoever is refused is so before anything is verified, which is four fifths of an answer. So the
   key id is only claimed: by naming another's key one can use up his share of the second half, but
   not keep him out of the first.
3. Nothing is queued here: who is refused is told to come again.
4. Waiting for a department takes no time of the loop. It is bounded there (`gateway.registry`).
"""

import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from gateway.ports import Pressure


class TurnPressure(Pressure):
    """The requests of one worker.

    Args:
        budget_s: seconds of work that one turn may take.
        at_end_of_turn: has something called when the turn has ended, as a loop's `call_soon`.
        agency_of: the agency of a key id; empty where it is unknown.
        clock_s: seconds of the thread.
    """

    def __init__(
        self,
        budget_s: float,
        *,
        at_end_of_turn: Callable[[Callable[[], None]], object],
        agency_of: Callable[[str], str],
        clock_s: Callable[[], float] = time.thread_time,
    ) -> None:
        self._budget_s: Final = budget_s
        self._at_end_of_turn: Final = at_end_of_turn
        self._agency_of: Final = agency_of
        self._clock_s: Final = clock_s
        self._began_s: float | None = None
        self._admitted: Final[Counter[str]] = Counter()

    def admits(self, keyid: str) -> bool:
        """Count one request that claims to be signed by this key, unless it has to be refused."""
        now_s = self._clock_s()
        if self._began_s is None:
            self._began_s = now_s
            self._admitted.clear()
            self._at_end_of_turn(self._end_turn)
        waited_s = now_s - self._began_s
        if waited_s > self._budget_s:
            return False
        agency = self._agency_of(keyid)
        admitted = self._admitted
        if waited_s > self._budget_s / 2:
            share = admitted.total() / (len(admitted) + (agency not in admitted))
            if admitted[agency] >= share:
                return False
        admitted[agency] += 1
        return True

    def _end_turn(self) -> None:
        self._began_s = None
