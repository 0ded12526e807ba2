# SPDX-License-Identifier: Apache-2.0
"""Collecting cosignatures, round after round.

Rules:

1. A round takes the newest checkpoint to every witness that is not being asked yet. None waits for
   another; who is away is asked ever later, up to `_MAX_PAUSE_S`.
2. Whenever a cosignature arrives, the quorum for its size is counted; so a slow witness counts too.
3. A cosignature counts for the checkpoint that it verifies over, not for its size: a log that was
   written anew is taken to the witnesses again.
4. Only changes are logged. A witness that refuses is an error: it has seen another log.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Final, final

import aiohttp
import structlog

from gateway.audit.store.notary import NotaryStore, Witnessed
from gateway.audit.store.reader import LogReader
from gateway.audit.witnessing import LIMIT_S, WitnessClient
from gateway.errors import AuditError, TrustError
from gateway.tlog.cosignature import verify_cosignature
from gateway.tlog.merkle import consistency_proof
from gateway.tlog.policy import Policy, Witness

_MAX_PAUSE_S: Final = 30.0
_MAX_DOUBLINGS: Final = 8
_FRESH_INTERVALS: Final = 2
_log = structlog.get_logger()


@final
class _Asked:
    """A witness, and when it may be asked again."""

    def __init__(self, witness: Witness, client: WitnessClient) -> None:
        self.name: Final = witness.name
        self.client: Final = client
        self.is_busy = False
        self.failures = 0
        self.next_at_s = 0.0


@final
class Rounds:
    """The witnesses of one policy.

    Args:
        folder: of the log.
        clock: UNIX seconds.
    """

    def __init__(
        self,
        folder: Path,
        policy: Policy,
        store: NotaryStore,
        session: aiohttp.ClientSession,
        *,
        interval_s: float,
        clock: Callable[[], float],
    ) -> None:
        self._folder: Final = folder
        self._policy: Final = policy
        self._store: Final = store
        self._interval_s: Final = interval_s
        self._clock: Final = clock
        self._keys: Final = {witness.name: witness.key for witness in policy.witnesses}
        self._asked: Final = [
            _Asked(witness, WitnessClient(witness.url, witness.key, session, self._prove))
            for witness in policy.witnesses
            if witness.url is not None
        ]

    async def run_forever(self) -> None:
        """Begin a round each `interval_s`.

        Raises:
            AuditError: what was collected cannot be stored.
        """
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._store.check()
                self._begin(tasks)
                await asyncio.sleep(self._interval_s)

    def _begin(self, tasks: asyncio.TaskGroup) -> None:
        try:
            with closing(LogReader.open(self._folder)) as log:
                last = log.last_checkpoint()
        except (AuditError, TrustError) as error:
            _log.warning("the log cannot be read", reason=error.detail)
            return
        if last is None:
            return
        cosigned, now_s = self._cosigned(*last), asyncio.get_running_loop().time()
        for asked in self._asked:
            if asked.name not in cosigned and not asked.is_busy and now_s >= asked.next_at_s:
                asked.is_busy = True
                tasks.create_task(self._ask(asked, *last))

    async def _ask(self, asked: _Asked, size: int, note: bytes) -> None:
        try:
            line, time_s = await asked.client.cosign(size, note)
        except AuditError as error:
            self._postpone(asked, "away", error.detail)
        except TrustError as error:
            self._postpone(asked, "refused", error.detail)
        else:
            asked.failures = 0
            self._store.add_cosignature(size, asked.name, line, time_s)
            self._tell(asked.name, "ok", "")
            self._count(size, note)
        finally:
            asked.is_busy = False

    def _count(self, size: int, note: bytes) -> None:
        """Publish the checkpoint once it has its quorum, with all lines that there are."""
        cosigned, before = self._cosigned(size, note), self._store.reader.witnessed()
        if not self._policy.satisfied(cosigned) or (before is not None and before.size > size):
            return
        lines = "".join(f"{line}\n" for line in cosigned.values())
        until_s = self._clock() + _FRESH_INTERVALS * self._interval_s + LIMIT_S
        self._store.set_witnessed(Witnessed(size, note + lines.encode(), until_s))

    def _cosigned(self, size: int, note: bytes) -> dict[str, str]:
        """Lines of this very checkpoint, by witness; those of another one of its size are none."""
        found = {}
        for name, line in self._store.reader.cosignatures(size).items():
            if name in self._keys:
                with suppress(TrustError):
                    verify_cosignature(note + f"{line}\n".encode(), self._keys[name])
                    found[name] = line
        return found

    def _postpone(self, asked: _Asked, state: str, reason: str) -> None:
        pause_s = self._interval_s * 2 ** min(asked.failures, _MAX_DOUBLINGS)
        asked.failures += 1
        asked.next_at_s = asyncio.get_running_loop().time() + min(pause_s, _MAX_PAUSE_S)
        self._tell(asked.name, state, reason)

    def _tell(self, name: str, state: str, reason: str) -> None:
        if self._store.set_state(f"witness:{name}", state):
            say = _log.error if state == "refused" else _log.warning
            say("witness", name=name, state=state, reason=reason)

    def _prove(self, old_size: int, new_size: int) -> Sequence[bytes]:
        with closing(LogReader.open(self._folder)) as log:
            return consistency_proof(old_size, new_size, log.node)
