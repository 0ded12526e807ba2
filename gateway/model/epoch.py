# SPDX-License-Identifier: Apache-2.0
"""Epochs 密钥周期: the months, in the site's zone, under whose keys the log knows holders.

1. An epoch is named `YYYY-MM`, so that names sort as time does.
2. Retention counts from the end of the epoch's month: its last record, too, is kept that long.
"""

import re
from datetime import datetime, timedelta, timezone
from typing import Final

from gateway.errors import RequestError

_MONTHS: Final = 12
_NAME: Final = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")


def epoch_at(now: datetime, utc_offset_h: float) -> str:
    """The epoch of an aware instant."""
    return now.astimezone(_zone(utc_offset_h)).strftime("%Y-%m")


def epoch_after(epoch: str) -> str:
    """The epoch that follows.

    Raises:
        RequestError: RECORD_UNKNOWN; `epoch` is none.
    """
    year, month = _after(epoch, 1)
    return f"{year:04d}-{month:02d}"


def epoch_end(epoch: str, utc_offset_h: float, *, months: int = 0) -> datetime:
    """The instant at which an epoch ends, or so many whole months later.

    Raises:
        RequestError: RECORD_UNKNOWN; `epoch` is none.
    """
    year, month = _after(epoch, 1 + months)
    return datetime(year, month, 1, tzinfo=_zone(utc_offset_h))


def _after(epoch: str, months: int) -> tuple[int, int]:
    if (found := _NAME.fullmatch(epoch)) is None:
        raise RequestError("RECORD_UNKNOWN", "an epoch is named YYYY-MM")
    year, month = divmod(int(found[1]) * _MONTHS + int(found[2]) - 1 + months, _MONTHS)
    return year, month + 1


def _zone(utc_offset_h: float) -> timezone:
    return timezone(timedelta(hours=utc_offset_h))
