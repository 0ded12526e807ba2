# SPDX-License-Identifier: Apache-2.0
"""When an adapter's own code does harm, it is not asked for a while. Pure, over a clock.

The breaker is about the department's system; this is about code that runs inside ours. Offences:

========  ========================================================================
blocked   it held the event loop, so that nobody in this worker was served
leaked    it left tasks behind that went on after the answer
exited    it tried to end the process, or ended its own
broken    `BREACHES` times in a row it raised what is no department error, or returned what
          is no sound answer
========  ========================================================================

What it *states* of its department is no offence, however often: a system that says HTTP 500 or
sends a page for people all night is down, and shut out it would be missed when it is up again.

`LIMIT` offences within `WINDOW_S` shut it out for `FIRST_S`, each time for twice as long, up to
`LONGEST_S`; who behaves for as long as it was shut out last, at least `WINDOW_S`, starts anew.
"""

import time
from collections import deque
from collections.abc import Callable
from typing import Final, Literal

Offence = Literal["blocked", "leaked", "exited", "broken"]

LIMIT: Final = 3
WINDOW_S: Final = 60.0
FIRST_S: Final = 30.0
LONGEST_S: Final = 3600.0
#: A single answer in between ends the row, so one caller's odd record shuts out nobody.
BREACHES: Final = 20


class Quarantine:
    """Counts offences of one adapter.

    Args:
        on_change: told when it is shut out or let in again; must not raise.
        clock_s: monotonic seconds.

    Attributes:
        reason: the last offence; empty while it is not shut out.
    """

    def __init__(
        self,
        *,
        on_change: Callable[[], None] = lambda: None,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.reason: Offence | Literal[""] = ""
        self._on_change: Final = on_change
        self._clock_s: Final = clock_s
        self._offences: Final[deque[float]] = deque(maxlen=LIMIT)
        self._breach_count = 0
        self._until_s = 0.0
        self._length_s = 0.0

    def remaining_s(self) -> float:
        """Seconds for which it is shut out; 0 is not at all."""
        if not self.reason:
            return 0.0
        left_s = self._until_s - self._clock_s()
        if left_s <= 0:
            self._let_in()
        return max(0.0, left_s)

    def offend(self, offence: Offence) -> None:
        """Count one offence."""
        now_s = self._clock_s()
        if self.reason:
            return
        self._offences.append(now_s)
        is_repeated = len(self._offences) == LIMIT and now_s - self._offences[0] <= WINDOW_S
        if offence == "broken" or is_repeated:
            self._shut_out(offence, now_s)

    def note_answer(self, *, is_sound: bool) -> None:
        """Count an answer, or a breach of the contract by the adapter's own code."""
        if is_sound:
            self._breach_count = 0
            return
        self._breach_count += 1
        if self._breach_count >= BREACHES:
            self.offend("broken")

    def release(self) -> None:
        """Let it in again, by an operator's word, and forget what was."""
        self._length_s = 0.0
        if self.reason:
            self._let_in()

    def _shut_out(self, offence: Offence, now_s: float) -> None:
        behaved_s = now_s - self._until_s
        if behaved_s >= max(WINDOW_S, self._length_s):
            self._length_s = 0.0
        self._length_s = min(LONGEST_S, 2 * self._length_s) or FIRST_S
        self._until_s = now_s + self._length_s
        self.reason = offence
        self._on_change()

    def _let_in(self) -> None:
        self.reason = ""
        self._offences.clear()
        self._breach_count = 0
        self._until_s = min(self._until_s, self._clock_s())
        self._on_change()
