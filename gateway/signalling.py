# SPDX-License-Identifier: Apache-2.0
"""What a worker needs to hear of changes: who may tell, the record, the way to all."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final

from gateway.admission.departments import DepartmentDoor
from gateway.admission.signer_door import OpenDoor
from gateway.audit.client import SequencerClient
from gateway.audit.signals import ChangeSignals
from gateway.cache.memory import MemoryCache
from gateway.config import Site
from gateway.exchange.invalidate import Invalidate
from gateway.exchange.notice import Notice
from gateway.log import report_fault
from gateway.ports import AdapterDirectory, Epochs
from gateway.web.front import Page
from gateway.web.metrics import CacheMetrics
from gateway.web.names import default_port
from gateway.web.respond import Responder
from gateway.web.signed_posts import INVALIDATIONS, SignedPost

#: Seconds between two looks at what the cache has counted.
_SHOW_S: Final = 1.0


class Signalling:
    """One worker's.

    Args:
        clock: aware UTC now.
        nonce_life_s: seconds after `created` at which a signature is too old by itself.

    Attributes:
        notice: what adapters' change signals come to.
    """

    def __init__(
        self,
        site: Site,
        departments: AdapterDirectory,
        audit: SequencerClient,
        cache: MemoryCache,
        *,
        epochs: Epochs,
        clock: Callable[[], datetime],
        nonce_life_s: int,
    ) -> None:
        self._site: Final = site
        self._departments: Final = departments
        self._cache: Final = cache
        self._clock: Final = clock
        self._changes: Final = ChangeSignals(
            audit, cache, epochs=epochs, clock=clock, nonce_life_s=nonce_life_s
        )
        self.notice: Final = Notice(
            departments, self._changes, clock=clock, utc_offset_h=site.config.site.utc_offset_h
        )

    def handlers(self, open_door: OpenDoor, responder: Responder) -> dict[str, tuple[str, Page]]:
        """What the front desk has to know, by path."""
        config = self._site.config
        door = DepartmentDoor(self._site.folder, open_door)
        invalidate = Invalidate(
            departments=self._departments,
            owners=door,
            changes=self._changes,
            clock=self._clock,
            utc_offset_h=config.site.utc_offset_h,
            clock_window_s=config.lookup.clock_window_s,
            x509_required=config.http.client_x509 == "required",
            on_fault=report_fault,
        )
        desk = SignedPost(
            INVALIDATIONS,
            door.identify,
            invalidate,
            responder=responder,
            deadline_s=config.lookup.deadline_s,
            default_port=default_port(config.http),
        )
        return {INVALIDATIONS[0]: ("POST", desk)}

    async def watch(self) -> None:
        """Show what the cache counts, until cancelled."""
        metrics = CacheMetrics()
        while True:
            metrics.show(self._cache.state())
            await asyncio.sleep(_SHOW_S)
