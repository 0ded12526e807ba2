# SPDX-License-Identifier: Apache-2.0
"""Rules about from where and to whom: shared operators, shared terminals, new departments."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Final

from gateway.audit.anomaly.finding import Finding, parse_rows
from gateway.audit.anomaly.view import DAY_MS, View
from gateway.errors import Text

_EPOCH: Final = date(1970, 1, 1).toordinal()
_MINUTE_MS: Final = 60_000


def shared_operator(view: View) -> Iterator[Finding]:
    """One operator's id is used at two terminals at once."""
    settings = view.settings
    for agency, operator, day, switches, terminals, joined in view.rows(
        "WITH moves AS (SELECT agency, operator, day, idx, time_ms, terminal,"
        " lag(terminal) OVER w AS terminal_before, lag(time_ms) OVER w AS ms_before FROM period"
        " WHERE operator IS NOT NULL AND terminal IS NOT NULL"
        " WINDOW w AS (PARTITION BY agency, operator ORDER BY time_ms, idx))"
        " SELECT agency, operator, day, count(*) AS switches, count(DISTINCT terminal),"
        " group_concat(idx) FROM moves WHERE terminal != terminal_before"
        " AND time_ms - ms_before < :walk_ms GROUP BY agency, operator, day"
        " HAVING switches >= :limit",
        walk_ms=settings.switch_minutes * _MINUTE_MS,
        limit=settings.switch_count,
    ):
        shown = date.fromordinal(_EPOCH + day)
        yield Finding(
            rule="shared_operator",
            severity="high",
            agency=agency,
            operator=operator,
            baseline={"minutes": settings.switch_minutes, "limit": settings.switch_count - 1},
            observed={"day": str(shown), "switches": switches, "terminals": terminals},
            rows=parse_rows(joined),
            sentence=Text(
                f"on {shown} the operator changed between {terminals} terminals {switches} times "
                f"within {settings.switch_minutes} minutes each: more than one person",
                f"{shown} 该经办人在 {terminals} 个终端之间于 {settings.switch_minutes} 分钟内"
                f"切换 {switches} 次：疑似多人共用账号",
            ),
        )


def shared_terminal(view: View) -> Iterator[Finding]:
    """Many operators' ids are used at one terminal on one day."""
    limit = view.settings.terminal_operators
    for agency, terminal, day, operators, usual, joined in view.rows(
        "WITH places AS MATERIALIZED (SELECT agency, terminal, day,"
        " count(DISTINCT operator) AS operators, group_concat(idx) AS found FROM period"
        " WHERE operator IS NOT NULL AND terminal IS NOT NULL GROUP BY agency, terminal, day)"
        " SELECT agency, terminal, day, operators, (SELECT avg(operators) FROM places), found"
        " FROM places WHERE operators >= :limit",
        limit=limit,
    ):
        shown = date.fromordinal(_EPOCH + day)
        yield Finding(
            rule="shared_terminal",
            severity="medium",
            agency=agency,
            baseline={"usual": round(usual, 2), "limit": limit - 1},
            observed={"day": str(shown), "terminal": terminal, "operators": operators},
            rows=parse_rows(joined),
            sentence=Text(
                f"{operators} operators at the terminal {terminal} on {shown}; a terminal has "
                f"{usual:.1f} on average",
                f"{shown} 终端 {terminal} 上出现 {operators} 名经办人；平均为 {usual:.1f} 名",
            ),
        )


def first_department(view: View) -> Iterator[Finding]:
    """A department is asked for the first time after a long history without it."""
    wait_ms = view.settings.department_days * DAY_MS
    known: dict[tuple[str, ...], int] = {}
    began: dict[tuple[str, ...], int] = {}
    found = view.rows(
        "SELECT agency, operator, department, min(time_ms), count(*),"
        " group_concat(CASE WHEN judged THEN idx END) FROM history"
        " WHERE operator IS NOT NULL AND department != '' GROUP BY agency, operator, department"
    )
    for agency, operator, department, first_ms, _, _ in found:
        for who in ((agency,), (agency, operator)):
            began[who] = min(began.get(who, first_ms), first_ms)
        known[agency, department] = min(known.get((agency, department), first_ms), first_ms)
    for agency, operator, department, first_ms, count, joined in found:
        # A department that is new for the whole agency is new business, told by the severity.
        new = known[agency, department] >= view.from_ms
        history_ms = first_ms - began[agency, operator]
        if first_ms < view.from_ms or history_ms < wait_ms:
            continue
        shown, days = datetime.fromtimestamp(first_ms / 1000, UTC).date(), history_ms // DAY_MS
        yield Finding(
            rule="first_department",
            severity="low" if new else "medium",
            agency=agency,
            operator=operator,
            baseline={"days_without": days, "limit": view.settings.department_days},
            observed={"department": department, "count": count, "first": str(shown)},
            rows=parse_rows(joined),
            sentence=Text(
                f"asks {department} for the first time after {days} days of other work, {count} "
                f"times since{'; the whole agency is new to it' if new else ''}",
                f"从业 {days} 天后首次查询 {department}，此后 {count} 次"
                f"{'；本单位也是首次' if new else ''}",
            ),
        )
