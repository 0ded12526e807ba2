# SPDX-License-Identifier: Apache-2.0
"""The rungs of the degrade ladder as one worker knows them, from the open incidents of the store.

Rules:

1. Who asks reads one attribute. `look` replaces it, and is called a few times a second; while
   nobody has written to the store it costs some microseconds.
2. A store that cannot be read leaves the rungs as they were last known.
3. Drills are not looked at.
"""

from typing import Final, final

import structlog

from gateway.errors import StoreError
from gateway.model.rung import WHOLE_SITE, Rung, Rungs
from gateway.office.store import OfficeStore
from gateway.office_port import Ladder

_log = structlog.get_logger()
_QUERY: Final = "SELECT scope, rung FROM incidents WHERE closed_at IS NULL AND drill = 0"


@final
class OfficeLadder(Ladder):
    """One worker's."""

    def __init__(self, store: OfficeStore) -> None:
        self._store: Final = store
        self._now = Rungs()
        self._change_count: int | None = None
        self._is_away = False

    @property
    def now(self) -> Rungs:
        """The rungs as they were last read."""
        return self._now

    def look(self) -> None:
        """Read the rungs again, if anybody has written since."""
        try:
            change_count = self._store.change_count()
            if change_count != self._change_count:
                self._take(read_rungs(self._store))
                self._change_count = change_count
        except StoreError as error:
            if not self._is_away:
                _log.error("rungs cannot be read, the last known ones stay", code=error.code)
            self._is_away = True
        else:
            self._is_away = False

    def _take(self, rungs: Rungs) -> None:
        if rungs != self._now:
            _log.warning("degrade ladder", before=self._now.text(), now=rungs.text())
            self._now = rungs


def read_rungs(store: OfficeStore) -> Rungs:
    """The rungs as they are kept.

    Raises:
        StoreError: the store cannot be read.
    """
    found: dict[str, Rung] = dict(store.select(_QUERY))
    return Rungs(found.pop(WHOLE_SITE, "normal"), found)
