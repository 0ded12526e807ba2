# SPDX-License-Identifier: Apache-2.0
"""What a worker needs to tell agencies what happens: the feed, and the state of departments."""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from typing import Final, final

import structlog

from gateway.audit.acts import SignedActs
from gateway.audit.client import SequencerClient
from gateway.config import Site
from gateway.errors import StoreError
from gateway.office.department_states import DepartmentStates
from gateway.office.outbox import EventFeed
from gateway.office.store import OfficeStore
from gateway.ports import AdapterDirectory, RateLimits
from gateway.registry.observer import AdapterObserver, Outcome, State
from gateway.registry.quarantine import Offence
from gateway.sdk import Deadline
from gateway.web.events import PATH, EventDesk, Identify
from gateway.web.front import Page
from gateway.web.names import default_port
from gateway.web.respond import Responder

_log = structlog.get_logger()
_LOOK_S: Final = 1.0
_WRITE_S: Final = 5.0


@final
class DepartmentWatch(AdapterObserver):
    """Hears what the guards of a worker tell, and keeps how departments are found.

    Args:
        inner: told everything, too.
    """

    def __init__(self, inner: AdapterObserver) -> None:
        self._inner: Final = inner
        self._is_down: Final[dict[str, bool]] = {}
        self._untold: Final[dict[str, bool]] = {}

    def note_call(self, adapter: str, outcome: Outcome, seconds: float) -> None:
        """A lookup or a verification is over."""
        self._inner.note_call(adapter, outcome, seconds)

    def note_state(self, adapter: str, state: State) -> None:
        """The adapter is in another state, or was loaded."""
        self._inner.note_state(adapter, state)
        if state == "half_open":
            return  # nobody knows yet
        is_down = state != "closed"
        if is_down != self._is_down.get(adapter, False):
            self._is_down[adapter] = self._untold[adapter] = is_down

    def note_offence(self, adapter: str, offence: Offence, count: int = 1) -> None:
        """Adapter code did harm; called from any thread."""
        self._inner.note_offence(adapter, offence, count)

    async def keep(
        self, states: DepartmentStates, departments: AdapterDirectory, site: Site
    ) -> None:
        """Keep each change, until cancelled; what cannot be kept now is kept later."""
        workers = frozenset(f"worker-{n}" for n in range(1, site.config.http.workers + 1))
        adapters = frozenset(adapter.name for adapter in site.adapters if adapter.enabled)
        inherited: set[str] | None = None
        is_kept = True
        while True:
            try:
                if inherited is None:
                    deadline = Deadline.after(_WRITE_S)
                    inherited = set(await states.take_over(workers, adapters, deadline))
                if inherited:
                    await self._look(inherited, departments)
                await self._tell(states)
                is_kept = True
            except StoreError:
                if is_kept:
                    _log.warning("how departments are found cannot be kept now")
                is_kept = False
            await asyncio.sleep(_LOOK_S)

    async def _look(self, inherited: set[str], departments: AdapterDirectory) -> None:
        """See whether what a predecessor left alone answers again."""
        health = await departments.health()
        for adapter in tuple(inherited):
            if adapter in self._is_down:
                inherited.discard(adapter)  # known at first hand by now
            elif health.get(adapter) == "ok":
                inherited.discard(adapter)
                self._untold[adapter] = False

    async def _tell(self, states: DepartmentStates) -> None:
        for adapter, is_down in tuple(self._untold.items()):
            await states.note(adapter, Deadline.after(_WRITE_S), is_down=is_down)
            if self._untold.get(adapter) is is_down:
                del self._untold[adapter]


class Eventing:
    """One worker's.

    Args:
        store: the office store.
        worker: the name of its process.
        clock: aware UTC now.
        nonce_life_s: seconds after `created` at which a signature is too old by itself.
        is_stopping: whoever waits for events is answered at once then.
    """

    def __init__(
        self,
        site: Site,
        store: OfficeStore,
        audit: SequencerClient,
        departments: AdapterDirectory,
        watch: DepartmentWatch,
        *,
        worker: str,
        clock: Callable[[], datetime],
        nonce_life_s: int,
        is_stopping: Callable[[], bool],
    ) -> None:
        self._site: Final = site
        self._feed: Final = EventFeed(store, is_stopping)
        self._departments: Final = departments
        self._watch: Final = watch
        self._states: Final = DepartmentStates(store, worker, clock_s=time.time)
        self._acts: Final = SignedActs(audit, clock=clock, nonce_life_s=nonce_life_s)

    def handlers(
        self, identify: Identify, limits: RateLimits, responder: Responder
    ) -> dict[str, tuple[str, Page]]:
        """What the front desk has to know, by path."""
        config = self._site.config
        desk = EventDesk(
            self._feed,
            identify=identify,
            acts=self._acts,
            limits=limits,
            responder=responder,
            x509_required=config.http.client_x509 == "required",
            max_wait_s=config.events.max_wait_s,
            deadline_s=config.lookup.deadline_s,
            default_port=default_port(config.http),
        )
        return {PATH: ("GET", desk)}

    async def watch(self) -> None:
        """Keep how departments are found, until cancelled."""
        await self._watch.keep(self._states, self._departments, self._site)
