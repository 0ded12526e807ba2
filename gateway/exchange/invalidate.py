# SPDX-License-Identifier: Apache-2.0
"""A department says that a holder's records have changed: recorded, forgotten, then answered.

1. A department speaks for the certificates of its own adapters and no others.
2. The 200 means that no worker of any node serves what it kept before. When that is not known the
   answer is 503: signal again, for a signal may be repeated.
3. One record for each identified request: done, refused, or failed by a mistake of ours.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

import msgspec

from gateway.crypto.digest import sha256
from gateway.errors import RequestError
from gateway.exchange.access import check_x509
from gateway.exchange.body import parse_invalidation
from gateway.exchange.excuse import OnFault, excuse
from gateway.exchange.reply import JSON, Refused, Reply, problem_reply
from gateway.model.holder import Holder
from gateway.model.ids import parse_holder
from gateway.model.instant import format_time_s
from gateway.model.invalidation import Invalidated, Invalidation
from gateway.model.lookup import HolderReference
from gateway.ports import AdapterDirectory, Caller, Change, ChangeLog, Owners
from gateway.sdk import Deadline

_EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_encode = msgspec.json.Encoder().encode


class Invalidate:
    """`POST /v1/invalidations`, from an identified department to a recorded reply.

    Args:
        clock: aware UTC now.
        utc_offset_h: hours east of UTC of the site's days.
        clock_window_s: seconds that the department's clock may be ahead.
        x509_required: departments that registered no X.509 certificate are refused as well.
        on_fault: told of a programming error, whose caller gets INTERNAL; must not raise.
    """

    def __init__(
        self,
        *,
        departments: AdapterDirectory,
        owners: Owners,
        changes: ChangeLog,
        clock: Callable[[], datetime],
        utc_offset_h: float,
        clock_window_s: int,
        x509_required: bool = False,
        on_fault: OnFault,
    ) -> None:
        self._departments: Final = departments
        self._owners: Final = owners
        self._changes: Final = changes
        self._clock: Final = clock
        self._zone: Final = timezone(timedelta(hours=utc_offset_h))
        self._clock_window: Final = timedelta(seconds=clock_window_s)
        self._x509_required: Final = x509_required
        self._on_fault: Final = on_fault

    async def __call__(
        self, caller: Caller, request_id: str, body: bytes, deadline: Deadline
    ) -> Reply:
        """Answer one signal.

        Raises:
            AuditError: it is not known to be recorded and forgotten everywhere.
        """
        holder: Holder | None = None
        try:
            check_x509(caller, required=self._x509_required)
            signal = parse_invalidation(body)
            holder = self._holder(signal)
            change = self._change(caller, request_id, signal, holder)
            index, reply = await self._changes.signal(caller, change, deadline), _done(change)
        except Exception as error:  # noqa: BLE001 - ours is recorded as well
            refused = excuse(error, self._on_fault)
            reply, code = problem_reply(refused, request_id), refused.refusal.code
            index = await self._changes.refuse(caller, request_id, holder, code, deadline)
        if index is None:
            replayed = RequestError("NONCE_REPLAYED")
            reply = problem_reply(Refused.because(replayed), request_id)
            index = await self._changes.refuse(
                caller, request_id, holder, replayed.code, deadline, is_replay=True
            )
        return msgspec.structs.replace(reply, index=index)

    def _holder(self, signal: Invalidation) -> Holder:
        asked = HolderReference(signal.holder.scheme, signal.holder.number)
        return parse_holder(asked, today=self._clock().astimezone(self._zone).date())

    def _change(
        self, caller: Caller, request_id: str, signal: Invalidation, holder: Holder
    ) -> Change:
        if signal.changed_at > self._clock() + self._clock_window:
            raise RequestError("BODY_MALFORMED", "`changed_at` lies in the future")
        if signal.changed_at < _EARLIEST:
            raise RequestError("BODY_MALFORMED", "`changed_at` lies before 1970")
        answered = map(self._departments.certificates_of, self._owners.adapters_of(caller))
        own = sorted(frozenset[str]().union(*answered))
        if not set(signal.certificates) <= set(own):
            raise RequestError("CERTIFICATE_NOT_OF_DEPARTMENT")
        named = tuple(dict.fromkeys(signal.certificates)) or tuple(own)
        return Change(request_id, holder, named, format_time_s(signal.changed_at))


def _done(change: Change) -> Reply:
    body = _encode(Invalidated(change.id, change.certificates, change.changed_at))
    return Reply(200, JSON, body, sha256(body), "forgotten")
