# SPDX-License-Identifier: Apache-2.0
"""Once a second the sequencer looks up: room on the disk, the clock, and a sign of life.

1. The sign comes from the event loop that writes the log: a loop that hangs gives none.
2. A step of the clock is what the wall's clock moved more than the monotonic one between two looks.
   It is recorded; slewing, as time daemons do it, is none.
3. When the claims are ahead of the clock by more than nonces allow for (`claims.GRACE_S`), they are
   made again from the log, under the new time: what was forgotten in the other one is remembered.
   That is asked at each look and not only after a step: the clock may be set while the log is being
   read, or twice between two looks.
4. Without room, or with timestamps overdue, the log accepts nothing until the next look.
"""

import asyncio
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, final

import structlog

from gateway.audit.group import Groups
from gateway.audit.lateness import Grace
from gateway.audit.space import Space, measure_space
from gateway.errors import AuditError
from gateway.model.act import Event
from gateway.model.audit_site import AuditSection
from gateway.model.instant import format_time_ms
from gateway.model.record import format_record

_INTERVAL_S: Final = 1.0
_STEP_S: Final = 1.0
_ID_BYTES: Final = 16
_log = structlog.get_logger()


@final
class Pulse:
    """What is looked at once a second.

    Args:
        folder: of the log.
        on_beat: called at each look.
        on_measured: told the room at each look.
        wall_s: UNIX seconds.
        steady_s: monotonic seconds.
    """

    def __init__(
        self,
        groups: Groups,
        folder: Path,
        section: AuditSection,
        *,
        on_beat: Callable[[], None],
        on_measured: Callable[[Space], None],
        wall_s: Callable[[], float] = time.time,
        steady_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._groups: Final = groups
        self._folder: Final = folder
        self._section: Final = section
        self._on_beat: Final = on_beat
        self._on_measured: Final = on_measured
        self._wall_s: Final = wall_s
        self._steady_s: Final = steady_s
        self._grace: Final = (
            None if section.timestamps is None else Grace(folder, section.timestamps, wall_s)
        )
        self._lateness = "ok"
        self._ahead_s = wall_s() - steady_s()
        self._state = "ok"

    async def run_forever(self) -> None:
        """Look, each second."""
        while True:
            self.look()
            await asyncio.sleep(_INTERVAL_S)

    def look(self) -> None:
        """Look once."""
        self._on_beat()
        self._groups.accept(is_room=self._has_room() and self._is_in_time())
        self._watch_clock()
        if self._groups.claims_are_ahead:
            self._groups.renew()

    def _is_in_time(self) -> bool:
        """Whether the log's oldest record without a timestamp is young enough."""
        if self._grace is None:
            return True
        lateness = self._grace.look()
        if lateness != self._lateness:
            self._lateness = lateness
            _log.warning("timestamps of the log", state=lateness)
        return lateness != "refusing"

    def _has_room(self) -> bool:
        try:
            space = measure_space(self._folder, self._section)
        except AuditError as error:
            _log.error("audit log's disk cannot be asked", reason=error.detail)
            return False
        if space.state != self._state:
            self._state = space.state
            _log.warning(
                "room for the audit log",
                state=space.state,
                free_bytes=space.free_bytes,
                used_percent=space.used_percent,
            )
        self._on_measured(space)
        return space.state != "refusing"

    def _watch_clock(self) -> None:
        wall_s = self._wall_s()
        ahead_s = wall_s - self._steady_s()
        step_s, self._ahead_s = ahead_s - self._ahead_s, ahead_s
        if abs(step_s) <= _STEP_S:
            return
        step_ms = round(step_s * 1000)
        _log.warning("the clock was set", step_ms=step_ms)
        self._groups.record(_clock_step(wall_s, step_ms))


def _clock_step(wall_s: float, step_ms: int) -> bytes:
    return format_record(
        Event(
            id=secrets.token_hex(_ID_BYTES),
            salt=secrets.token_urlsafe(_ID_BYTES),
            time=format_time_ms(datetime.fromtimestamp(wall_s, UTC)),
            event="clock_step",
            detail=f"step_ms={step_ms}",
        )
    )
