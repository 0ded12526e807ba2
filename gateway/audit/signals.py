# SPDX-License-Identifier: Apache-2.0
"""Changes of a holder's records, and purges: recorded first, then made known to every cache.

Rules:

1. A department's signal is an act with the department's own signature, sealed, since the signed
   body holds the holder's number (`gateway.audit.sealed`).
2. What an adapter learned by itself, and what an operator purged, is an event.
3. No number in clear: the holder stands in the record as a mark, and goes to the caches as tags.
4. A change that is about more certificate types than a frame should hold is about everything.
5. Other nodes are told first: what they do not know is not recorded as done. They are waited for
   last, so that the record and the workers of this node take no time of their own.
"""

import asyncio
import secrets
import time
from collections.abc import Callable
from datetime import datetime
from typing import Final, final

import msgspec

from gateway.audit.sealed import make_sealed_act
from gateway.crypto.digest import b64url_encode
from gateway.crypto.identity import EpochCipher
from gateway.model.act import Act, Event, Happening
from gateway.model.forget import Forget
from gateway.model.holder import Holder
from gateway.model.instant import format_time_ms
from gateway.model.record import format_record
from gateway.ports import (
    Announcer,
    Appended,
    Caller,
    Change,
    ChangeLog,
    Claim,
    Epochs,
    Forgetful,
)
from gateway.sdk import Deadline

#: Certificate types of one change, beyond which everything is forgotten.
MAX_TAGS: Final = 256
_SALT_BYTES: Final = 16
_ID_BYTES: Final = 16


@final
class ChangeSignals(ChangeLog):
    """Records changes in this node's log and spreads them to its workers, and to other nodes.

    Args:
        announcer: the way to log and workers.
        cache: of this process; makes the tags by which all know a holder, and reaches other nodes.
        clock: aware now.
        nonce_life_s: seconds after `created` at which a signature is too old by itself.
    """

    def __init__(
        self,
        announcer: Announcer,
        cache: Forgetful,
        *,
        epochs: Epochs,
        clock: Callable[[], datetime],
        nonce_life_s: int,
    ) -> None:
        self._announcer: Final = announcer
        self._cache: Final = cache
        self._epochs: Final = epochs
        self._clock: Final = clock
        self._nonce_life_s: Final = nonce_life_s

    async def signal(self, caller: Caller, change: Change, deadline: Deadline) -> int | None:
        """Record a department's signal, and have every cache forget.

        Raises:
            AuditError: it could not be recorded, or it is not known whether all have forgotten.
            StoreError: other nodes cannot be told; nothing is recorded yet.
        """
        said = {"certificates": change.certificates, "changed_at": change.changed_at}
        act = self._act(caller, change.id, change.holder, query=msgspec.json.encode(said).decode())
        forget = self._about(change.holder, change.certificates)
        return await self._spread(act, forget, deadline, claim=self._claim(caller))

    async def refuse(
        self,
        caller: Caller,
        request_id: str,
        holder: Holder | None,
        code: str,
        deadline: Deadline,
        *,
        is_replay: bool = False,
    ) -> int | None:
        """Record that a department's signal was refused; nothing is forgotten.

        Raises:
            AuditError: it could not be recorded.
        """
        act = self._act(caller, request_id, holder, code=code)
        claim = None if is_replay else self._claim(caller)
        return await self._announce(act, Forget(), deadline, claim=claim)

    async def notice(
        self,
        adapter: str,
        holder: Holder,
        certificates: tuple[str, ...],
        deadline: Deadline,
    ) -> None:
        """Record that an adapter learned of a change, and have every cache forget.

        Args:
            certificates: of that adapter.

        Raises:
            AuditError: as `signal`.
            StoreError: as `signal`.
        """
        event = make_event(
            "holder_changed",
            f"adapter={adapter} certificates={','.join(certificates)}",
            now=self._clock(),
            about=(holder, self._epochs.current),
        )
        forget = self._about(holder, certificates)
        await self._spread(event, forget, deadline, claim=None)

    async def _spread(
        self, record: Act | Event, forget: Forget, deadline: Deadline, *, claim: Claim | None
    ) -> int | None:
        """Tell other nodes, then this one; return when none serves what it kept."""
        until_s = await self._cache.void(forget)
        index = await self._announce(record, forget, deadline, claim=claim)
        if index is not None:
            await asyncio.sleep(max(0.0, until_s - time.monotonic()))
        return index

    async def _announce(
        self, record: Act | Event, forget: Forget, deadline: Deadline, *, claim: Claim | None
    ) -> int | None:
        line = format_record(record)
        recorded = await self._announcer.announce(line, forget, deadline, claim=claim)
        return recorded.index if isinstance(recorded, Appended) else None

    def _about(self, holder: Holder, certificates: tuple[str, ...]) -> Forget:
        if len(certificates) > MAX_TAGS:
            return Forget(everything=True)
        return Forget(tags=self._cache.tags(holder.scheme, holder.number, certificates))

    def _claim(self, caller: Caller) -> Claim:
        signature = caller.signature
        return Claim(signature.keyid, signature.nonce, signature.created + self._nonce_life_s)

    def _act(
        self,
        caller: Caller,
        act_id: str,
        holder: Holder | None,
        *,
        query: str | None = None,
        code: str | None = None,
    ) -> Act:
        return make_sealed_act(
            caller,
            act_id,
            "invalidate",
            cipher=self._epochs.current,
            now=self._clock(),
            holder=holder,
            query=query,
            code=code,
        )


def make_event(
    happening: Happening,
    detail: str,
    *,
    now: datetime,
    about: tuple[Holder, EpochCipher] | None = None,
) -> Event:
    """Make an event about caches.

    Args:
        about: a holder, and what marks it.
    """
    event_id = secrets.token_hex(_ID_BYTES)
    event = Event(
        id=event_id, salt=_salt(), time=format_time_ms(now), event=happening, detail=detail
    )
    if about is None:
        return event
    holder, cipher = about
    mark = cipher.mark_holder(holder.scheme, holder.number, holder.masked, event_id)
    return msgspec.structs.replace(event, holder=mark)


def _salt() -> str:
    return b64url_encode(secrets.token_bytes(_SALT_BYTES))
