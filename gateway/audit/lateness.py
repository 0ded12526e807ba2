# SPDX-License-Identifier: Apache-2.0
"""How far outsiders' word lags behind the log, and when the log has to wait for it.

Rules:

1. A record waits, from its own time on, for a checkpoint over it that is cosigned or stamped.
2. Where timestamps are configured, nothing is recorded while the oldest record without one is older
   than `grace_s`; nor while that cannot be known. A missing quorum of witnesses is only told.
3. A clock that was ahead for a while does not hide the records behind: of the first that wait, the
   earliest time counts. If even that is still to come, how long they wait cannot be known.
"""

import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Annotated, Final, Literal, final

import msgspec

from gateway.audit.store.notary import NotaryReader
from gateway.audit.store.reader import LogReader
from gateway.errors import AuditError, TrustError
from gateway.model.audit_site import TimestampsSection

Lateness = Literal["ok", "late", "refusing"]
_LATE_INTERVALS: Final = 2
_SAMPLE_COUNT: Final = 256  # read each second by the sequencer
_AHEAD_S: Final = 60  # by as much two honest clocks of one site may differ
_WITNESS: Final = "witness:"


class _Timed(msgspec.Struct):
    """The one member of a record that matters here."""

    time: Annotated[datetime, msgspec.Meta(tz=True)]


_parse = msgspec.json.Decoder(_Timed).decode


def waiting_since_s(log: LogReader, covered_size: int) -> float | None:
    """The earliest time, in UNIX seconds, of the records next after the first `covered_size`.

    Returns:
        Of `_SAMPLE_COUNT` records at most, so that it costs the same however many wait; None where
        there are none.

    Raises:
        AuditError: the log cannot be read.
        TrustError: it is damaged.
    """
    times = []
    first = islice(log.entries(covered_size), _SAMPLE_COUNT)
    for index, (found, line) in enumerate(first, covered_size):
        if found != index:
            raise TrustError("PROOF_INVALID", f"entry {index}: missing")
        try:
            times.append(_parse(line).time)
        except msgspec.DecodeError:
            raise TrustError("PROOF_INVALID", f"entry {index}: it has no time") from None
    return min(times).timestamp() if times else None


@final
class Grace:
    """Whether the log may go on without a timestamp.

    Args:
        folder: of the log.
        clock: UNIX seconds.
    """

    def __init__(
        self, folder: Path, section: TimestampsSection, clock: Callable[[], float] = time.time
    ) -> None:
        self._folder: Final = folder
        self._section: Final = section
        self._clock: Final = clock

    def look(self) -> Lateness:
        """What holds now. An empty log waits for nothing, not even for the notary to come up."""
        try:
            with closing(LogReader.open(self._folder)) as log:
                if not log.size():
                    return "ok"
                with closing(NotaryReader.open(self._folder)) as notary:
                    stamped_size = notary.stamped_size(log)
                since_s = waiting_since_s(log, stamped_size)
        except (AuditError, TrustError):
            return "refusing"
        age_s = 0.0 if since_s is None else self._clock() - since_s
        if age_s > self._section.grace_s or age_s < -_AHEAD_S:
            return "refusing"
        return "late" if age_s > _LATE_INTERVALS * self._section.interval_s else "ok"


def witness_state(folder: Path, now_s: float) -> str:
    """`ok`, `behind N`, `quorum missing`, or `refused by …`, for /readyz.

    A witness that refuses has seen another log: that is told before all else.
    """
    try:
        with closing(NotaryReader.open(folder)) as notary:
            states, witnessed = notary.states(), notary.witnessed()
        with closing(LogReader.open(folder)) as log:
            size = log.size()
    except (AuditError, TrustError) as error:
        return error.code
    refusing = [name for name, state in states.items() if state == "refused"]
    if names := [name.removeprefix(_WITNESS) for name in refusing if name.startswith(_WITNESS)]:
        return f"refused by {', '.join(sorted(names))}"
    if size == 0 or (witnessed and (witnessed.size == size or now_s <= witnessed.until_s)):
        return "ok"
    return "quorum missing" if witnessed is None else f"behind {size - witnessed.size}"
