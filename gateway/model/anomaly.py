# SPDX-License-Identifier: Apache-2.0
"""`[audit.anomalies]` of gateway.toml: from where on an access is worth a person's look.

Every threshold has a default that an ordinary month stays below (docs/explanation/anomalies.md).
"""

from typing import Annotated

import msgspec
from msgspec import Meta

_Count = Annotated[int, Meta(ge=1, le=1_000_000)]
_Days = Annotated[int, Meta(ge=1, le=3660)]
_Percent = Annotated[int, Meta(ge=1, le=100)]


class WorkingHours(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When an agency works, in the site's time zone.

    Attributes:
        from_h: the hour at which work begins.
        to_h: the hour at which it ends; 24 is midnight.
        days: days of the week, 1 is Monday.
    """

    from_h: Annotated[float, Meta(ge=0, le=24)] = 7.5
    to_h: Annotated[float, Meta(ge=0, le=24)] = 19
    days: tuple[Annotated[int, Meta(ge=1, le=7)], ...] = (1, 2, 3, 4, 5)

    def __post_init__(self) -> None:
        """Hours end after they begin; a night shift has the whole day."""
        if self.from_h >= self.to_h:
            raise ValueError("to_h is not after from_h")


class AnomalySection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[audit.anomalies]`: thresholds of the rules of `yizheng audit anomalies`.

    Attributes:
        baseline_days: days before the period that show, together with it, what is normal.
        history_days: active days without which an operator or an agency has no normal of its own.
        volume_factor: deviations above the median from which a day is too much.
        volume_min_count: accesses on a day below which no day is too much.
        hours: when agencies work.
        agency_hours: by agency id, in place of `hours`.
        off_hours_min_count: accesses of one operator outside them.
        scan_min_count: different holders of one operator on one day from which numbers are looked
            at, and numbers that are neighbours from which it is a scan.
        scan_max_records: records whose numbers are opened in one run; busiest days come first.
        case_holders: different holders of one case.
        repeat_days: days on which one operator looks up one holder.
        repeat_cases: cases under which one operator looks up one holder.
        holder_operators: operators who look up one holder.
        text_min_count: accesses from which an operator's purposes are compared with the peers'.
        text_percent: share of one purpose from which it is constant.
        peer_percent: the peers' own share above which they do not vary either.
        placeholder_count: accesses with a placeholder for operator, terminal or purpose.
        department_days: days of history after which a department is used for the first time.
        burst_hours: hours after the first use of a key.
        burst_factor: multiple of the agency's median day in those hours.
        burst_min_count: accesses in those hours below which there is no burst.
        switch_minutes: time in which nobody walks from one terminal to another.
        switch_count: such changes of one operator on one day.
        terminal_operators: operators at one terminal on one day.
    """

    baseline_days: _Days = 90
    history_days: _Days = 10
    volume_factor: Annotated[float, Meta(ge=1, le=1000)] = 6
    volume_min_count: _Count = 40
    hours: WorkingHours = WorkingHours()
    agency_hours: dict[str, WorkingHours] = {}
    off_hours_min_count: _Count = 5
    scan_min_count: Annotated[int, Meta(ge=3, le=1_000_000)] = 8
    scan_max_records: _Count = 50_000
    case_holders: _Count = 6
    repeat_days: _Count = 4
    repeat_cases: _Count = 4
    holder_operators: _Count = 6
    text_min_count: _Count = 40
    text_percent: _Percent = 90
    peer_percent: _Percent = 70
    placeholder_count: _Count = 3
    department_days: _Days = 30
    burst_hours: _Count = 24
    burst_factor: Annotated[float, Meta(ge=1, le=1000)] = 4
    burst_min_count: _Count = 100
    switch_minutes: _Count = 5
    switch_count: _Count = 4
    terminal_operators: _Count = 5
