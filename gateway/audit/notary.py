# SPDX-License-Identifier: Apache-2.0
"""The notary: has outsiders vouch for the log, and keeps what they say (ADR 0007).

It reads the log, each time anew, and never writes to it. Nothing is stored that does not verify.
When what was collected cannot be stored, the process ends, and the supervisor starts it again.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

from gateway.audit.lateness import waiting_since_s
from gateway.audit.notary_plan import NotaryPlan
from gateway.audit.outside import open_session
from gateway.audit.rounds import Rounds
from gateway.audit.stamping import Stamping
from gateway.audit.store.notary import NotaryStore
from gateway.audit.store.reader import LogReader
from gateway.errors import AuditError, TrustError, first_of

_LOOK_S: Final = 1.0

#: Told each second for how many seconds the oldest record has waited for witnesses, and for a
#: timestamp.
OnLook = Callable[[float, float], None]


async def serve_notary(
    folder: Path,
    plan: NotaryPlan,
    *,
    quit_event: asyncio.Event,
    on_ready: Callable[[], None],
    on_look: OnLook = lambda _witness_s, _timestamp_s: None,
    clock: Callable[[], float] = time.time,
) -> None:
    """Collect until `quit_event`.

    Args:
        folder: of the log.
        clock: UNIX seconds.

    Raises:
        AuditError: what was collected cannot be stored.
    """
    failed: AuditError | None = None
    with closing(NotaryStore.open(folder)) as store:
        async with open_session() as session:
            loops = [_look_forever(folder, store, on_look, clock)]
            if plan.policy is not None:
                interval_s = plan.section.witness_interval_s
                rounds = Rounds(
                    folder, plan.policy, store, session, interval_s=interval_s, clock=clock
                )
                loops.append(rounds.run_forever())
            if plan.authority is not None and plan.section.timestamps is not None:
                stamping = Stamping(folder, plan.section.timestamps, plan.authority, store, session)
                loops.append(stamping.run_forever())
            on_ready()
            try:
                async with asyncio.TaskGroup() as tasks:
                    running = [tasks.create_task(loop) for loop in loops]
                    await quit_event.wait()
                    for task in running:
                        task.cancel()
            except* AuditError as failures:
                failed = first_of(failures)
    if failed is not None:
        raise failed


async def _look_forever(
    folder: Path, store: NotaryStore, on_look: OnLook, clock: Callable[[], float]
) -> None:
    while True:
        witnessed = store.reader.witnessed()
        try:
            with closing(LogReader.open(folder)) as log:
                now_s = clock()
                waits_s = [
                    0.0 if since_s is None else max(0.0, now_s - since_s)
                    for since_s in (
                        waiting_since_s(log, 0 if witnessed is None else witnessed.size),
                        waiting_since_s(log, store.reader.stamped_size(log)),
                    )
                ]
            on_look(*waits_s)
        except (AuditError, TrustError):
            pass  # the loops that need the log say so
        await asyncio.sleep(_LOOK_S)
