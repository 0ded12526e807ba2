# SPDX-License-Identifier: Apache-2.0
"""Instants as this project writes them: RFC 3339 in UTC, ending in `Z`."""

from datetime import UTC, datetime


def format_time_s(at: datetime) -> str:
    """Write an aware instant in whole seconds; the fraction is dropped, never rounded up."""
    return _format(at, "seconds")


def format_time_ms(at: datetime) -> str:
    """Write an aware instant with milliseconds."""
    return _format(at, "milliseconds")


def _format(at: datetime, timespec: str) -> str:
    if at.tzinfo is not UTC:
        at = at.astimezone(UTC)
    return at.isoformat(timespec=timespec)[: -len("+00:00")] + "Z"
