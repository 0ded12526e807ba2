# SPDX-License-Identifier: Apache-2.0
"""What day it is where the site is: grants and daily caps go by it."""

import math
from collections.abc import Callable
from datetime import date, timedelta
from typing import Final

_DAY_S: Final = 86_400
_MINUTE_S: Final = 60
_EPOCH: Final = date(1970, 1, 1)


class SiteDay:
    """Made anew once a day, not with each request.

    Args:
        clock_s: UNIX seconds.
        utc_offset_h: hours east of UTC.
    """

    def __init__(self, clock_s: Callable[[], float], utc_offset_h: float) -> None:
        self._clock_s: Final = clock_s
        self._offset_s: Final = utc_offset_h * 3600
        self._number, self._date = 0, _EPOCH

    def today(self) -> date:
        """The day of now."""
        number = int((self._clock_s() + self._offset_s) // _DAY_S)
        if number != self._number:
            self._number, self._date = number, _EPOCH + timedelta(days=number)
        return self._date

    def minute(self) -> int:
        """The minute of that day, 0 to 1439."""
        return int((self._clock_s() + self._offset_s) % _DAY_S // _MINUTE_S)

    def left_s(self) -> int:
        """Seconds until the next day begins, rounded up."""
        return math.ceil(_DAY_S - (self._clock_s() + self._offset_s) % _DAY_S)
