# SPDX-License-Identifier: Apache-2.0
"""Instants as this project writes them: RFC 3339 in UTC, ending in `Z`."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache


def format_time_s(at: datetime) -> str:
    """Write an aware instant in whole seconds; the fraction is dropped, never rounded up."""
    return _format(at, "seconds")


def format_time_ms(at: datetime) -> str:
    """Write an aware instant with milliseconds."""
    return _format(at, "milliseconds")


def format_month(at: datetime) -> str:
    """Write the month of an instant, `YYYY-MM`, in the zone that it bears."""
    return at.strftime("%Y-%m")


def format_unix_ms(at_s: float) -> str:
    """Write UNIX seconds with milliseconds, which are cut off."""
    whole_s = int(at_s)
    return f"{_text_of(whole_s)}.{int((at_s - whole_s) * 1000):03}Z"


def format_unix_s(at_s: float) -> str:
    """Write UNIX seconds in whole ones; the fraction is dropped."""
    return f"{_text_of(int(at_s))}Z"


@lru_cache(maxsize=4)
def _text_of(whole_s: int) -> str:
    return datetime.fromtimestamp(whole_s, UTC).isoformat(timespec="seconds")[: -len("+00:00")]


def _format(at: datetime, timespec: str) -> str:
    if at.tzinfo is not UTC:
        at = at.astimezone(UTC)
    return at.isoformat(timespec=timespec)[: -len("+00:00")] + "Z"


def parse_ms(text: str) -> int:
    """Read what was written with its zone as whole milliseconds since 1970 UTC.

    Raises:
        ValueError: it is no ISO 8601 time, or has no zone.
    """
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("the time has no zone")
    return unix_ms(at)


def unix_ms(at: datetime) -> int:
    """An aware instant as whole milliseconds since 1970 UTC."""
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
