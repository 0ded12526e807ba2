# SPDX-License-Identifier: Apache-2.0
"""Times and durations as an operator types them."""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final

from gateway.errors import RequestError

if TYPE_CHECKING:
    from gateway.config import Site

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_MAX_DURATION: Final = timedelta(days=3660)


def parse_duration(text: str) -> timedelta:
    """Read `90s`, `30m`, `12h` or `7d`; ten years at most.

    Raises:
        RequestError: PERIOD_INVALID.
    """
    found = re.fullmatch(r"([0-9]{1,9})([smhd])", text)
    if found is None:
        raise RequestError("PERIOD_INVALID", "the duration is not a number with s, m, h or d")
    duration = timedelta(seconds=int(found[1]) * _UNITS[found[2]])
    if duration > _MAX_DURATION:
        raise RequestError("PERIOD_INVALID", "the duration is longer than ten years")
    return duration


def parse_time(text: str) -> datetime:
    """Read an ISO 8601 time with its zone; UTC.

    Raises:
        RequestError: PERIOD_INVALID.
    """
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            raise RequestError("PERIOD_INVALID", "the time has no zone")
        return at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise RequestError("PERIOD_INVALID", "the time is not one of ISO 8601") from None


def month_span(site: "Site", month: datetime) -> tuple[datetime, datetime]:
    """First instant of a month in the site's zone, and of the next."""
    zone = timezone(timedelta(hours=site.config.site.utc_offset_h))
    first = month.replace(day=1, tzinfo=zone)
    return first, (first + timedelta(days=32)).replace(day=1)
