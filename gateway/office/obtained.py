# SPDX-License-Identifier: Apache-2.0
"""Which materials of a case were obtained: each is told once, by `material.obtained`.

A row and its event are one transaction; whatever could not be kept is told by the next call that
obtains it.
"""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Final, final

from gateway.model.office_event import MaterialObtained
from gateway.office.outbox import put_event
from gateway.office.store import OfficeStore
from gateway.office_port import ObtainedShelf
from gateway.sdk import Deadline

_KNOWN: Final = "SELECT material, masked FROM obtained WHERE agency = ? AND number = ?"
_ADD: Final = "INSERT OR IGNORE INTO obtained VALUES (?, ?, ?, ?, ?)"


@final
class ObtainedBook(ObtainedShelf):
    """The obtained materials of a site's cases.

    Args:
        clock_s: UNIX seconds.
    """

    def __init__(self, store: OfficeStore, *, clock_s: Callable[[], float]) -> None:
        self._store: Final = store
        self._clock_s: Final = clock_s

    async def note(
        self, agency: str, obtained: Sequence[MaterialObtained], deadline: Deadline
    ) -> None:
        """Keep what was obtained in one call, and tell what no call had before.

        Raises:
            StoreError: it is not known to be kept.
        """
        if not obtained:
            return
        known = {tuple(row) for row in self._store.select(_KNOWN, agency, obtained[0].case)}
        fresh = [each for each in obtained if (each.material, each.holder) not in known]
        if not fresh:
            return  # as most calls: nothing to be written, and nobody to be waited for
        now_s = self._clock_s()

        def work(connection: sqlite3.Connection) -> None:
            for each in fresh:
                row = (agency, each.case, each.material, each.holder, int(now_s))
                if connection.execute(_ADD, row).rowcount:
                    put_event(connection, each, agency=agency, now_s=now_s)

        await self._store.write(work, deadline)
