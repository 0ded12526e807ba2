# SPDX-License-Identifier: Apache-2.0
"""A record of changes that does as told."""

from gateway.errors import AuditError, StoreError
from gateway.model.holder import Holder
from gateway.ports import Caller, Change, ChangeLog
from gateway.sdk import Deadline


class Changes(ChangeLog):
    """Notes what it is told; fails, reaches no other node, or has received it before, as told."""

    def __init__(self) -> None:
        self.signalled: list[Change] = []
        self.refused: list[tuple[str, Holder | None]] = []
        self.noticed: list[tuple[str, str, tuple[str, ...]]] = []
        self.fail_count = 0
        self.is_alone = False
        self.is_replay = False

    async def signal(self, caller: Caller, change: Change, deadline: Deadline) -> int | None:
        self._fail()
        if self.is_alone:
            raise StoreError("CACHE_UNREACHED")
        if self.is_replay:
            return None
        self.signalled.append(change)
        return 7

    async def notice(
        self, adapter: str, holder: Holder, certificates: tuple[str, ...], deadline: Deadline
    ) -> None:
        self._fail()
        self.noticed.append((adapter, holder.number, certificates))

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
        self._fail()
        if self.is_replay and not is_replay:
            return None
        self.refused.append((code, holder))
        return 8

    def _fail(self) -> None:
        if self.fail_count:
            self.fail_count -= 1
            error = (
                StoreError("CACHE_UNREACHED") if self.is_alone else AuditError("AUDIT_UNAVAILABLE")
            )
            raise error
