# SPDX-License-Identifier: Apache-2.0
"""Requests about cases in the log: each leaves one act with the agency's own signature, sealed.

The act bears the mark of the case's first applicant; the others stand in `query` as numbers of a
role. Who handles a case is the agency's business; who was looked at is in the lookups' own entries.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final, final

from gateway.audit.sealed import make_sealed_act
from gateway.model.record import format_record
from gateway.office_port import CaseAct, CaseLog
from gateway.ports import Appended, AuditLog, Caller, Claim, Epochs, Held
from gateway.sdk import Deadline


@final
class CaseActs(CaseLog):
    """Records requests about cases.

    Args:
        clock: aware now.
        nonce_life_s: seconds after `created` at which a signature is too old by itself.
    """

    def __init__(
        self,
        audit: AuditLog,
        *,
        epochs: Epochs,
        clock: Callable[[], datetime],
        nonce_life_s: int,
    ) -> None:
        self._audit: Final = audit
        self._epochs: Final = epochs
        self._clock: Final = clock
        self._nonce_life_s: Final = nonce_life_s

    async def begin(self, caller: Caller, deadline: Deadline) -> Held | None:
        """Decide the nonce before anything is done; None for a request that came before.

        Raises:
            AuditError: no decision.
        """
        held = await self._audit.claim(self._claim(caller), deadline)
        return held if isinstance(held, Held) else None

    async def record(
        self, caller: Caller, act: CaseAct, deadline: Deadline, *, held: Held | None
    ) -> int | None:
        """Record what was done or refused; returns the record's index.

        Returns:
            None for a request that was received before, of which nothing is recorded yet.

        Raises:
            AuditError: it could not be recorded.
        """
        appended = await self._audit.append(
            self._line(caller, act), deadline, claim=self._claim(caller), held=held
        )
        return appended.index if isinstance(appended, Appended) else None

    async def record_replay(self, caller: Caller, act: CaseAct, deadline: Deadline) -> int:
        """Record that a request came again, and was refused.

        Raises:
            AuditError: it could not be recorded.
        """
        appended = await self._audit.append(self._line(caller, act), deadline, claim=None)
        assert isinstance(appended, Appended)  # without a claim there is no verdict
        return appended.index

    def _claim(self, caller: Caller) -> Claim:
        signature = caller.signature
        return Claim(signature.keyid, signature.nonce, signature.created + self._nonce_life_s)

    def _line(self, caller: Caller, act: CaseAct) -> bytes:
        return format_record(
            make_sealed_act(
                caller,
                act.id,
                act.action,
                cipher=self._epochs.current,
                now=self._clock(),
                subject=act.number or None,
                holder=act.holder,
                query=act.said,
                code=act.code,
            )
        )
