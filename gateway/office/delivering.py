# SPDX-License-Identifier: Apache-2.0
"""The clerk's duty of delivering events, to each agency at its own pace.

Rules:

1. A receiver that fails, hangs or is slow holds up nobody else: each agency has a task of its own
   while something is due to it.
2. An attempt that was not taken is made again after a pause that doubles up to `max_pause_s`, with
   jitter, so that receivers that come back are not met by all at once.
3. While a receiver is away, one event at a time is tried for all; else each event waits for itself.
4. Only changes are logged.
"""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final, Literal, final

import structlog

from gateway.errors import StoreError
from gateway.model.events_section import EventsSection, Subscription
from gateway.office.courier import Carried, Courier
from gateway.office.deliveries import Backlog, Deliveries, Due
from gateway.sdk import Deadline

_log = structlog.get_logger()
#: Seconds between two looks at the store while nothing is due.
_LOOK_S: Final = 0.2
_WRITE_S: Final = 5.0
#: Seconds at a stop for what is on the way; the supervisor waits for three.
_LINGER_S: Final = 1.5
#: Events on the way to one receiver at once.
_AT_ONCE: Final = 4
_MAX_DOUBLINGS: Final = 16

Result = Literal["taken", "refused", "away", "dead"]
#: Told after each attempt, and at each look.
OnAttempt = Callable[[Result], None]
OnLook = Callable[[Backlog], None]


@final
class _Receiver:
    """How an agency's receiver fared; known to this process only."""

    def __init__(self) -> None:
        self.failures = 0
        self.next_at_s = 0.0
        self.is_busy = False


@final
class Delivering:
    """Delivers what is due.

    Args:
        subscriptions: where to, as of now, by agency; asked once for each look.
        on_attempt: told what became of one.
        on_look: told how far behind deliveries are.
    """

    def __init__(
        self,
        deliveries: Deliveries,
        courier: Courier,
        section: EventsSection,
        *,
        subscriptions: Callable[[], Mapping[str, Subscription]],
        on_attempt: OnAttempt = lambda _result: None,
        on_look: OnLook = lambda _backlog: None,
    ) -> None:
        self._deliveries: Final = deliveries
        self._courier: Final = courier
        self._section: Final = section
        self._subscriptions: Final = subscriptions
        self._on_attempt: Final = on_attempt
        self._on_look: Final = on_look
        self._receivers: Final[dict[str, _Receiver]] = {}
        self._wanted: Mapping[str, Subscription] = {}
        self._is_store_away = False

    async def plan(self) -> None:
        """Put all new events before their receivers, and give up what is too old.

        Raises:
            StoreError: OFFICE_UNAVAILABLE.
        """
        self._wanted = self._subscriptions()
        while await self._deliveries.plan(self._wanted, Deadline.after(_WRITE_S)):
            pass
        late_s = self._section.max_pause_s  # each has had its last attempt, or none was left
        if count := await self._deliveries.expire(late_s, Deadline.after(_WRITE_S)):
            _log.error("events given up", count=count)

    async def run(self, quit_event: asyncio.Event) -> None:
        """Deliver until `quit_event`; what is on the way for too long then is delivered again."""
        async with asyncio.TaskGroup() as tasks:
            running: set[asyncio.Task[None]] = set()
            while not quit_event.is_set():
                try:
                    await self.plan()
                    self._begin(tasks, running, quit_event)
                    self._on_look(self._deliveries.backlog())
                    self._tell_store(None)
                except StoreError as error:
                    self._tell_store(error)
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_S):
                        await quit_event.wait()
            if running:
                await asyncio.wait(tuple(running), timeout=_LINGER_S)
            for task in tuple(running):
                task.cancel()

    def _begin(
        self,
        tasks: asyncio.TaskGroup,
        running: set[asyncio.Task[None]],
        quit_event: asyncio.Event,
    ) -> None:
        now_s = asyncio.get_running_loop().time()
        for agency in self._wanted:
            receiver = self._receivers.setdefault(agency, _Receiver())
            if receiver.is_busy or now_s < receiver.next_at_s:
                continue
            receiver.is_busy = True
            task = tasks.create_task(self._serve(agency, receiver, quit_event))
            running.add(task)
            task.add_done_callback(running.discard)

    async def _serve(self, agency: str, receiver: _Receiver, quit_event: asyncio.Event) -> None:
        """Deliver to one agency until nothing is due, it is away, or wants nothing any more."""
        try:
            while (wanted := self._wanted.get(agency)) and not quit_event.is_set():
                due = self._deliveries.due(agency, 1 if receiver.failures else _AT_ONCE)
                if not due:
                    return
                async with asyncio.TaskGroup() as group:
                    tries = [group.create_task(self._try(each, wanted.url)) for each in due]
                if self._is_away(agency, receiver, [each.result() for each in tries]):
                    return
        except* StoreError as errors:
            self._postpone(receiver)  # else what cannot be noted would be sent again and again
            self._tell_store(errors)
        finally:
            receiver.is_busy = False

    async def _try(self, due: Due, url: str) -> Carried:
        carried = await self._courier.carry(due.event, url)
        state = await self._deliveries.note(
            due,
            carried.said,
            Deadline.after(_WRITE_S),
            is_taken=carried.is_taken,
            pause_s=self._pause_s(due.attempts),
        )
        if state == "dead":
            _log.error("event given up", agency=due.agency, seq=due.event.seq, said=carried.said)
            self._on_attempt("dead")
        elif not carried.is_taken:
            self._on_attempt("away" if carried.is_away else "refused")
        else:
            self._on_attempt("taken")
        return carried

    def _is_away(self, agency: str, receiver: _Receiver, tried: list[Carried]) -> bool:
        if all(carried.is_away for carried in tried):
            self._postpone(receiver)
            if receiver.failures == 1:
                _log.warning("receiver is away", agency=agency, said=tried[0].said)
            return True
        if receiver.failures:
            _log.info("receiver is back", agency=agency, failures=receiver.failures)
            receiver.failures = 0
        return False

    def _postpone(self, receiver: _Receiver) -> None:
        pause_s = self._pause_s(receiver.failures)
        receiver.next_at_s = asyncio.get_running_loop().time() + pause_s
        receiver.failures += 1

    def _pause_s(self, failures: int) -> float:
        """Doubled with each failure, between half of it and all of it."""
        doubled_s = self._section.first_pause_s * 2.0 ** min(failures, _MAX_DOUBLINGS)
        return min(doubled_s, self._section.max_pause_s) * (512 + secrets.randbelow(512)) / 1024

    def _tell_store(self, error: BaseException | None) -> None:
        if (error is not None) != self._is_store_away:
            self._is_store_away = error is not None
            if error is not None:
                _log.error("events wait: the office store cannot be used")
