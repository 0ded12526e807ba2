# SPDX-License-Identifier: Apache-2.0
"""The guard around one adapter: whatever happens behind it, the gateway sees an answer in time.

Rules:

1. A lookup ends at the earlier of the request's deadline and the adapter's `timeout_s`.
2. At most `concurrency` lookups are at the department, and as many wait; further ones are refused
   at once, so that a slow department fills its own queue and nobody else's.
3. A department that fails or hangs is left alone by the breaker, an adapter whose own code does
   harm by the quarantine; both refuse at once, and turn away whoever waits in the queue.
4. What leaves is a checked answer, a `DepartmentError` that names the adapter, or the caller's own
   cancellation. Any other exception is its code's breach of contract (`registry.foreign`).
5. Nothing is asked twice: neither retried nor hedged. A second question about a person is a second
   access; what is idempotent is known to the adapter's kit, which has a budget for it.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

import structlog

from gateway.errors import AdapterTimeout, AdapterUnavailable, DepartmentError
from gateway.model.answer import Found, NotFound, Verified
from gateway.model.site import BreakerSection
from gateway.registry.breaker import Breaker, Call, Ending
from gateway.registry.foreign import AdapterCodeBroken, ask_foreign, checked
from gateway.registry.observer import AdapterObserver, Outcome, State, Unobserved
from gateway.registry.quarantine import Quarantine
from gateway.registry.scope import Ledger, Scope
from gateway.registry.slots import Slots
from gateway.sdk import Adapter, AdapterContext, Deadline, Query
from gateway.sdk.contract import check_answer, check_verified

_log = structlog.get_logger()
T = TypeVar("T")

#: Seconds before its limit from which on a call that is cancelled has timed out: the corridor's own
#: deadline and ours end in the same moment, and either may be heard first.
_LIMIT_MARGIN_S: Final = 0.02
#: A shorter claim (`1`, `男`) would be found in ordinary words.
_MIN_CLAIM_LENGTH: Final = 2


class Guard:
    """One adapter instance, safe to share by all requests of one event loop.

    Args:
        name: the adapter's name in the site.
        adapter: made, not yet opened; the guard takes over its life.
        timeout_s: seconds for one lookup.
        concurrency: lookups at the department at once; as many again may wait.
        breaker: when a department that fails is left alone.
        probe_interval_s: seconds between two probes of this process.
        verifies: whether the adapter compares claims by itself.
        ledger: of this event loop.
        observer: told what happens.

    Attributes:
        verifies: as it was given.
        answered_at_s: when the department last answered, monotonic.
        changed: set when the state changes, for who waits for it.
    """

    def __init__(
        self,
        name: str,
        adapter: Adapter[Any],
        *,
        timeout_s: float,
        concurrency: int,
        breaker: BreakerSection | None = None,
        probe_interval_s: float = 1.0,
        verifies: bool = False,
        ledger: Ledger | None = None,
        observer: AdapterObserver | None = None,
    ) -> None:
        self.name: Final = name
        self.verifies: Final = verifies
        self.answered_at_s = -math.inf
        self.changed: Final = asyncio.Event()
        self._adapter: Final = adapter
        self._timeout_s: Final = timeout_s
        self._slots: Final = Slots(concurrency)
        self._ledger: Final = ledger or Ledger()
        self._observer: Final = observer or Unobserved()
        self._life: Final = Scope(name, self._ledger, self, is_life=True)
        self._shown: State = "closed"
        self._ping_code = "ok"
        self._quarantine: Final = Quarantine(on_change=self._on_change)
        self._breaker: Final = Breaker(
            breaker or BreakerSection(),
            probe_interval_s=probe_interval_s,
            on_change=self._on_change,
        )
        self._observer.note_state(name, self._shown)

    async def open(self, context: AdapterContext) -> None:
        """Open the adapter; errors are the caller's to name."""
        await self._life.run(lambda: self._adapter.open(context))

    async def aclose(self) -> None:
        """Close the adapter, also after an `open` that failed."""
        try:
            await self._life.run(self._adapter.aclose)
        finally:
            self._life.close()

    @property
    def state(self) -> State:
        """Whether it is asked: `closed` is the breaker's word for yes."""
        return "quarantined" if self._quarantine.remaining_s() else self._breaker.state

    @property
    def health(self) -> str:
        """`ok`, the code of a failing ping, or the state with its reason."""
        if (state := self.state) == "closed":
            return self._ping_code
        reason = self._quarantine.reason if state == "quarantined" else self._breaker.reason
        return f"{state}: {reason}"

    @property
    def waiting_count(self) -> int:
        """How many lookups wait for a place at the department."""
        return self._slots.waiting_count

    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        """Ask the department.

        Raises:
            DepartmentError: with `adapter` set; nothing else, whatever the adapter raised.
        """
        return await self._ask(
            query,
            deadline,
            lambda limit: self._adapter.lookup(query, limit),
            lambda answer: check_answer(answer, query.certificate, query.holder),
        )

    async def verify(self, query: Query, deadline: Deadline) -> Verified | NotFound | None:
        """Let the department compare `query.claims`; raises as `lookup` does."""
        return await self._ask(
            query,
            deadline,
            lambda limit: self._adapter.verify(query, query.claims, limit),
            lambda answer: check_verified(answer, query.claims),
        )

    async def ping(self, deadline: Deadline) -> None:
        """Ask whether the department's system works; takes no slot, so a full queue is no lie.

        Nothing is asked where the state allows no probe now; `health` tells what is known.

        Raises:
            DepartmentError: as `lookup`.
        """
        if self._quarantine.remaining_s() or not self._breaker.take_ping():
            return
        ending: Ending = "left"
        try:
            await ask_foreign(self._scope(), self._adapter.ping, deadline)
            ending = "answered"
            self._ping_code = "ok"
        except DepartmentError as error:
            ending = _ending_of(error)
            self._ping_code = error.code
            raise self._named(error) from None
        finally:
            self._breaker.end_ping(ending)

    def release(self) -> None:
        """End a quarantine, by an operator's word."""
        self._quarantine.release()

    def note_stall(self) -> None:
        """The adapter's process does not answer."""
        self.tell_stall()
        self.count_stall()

    def tell_stall(self) -> None:
        """Tell that the adapter's code holds the loop; from the watchdog's thread, meanwhile."""
        _log.error("adapter blocks its event loop", adapter=self.name)
        self._observer.note_offence(self.name, "blocked")

    def count_stall(self) -> None:
        """Count a stall that was told; on the loop, afterwards."""
        self._quarantine.offend("blocked")

    def note_leak(self, names: list[str]) -> None:
        """A call left tasks behind; they were cancelled."""
        _log.warning("adapter left tasks behind", adapter=self.name, tasks=names)
        self._observer.note_offence(self.name, "leaked", len(names))
        self._quarantine.offend("leaked")

    def note_exit(self) -> None:
        """The adapter's code tried to end the process, or its own process ended."""
        _log.warning("adapter exited", adapter=self.name)
        self._observer.note_offence(self.name, "exited")
        self._quarantine.offend("exited")

    async def _ask(
        self,
        query: Query,
        deadline: Deadline,
        call: Callable[[Deadline], Awaitable[object]],
        check: Callable[[object], T],
    ) -> T:
        limit = deadline.within(self._timeout_s)
        outcome: Outcome = "turned_away"
        began_s = time.monotonic()
        try:
            self._check_quarantine()
            if not self._slots.take():
                self._breaker.check()  # nobody waits for what lets nobody through
                await self._slots.acquire(limit)
            out = self._begin()
            outcome = "left"
            answer = await self._call(out, limit, call)
            sound = checked(check, answer)
            outcome = "answered"
        except DepartmentError as error:
            if outcome == "left":
                outcome = _OUTCOMES[error.code]
            if isinstance(error, AdapterCodeBroken):
                self._quarantine.note_answer(is_sound=False)
            raise self._named(error, query) from None
        finally:
            self._observer.note_call(self.name, outcome, time.monotonic() - began_s)
        self._quarantine.note_answer(is_sound=True)
        return sound

    def _check_quarantine(self) -> None:
        if out_s := self._quarantine.remaining_s():
            raise AdapterUnavailable(
                f"quarantined: {self._quarantine.reason}", retry_after_s=math.ceil(out_s)
            )

    def _begin(self) -> Call:
        """Go in, with the place that was taken, unless the breaker refuses; `_call` leaves."""
        try:
            return self._breaker.begin()
        except AdapterUnavailable:
            self._slots.release()
            raise

    async def _call(
        self, out: Call, limit: Deadline, call: Callable[[Deadline], Awaitable[object]]
    ) -> object:
        ending: Ending = "left"
        try:
            answer = await ask_foreign(self._scope(), lambda: call(limit), limit)
            ending = "answered"
        except DepartmentError as error:
            ending = _ending_of(error)
            raise
        except asyncio.CancelledError:
            ending = "timeout" if limit.remaining_s <= _LIMIT_MARGIN_S else "left"
            raise
        finally:
            self._breaker.end(out, ending)
            self._slots.release()
        self.answered_at_s = time.monotonic()
        return answer

    def _scope(self) -> Scope:
        return Scope(self.name, self._ledger, self)

    def _on_change(self) -> None:
        state = self.state
        self.changed.set()
        if state == self._shown:
            return
        self._shown = state
        self._observer.note_state(self.name, state)
        _log.warning("adapter is in another state", adapter=self.name, health=self.health)
        if state in {"open", "quarantined"}:
            self._slots.turn_away(self.health, retry_after_s=1)

    def _named(self, error: DepartmentError, query: Query | None = None) -> DepartmentError:
        error.adapter = self.name
        if query is not None and any(word in error.cause for word in _words_of(query)):
            error.cause = "withheld: it held personal data"
        return error


#: The codes of department errors, which are outcomes by the same names.
_OUTCOMES: Final[dict[str, Outcome]] = {
    "PROVIDER_UNAVAILABLE": "PROVIDER_UNAVAILABLE",
    "PROVIDER_TIMEOUT": "PROVIDER_TIMEOUT",
    "PROVIDER_ERROR": "PROVIDER_ERROR",
    "PROVIDER_REFUSED": "PROVIDER_REFUSED",
}


def _ending_of(error: DepartmentError) -> Ending:
    match error:
        case AdapterTimeout():
            return "timeout"
        case AdapterUnavailable():
            return "away"
        case _:
            return "answered"


def _words_of(query: Query) -> list[str]:
    """What of a question may not stand in a cause."""
    words = [query.holder.number, query.holder.name or ""]
    claims = [str(claim) for claim in query.claims.values()]
    return [word for word in words if word] + [
        claim for claim in claims if len(claim) >= _MIN_CLAIM_LENGTH
    ]
