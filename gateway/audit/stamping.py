# SPDX-License-Identifier: Apache-2.0
"""Having checkpoints timestamped by an authority (RFC 3161 §3.4, over HTTP).

Rules:

1. A timestamp is asked for each `interval_s`, while the log has grown. After a failure it is asked
   for again within `_MAX_RETRY_S`: lookups may be waiting for it.
2. What is stamped is the newest checkpoint's note as the log signed it.
3. A reply that does not verify is refused and shown; it is never stored.
"""

import asyncio
from contextlib import closing
from pathlib import Path
from typing import Final, final

import aiohttp
import structlog

from gateway.audit.outside import post
from gateway.audit.store.notary import NotaryStore, Timestamp
from gateway.audit.store.reader import LogReader
from gateway.crypto.digest import sha256
from gateway.crypto.timestamp import TimestampAuthority, ask
from gateway.errors import AuditError, TrustError
from gateway.model.audit_site import TimestampsSection

_LIMIT_S: Final = 5.0
_MAX_RETRY_S: Final = 3.0
_LOOK_S: Final = 0.5
_OK: Final = 200
_log = structlog.get_logger()


@final
class Stamping:
    """One authority.

    Args:
        folder: of the log.
    """

    def __init__(
        self,
        folder: Path,
        section: TimestampsSection,
        authority: TimestampAuthority,
        store: NotaryStore,
        session: aiohttp.ClientSession,
    ) -> None:
        self._folder: Final = folder
        self._section: Final = section
        self._authority: Final = authority
        self._store: Final = store
        self._session: Final = session

    async def run_forever(self) -> None:
        """Ask when it is time.

        Raises:
            AuditError: a timestamp cannot be stored.
        """
        while True:
            pause_s = await self._look()
            await asyncio.sleep(pause_s)

    async def _look(self) -> float:
        """Ask if the log has grown; returns the seconds to the next look."""
        self._store.check()
        try:
            with closing(LogReader.open(self._folder)) as log:
                last, stamped_size = log.last_checkpoint(), self._store.reader.stamped_size(log)
            if last is None or last[0] <= stamped_size:
                return _LOOK_S
            timestamp = await self._stamp(*last)
        except AuditError as error:
            return self._postpone("away", error.detail)
        except TrustError as error:
            return self._postpone("refused", error.detail)
        self._store.add_timestamp(timestamp)
        self._tell("ok", "")
        return self._section.interval_s

    async def _stamp(self, size: int, note: bytes) -> Timestamp:
        question = ask(note)
        answer = await post(
            self._session,
            self._section.url,
            question.der,
            content_type="application/timestamp-query",
            limit_s=_LIMIT_S,
        )
        if answer.status != _OK:
            raise AuditError("AUDIT_UNAVAILABLE", f"the authority answers {answer.status}")
        at = self._authority.verify(answer.body, note, nonce=question.nonce)
        return Timestamp(size, sha256(note), answer.body, at)

    def _postpone(self, state: str, reason: str) -> float:
        self._tell(state, reason)
        return min(_MAX_RETRY_S, self._section.interval_s)

    def _tell(self, state: str, reason: str) -> None:
        if self._store.set_state("timestamps", state):
            say = _log.error if state == "refused" else _log.warning
            say("timestamps", state=state, reason=reason)
