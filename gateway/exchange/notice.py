# SPDX-License-Identifier: Apache-2.0
"""An adapter says that a holder's records have changed, without anybody having asked.

1. An adapter speaks for its own certificates and no others.
2. It is answered when no worker of any node serves what it kept before. While the log, or what
   nodes share, is away it waits: a change that is not told would leave an old answer in force.
3. What is wrong with it is the adapter's mistake: ValueError, without the number.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from typing import Final, Literal, cast

import structlog

from gateway.errors import AuditError, RequestError, StoreError
from gateway.model.ids import parse_holder
from gateway.model.lookup import HolderReference
from gateway.ports import AdapterDirectory, ChangeLog
from gateway.sdk import Deadline

_RECORD_S: Final = 10.0
_BACKOFF_S: Final = 0.5
_log = structlog.get_logger()


class Notice:
    """What `AdapterContext.changed` comes to.

    Args:
        clock: aware UTC now.
        utc_offset_h: hours east of UTC of the site's days.
        backoff_s: seconds between two tries to record.
    """

    def __init__(
        self,
        departments: AdapterDirectory,
        changes: ChangeLog,
        *,
        clock: Callable[[], datetime],
        utc_offset_h: float,
        backoff_s: float = _BACKOFF_S,
    ) -> None:
        self._departments: Final = departments
        self._changes: Final = changes
        self._clock: Final = clock
        self._zone: Final = timezone(timedelta(hours=utc_offset_h))
        self._backoff_s: Final = backoff_s

    async def __call__(
        self, adapter: str, scheme: str, number: str, certificates: Sequence[str]
    ) -> None:
        """Return when it is recorded and forgotten everywhere.

        Raises:
            ValueError: no number that a holder can have, or a certificate of another adapter.
        """
        if scheme not in {"cn-id", "cn-uscc"}:
            raise ValueError("scheme is neither cn-id nor cn-uscc")
        reference = HolderReference(cast(Literal["cn-id", "cn-uscc"], scheme), number)
        try:
            today = self._clock().astimezone(self._zone).date()
            holder = parse_holder(reference, today=today)
        except RequestError as error:
            raise ValueError(error.detail) from None
        named = self._of(adapter, certificates)
        is_told = False
        while True:
            try:
                await self._changes.notice(adapter, holder, named, Deadline.after(_RECORD_S))
            except (AuditError, StoreError) as error:
                if not is_told:
                    _log.warning(
                        "a change waits until it can be recorded and told",
                        adapter=adapter,
                        code=error.code,
                    )
                is_told = True
                await asyncio.sleep(self._backoff_s)
            else:
                return

    def _of(self, adapter: str, certificates: Sequence[str]) -> tuple[str, ...]:
        own = sorted(self._departments.certificates_of(adapter))
        if unknown := sorted(set(certificates) - set(own)):
            raise ValueError(f"adapter {adapter} does not answer {unknown[0]}")
        return tuple(dict.fromkeys(certificates)) or tuple(own)
