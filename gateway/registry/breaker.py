# SPDX-License-Identifier: Apache-2.0
"""The circuit breaker of one department: a pure state machine over a clock, owned by one loop.

::

    closed ── failures, or calls that hang ──▶ open ── a ping works, or a trial ──▶ half_open
      ▲                                          ▲                                     │
      │                                          └──────── the lookup fails ───────────┤
      └──────────────────────────────────────────────── a lookup is answered ──────────┘

Rules:

1. It opens on a share of failures in a rolling window, or at once on calls in a row without an
   answer. A call that is out for `hang_s` counts as one before it ends, so that a department that
   hangs is noticed after `hang_s` and not after its timeout. So do calls that their callers left
   sooner, once they have waited `hang_s` in all and nothing was answered in between.
2. Only *not reached* and *no answer* are failures. A department that answers nonsense about one
   record, or refuses our sign-in, does answer; and one caller's odd record must not shut out all.
3. While it is not closed, at most one probe leaves in `probe_interval_s`: a ping, or, once a ping
   has worked, one real lookup at a time. A ping that always fails does not keep it open for ever:
   after `TRIAL_S` a real lookup goes first, and a ping leaves only where nobody asked for a whole
   interval, so that the return of a department that nobody asks is noticed all the same.
4. A real answer closes it, also a late one of a call that began before it opened.
"""

import math
import time
from collections.abc import Callable
from typing import Final, Literal

from gateway.errors import AdapterUnavailable
from gateway.model.site import BreakerSection
from gateway.registry.window import Window

State = Literal["closed", "open", "half_open"]
#: How one call ended: the department answered; it could not be reached; no answer in time; the
#: caller left, which says nothing about the department by itself.
Ending = Literal["answered", "away", "timeout", "left"]

#: Seconds after which a department whose pings fail is tried with a real lookup.
TRIAL_S: Final = 30.0


class Call:
    """One lookup at the department.

    Attributes:
        began_at_s: on the breaker's clock.
        is_probe: it is the one that decides a half-open breaker.
    """

    __slots__ = ("began_at_s", "is_probe")

    def __init__(self, began_at_s: float, *, is_probe: bool) -> None:
        self.began_at_s: Final = began_at_s
        self.is_probe: Final = is_probe


class Breaker:
    """Lets calls through, or refuses them at once.

    Args:
        settings: when it opens.
        probe_interval_s: seconds between two probes of this process.
        on_change: told after each change of state; must not raise.
        clock_s: monotonic seconds.

    Attributes:
        state: as drawn above.
        reason: the code of what opened it; empty while it is closed.
    """

    def __init__(
        self,
        settings: BreakerSection,
        *,
        probe_interval_s: float = 1.0,
        on_change: Callable[[], None] = lambda: None,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.state: State = "closed"
        self.reason = ""
        self._settings: Final = settings
        self._probe_interval_s: Final = probe_interval_s
        self._on_change: Final = on_change
        self._clock_s: Final = clock_s
        self._window: Final = Window(settings.window_s)
        self._out: Final[dict[Call, None]] = {}  # in the order in which they began
        self._unanswered_count = 0
        self._left_s = 0.0  # waited by who left since the last answer, as far as it was not counted
        self._answered_at_s = -math.inf
        self._probe: Call | None = None
        self._probe_at_s = -math.inf
        self._trial_at_s = math.inf

    def check(self) -> None:
        """Refuse at once what could not begin now.

        Raises:
            AdapterUnavailable: not closed, and no probe is due.
        """
        now_s = self._clock_s()
        if self.state == "closed":
            self._look_for_a_hang(now_s)
        if self.state != "closed" and not self._may_probe(now_s):
            wait_s = max(1, math.ceil(self._probe_at_s - now_s))
            raise AdapterUnavailable(
                f"the breaker is {self.state}: {self.reason}", retry_after_s=wait_s
            )

    def begin(self) -> Call:
        """Let one call through; every call that begins has to `end`.

        Raises:
            AdapterUnavailable: as `check`.
        """
        self.check()
        now_s = self._clock_s()
        call = Call(now_s, is_probe=self.state != "closed")
        if call.is_probe:
            self._probe = call
            self._probe_at_s = now_s + self._probe_interval_s
            self._change("half_open", self.reason)
        self._out[call] = None
        return call

    def end(self, call: Call, ending: Ending) -> None:
        """Take how a call ended."""
        now_s = self._clock_s()
        del self._out[call]
        if call is self._probe:
            self._probe = None
        if ending == "left":
            self._left_s += now_s - call.began_at_s
            if self._left_s < self._settings.hang_s:
                return
            ending, self._left_s = "timeout", 0.0  # nobody waits that long for one that answers
        if ending == "answered":
            self._answered_at_s = now_s
            self._unanswered_count, self._left_s = 0, 0.0
            self._window.count(now_s, is_failure=False)
            if self.state != "closed":
                self._window.clear()
                self._change("closed", "")
            return
        if self.state == "closed" or call.is_probe:  # what hung before it opened says nothing new
            self._fail(now_s, is_timeout=ending == "timeout")

    def take_ping(self) -> bool:
        """Whether a ping may leave now; while not closed it counts as the probe."""
        now_s = self._clock_s()
        if self.state == "closed":
            return True
        is_trial_due = now_s >= self._trial_at_s
        due_s = self._probe_at_s + (self._probe_interval_s if is_trial_due else 0.0)
        if self.state == "half_open" or now_s < due_s:
            return False  # the next probe is a lookup's, or none is due
        self._probe_at_s = now_s + self._probe_interval_s
        return True

    def end_ping(self, ending: Ending) -> None:
        """Take how a ping ended. One that works is no lookup that works: it only half-opens."""
        if ending == "answered":
            if self.state == "open":
                self._change("half_open", self.reason)
        elif ending != "left" and self.state == "closed":
            self._fail(self._clock_s(), is_timeout=ending == "timeout")

    def _may_probe(self, now_s: float) -> bool:
        if self._probe is not None or now_s < self._probe_at_s:
            return False
        return self.state == "half_open" or now_s >= self._trial_at_s

    def _look_for_a_hang(self, now_s: float) -> None:
        """Count calls that are out too long, while nothing at all was answered since they began."""
        overdue = 0
        for call in self._out:
            if now_s - call.began_at_s < self._settings.hang_s:
                break  # the later ones are younger
            if call.began_at_s < self._answered_at_s:
                continue
            overdue += 1
            if overdue + self._unanswered_count >= self._settings.timeout_count:
                self._open(now_s, "PROVIDER_TIMEOUT")
                break

    def _fail(self, now_s: float, *, is_timeout: bool) -> None:
        code = "PROVIDER_TIMEOUT" if is_timeout else "PROVIDER_UNAVAILABLE"
        self._window.count(now_s, is_failure=True)
        self._unanswered_count += is_timeout
        settings = self._settings
        if (
            self.state == "half_open"
            or self._unanswered_count >= settings.timeout_count
            or self._window.is_failing(now_s, settings.failure_percent, settings.min_count)
        ):
            self._open(now_s, code)

    def _open(self, now_s: float, code: str) -> None:
        self._probe_at_s = max(self._probe_at_s, now_s + self._probe_interval_s)
        self._trial_at_s = now_s + TRIAL_S
        self._change("open", code)

    def _change(self, state: State, reason: str) -> None:
        if (state, reason) != (self.state, self.reason):
            self.state, self.reason = state, reason
            self._on_change()
