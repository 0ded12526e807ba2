# SPDX-License-Identifier: Apache-2.0
"""The epoch of now, in a process that serves for months.

1. A request reads one attribute. Nothing else of an epoch's change is on its way.
2. The next epoch's keys are made and loaded ahead of the month's end; the change itself is an
   assignment. The clock is looked at every `CHECK_S` at least, so that a step of it is seen, too.
3. When keys cannot be had, the last good ones stay in use, readiness says `stale`, and each look
   tries again: who was looked at is recorded all the same, and erased a month later at worst.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, final

import structlog

from gateway.crypto.identity import EpochCipher
from gateway.errors import SetupError
from gateway.model.epoch import epoch_after, epoch_at, epoch_end
from gateway.ports import Epochs

_log = structlog.get_logger()

CHECK_S: Final = 30.0
#: So long before the month's end the next epoch is prepared.
_AHEAD: Final = timedelta(hours=1)
#: A timer may fire a little early; then it is set once more.
_LEAST_S: Final = 0.001


@final
class LiveEpochs(Epochs):
    """Keeps `current` the epoch of now.

    Args:
        load: the keys of an epoch, made if there are none; may write to disk.
        clock: aware now.
        utc_offset_h: hours east of UTC of the site's months.

    Raises:
        SetupError: the keys of now cannot be had.
    """

    def __init__(
        self,
        load: Callable[[str], EpochCipher],
        *,
        clock: Callable[[], datetime],
        utc_offset_h: float,
    ) -> None:
        self._load: Final = load
        self._clock: Final = clock
        self._utc_offset_h: Final = utc_offset_h
        self._next: EpochCipher | None = None
        self.state = "ok"
        self.current = load(epoch_at(clock(), utc_offset_h))

    async def watch(self) -> None:
        """Follow the clock until cancelled."""
        while True:
            wait_s = await self.look()
            await asyncio.sleep(wait_s)

    async def look(self) -> float:
        """Take the epoch of now, and prepare the next one where it is near.

        Returns:
            Seconds after which to look again.
        """
        now = self._clock()
        epoch = epoch_at(now, self._utc_offset_h)
        left = epoch_end(epoch, self._utc_offset_h) - now
        try:
            if epoch != self.current.epoch:
                self.current = await self._get(epoch)
            if left <= _AHEAD:
                self._next = await self._get(epoch_after(epoch))
            self.state = "ok"
        except SetupError as error:
            if self.state == "ok":
                _log.error("the epoch's keys cannot be had", detail=error.detail)
            self.state = "stale"
        left = epoch_end(epoch, self._utc_offset_h) - self._clock()  # loading took its time
        return max(_LEAST_S, min(CHECK_S, left.total_seconds()))

    async def _get(self, epoch: str) -> EpochCipher:
        """The prepared one, or else from disk: in a thread, since it waits for the disk."""
        if self._next is not None and self._next.epoch == epoch:
            return self._next
        return await asyncio.to_thread(self._load, epoch)
