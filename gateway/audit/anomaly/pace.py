# SPDX-License-Identifier: Apache-2.0
"""Rules about how much and when: volume, hours, and what follows a new key."""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from statistics import median
from typing import Final

import msgspec

from gateway.audit.anomaly.finding import Finding, parse_rows
from gateway.audit.anomaly.view import DAY_MS, HOUR_MS, View
from gateway.errors import Text

#: Makes the median absolute deviation of a normal distribution its standard deviation.
_MAD_TO_DEVIATION: Final = 1.4826
_EPOCH: Final = date(1970, 1, 1)
#: So many times the limit is no busy day any more.
_HIGH: Final = 2

_Who = tuple[str, str]


def volume(view: View) -> Iterator[Finding]:
    """An operator's day far above the operator's other days; a newcomer's above the peers'."""
    counts: defaultdict[_Who, dict[int, int]] = defaultdict(dict)
    seen: dict[tuple[_Who, int], str] = {}
    for agency, operator, day, count, joined in view.rows(
        "SELECT agency, operator, day, count(*), group_concat(CASE WHEN judged THEN idx END)"
        " FROM past WHERE operator IS NOT NULL GROUP BY agency, operator, day"
    ):
        counts[agency, operator][day] = count
        if joined is not None and count >= view.settings.volume_min_count:
            seen[(agency, operator), day] = joined
    for (who, day), joined in seen.items():
        whose, days = _comparable(counts, who, day, view.settings.history_days)
        if not days:
            continue
        middle, deviation = _robust(days)
        limit = middle + view.settings.volume_factor * deviation
        if (count := counts[who][day]) <= limit:
            continue
        zh = {"own": "本人其他工作日", "peers": "本单位其他经办人", "site": "其他单位经办人"}[whose]
        en = {"own": "own days", "peers": "colleagues' days", "site": "days of others"}[whose]
        shown = _EPOCH + timedelta(days=day)
        yield Finding(
            rule="volume",
            severity="high" if count > _HIGH * limit else "medium",
            agency=who[0],
            operator=who[1],
            baseline={
                "of": whose,
                "days": len(days),
                "median": middle,
                "deviation": round(deviation, 1),
                "limit": round(limit, 1),
            },
            observed={"day": str(shown), "count": count},
            rows=parse_rows(joined),
            sentence=Text(
                f"{count} accesses on {shown}; the median of {len(days)} {en} is {middle:g}, "
                f"the limit {limit:.0f}",
                f"{shown} 查询 {count} 次；{zh}（{len(days)} 天）的中位数为 {middle:g} 次，"
                f"上限 {limit:.0f} 次",
            ),
        )


def _comparable(
    counts: Mapping[_Who, Mapping[int, int]], who: _Who, day: int, minimum: int
) -> tuple[str, list[int]]:
    """Days to compare with: the operator's own, else the agency's others', else all others'."""
    own = [count for at, count in counts[who].items() if at != day]
    if len(own) >= minimum:
        return "own", own
    others = {other: days for other, days in counts.items() if other != who}
    peers = [c for other, days in others.items() if other[0] == who[0] for c in days.values()]
    if len(peers) >= minimum:
        return "peers", peers
    site = [count for days in others.values() for count in days.values()]
    return "site", site if len(site) >= minimum else []


def _robust(days: list[int]) -> tuple[float, float]:
    """Median, and a deviation that few wild days cannot widen nor a flat past narrow to nothing."""
    middle = median(days)
    spread = _MAD_TO_DEVIATION * median(abs(count - middle) for count in days)
    return middle, max(spread, math.sqrt(middle), 1.0)


def off_hours(view: View) -> Iterator[Finding]:
    """Accesses outside the agency's hours, more than the operator's own past explains."""
    for agency, operator, before_off, before, inside, off, joined in view.rows(
        "SELECT agency, operator, sum(outside AND NOT judged), sum(NOT judged),"
        " sum(judged), sum(outside AND judged) AS off,"
        " group_concat(CASE WHEN outside AND judged THEN idx END)"
        " FROM past WHERE operator IS NOT NULL GROUP BY agency, operator HAVING off >= :minimum",
        minimum=view.settings.off_hours_min_count,
    ):
        share = before_off / before if before else 0.0
        expected = share * inside
        limit = expected + view.settings.volume_factor * math.sqrt(expected)
        if off <= limit:
            continue
        yield Finding(
            rule="off_hours",
            severity="medium",
            agency=agency,
            operator=operator,
            baseline={
                "accesses_before": before,
                "outside_percent_before": round(100 * share, 1),
                "limit": max(round(limit, 1), view.settings.off_hours_min_count - 1),
            },
            observed={"count": off, "of": inside},
            rows=parse_rows(joined),
            sentence=Text(
                f"{off} of {inside} accesses outside working hours; before, {share:.1%} of "
                f"{before} were",
                f"{inside} 次查询中有 {off} 次在工作时间以外；此前 {before} 次中占 {share:.1%}",
            ),
        )


def key_burst(view: View) -> Iterator[Finding]:
    """Far more than the agency's usual day in the first hours of a new key."""
    settings = view.settings
    if not (born := _new_keys(view)):
        return
    daily: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for agency, day, count in view.rows(
        "SELECT agency, day, count(*) FROM past GROUP BY agency, day"
    ):
        daily[agency].append((day, count))
    for agency, keyid, born_ms, count, joined in view.rows(
        "WITH born AS MATERIALIZED (SELECT json_extract(value, '$[0]') AS agency,"
        " json_extract(value, '$[1]') AS keyid, json_extract(value, '$[2]') AS at_ms"
        " FROM json_each(:born))"
        " SELECT agency, keyid, at_ms, count(*) AS n, group_concat(idx)"
        " FROM period JOIN born USING (agency, keyid) WHERE time_ms < at_ms + :burst_ms"
        " GROUP BY agency, keyid HAVING n >= :minimum",
        born=msgspec.json.encode(born).decode(),
        burst_ms=settings.burst_hours * HOUR_MS,
        minimum=settings.burst_min_count,
    ):
        before = (born_ms + view.offset_ms) // DAY_MS
        days = [n for day, n in daily[agency] if day < before]
        usual = median(days) if days else 0
        if count <= (limit := settings.burst_factor * usual):
            continue
        yield Finding(
            rule="key_burst",
            severity="high",
            agency=agency,
            baseline={"days": len(days), "median": usual, "limit": limit},
            observed={"keyid": keyid, "hours": settings.burst_hours, "count": count},
            rows=parse_rows(joined),
            sentence=Text(
                f"{count} accesses in the first {settings.burst_hours} hours of the key {keyid}; "
                f"the agency's median day before has {usual:g}",
                f"密钥 {keyid} 首次使用后 {settings.burst_hours} 小时内查询 {count} 次；"
                f"本单位此前每日中位数为 {usual:g} 次",
            ),
        )


def _new_keys(view: View) -> list[tuple[str, str, int]]:
    """Keys first used in the period by agencies that have a history: agency, key id, first use."""
    first = view.rows("SELECT agency, keyid, min(time_ms) FROM history GROUP BY agency, keyid")
    began: dict[str, int] = {}
    for agency, _, first_ms in first:
        began[agency] = min(began.get(agency, first_ms), first_ms)
    wait_ms = view.settings.history_days * DAY_MS
    return [
        (agency, keyid, first_ms)
        for agency, keyid, first_ms in first
        if first_ms >= view.from_ms and first_ms - began[agency] >= wait_ms
    ]
