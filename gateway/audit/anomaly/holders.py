# SPDX-License-Identifier: Apache-2.0
"""Rules about whom: scans of numbers, one case for many, one holder again and again.

A blind index is equal for equal holders within one epoch (a month) only, so look-ups of one holder
are counted month by month. Scans are seen in the numbers themselves (GB 11643: region, date of
birth, sequence code), which are opened for the busiest days only and leave nothing but counts and
masks behind.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import pairwise
from typing import Final

from gateway.audit.anomaly.finding import Finding, parse_rows
from gateway.audit.anomaly.view import Revealed, View
from gateway.errors import Text

_EPOCH: Final = date(1970, 1, 1).toordinal()
#: Region and date of birth of a citizen number; authority, region and most of the organisation's.
_HEAD: Final = slice(0, 14)
_REGION: Final = slice(0, 6)
_BORN: Final = slice(6, 14)
_SEQUENCE: Final = slice(14, 17)
_MASKS_SHOWN: Final = 5
#: Words of a finding by the form of the scan.
_FORMS: Final = {
    "head": Text("with one region and date of birth", "地区与出生日期相同"),
    "births": Text("with one region and birth dates in a row", "地区相同、出生日期连续"),
}


def scanning(view: View) -> Iterator[Finding]:
    """One operator's numbers of one day are neighbours."""
    settings, left, skipped = view.settings, view.settings.scan_max_records, 0
    for agency, operator, day, holders, joined in view.rows(
        "SELECT agency, operator, day, count(DISTINCT ix) AS holders, group_concat(idx)"
        " FROM period WHERE operator IS NOT NULL AND ix IS NOT NULL GROUP BY agency, operator, day"
        " HAVING holders >= :minimum ORDER BY sum(outcome = 'not_found') DESC, holders DESC",
        minimum=settings.scan_min_count,
    ):
        rows = parse_rows(joined)
        left -= len(rows)
        if left < 0:
            skipped += 1
            continue
        form, scanned = _largest_scan(list(view.reveal(rows)))
        count = len({found.number for found in scanned})
        if count < settings.scan_min_count:
            continue
        masks = sorted({found.masked for found in scanned})
        shown, words = date.fromordinal(_EPOCH + day), _FORMS[form]
        yield Finding(
            rule="scanning",
            severity="high",
            agency=agency,
            operator=operator,
            baseline={"limit": settings.scan_min_count - 1},
            observed={
                "day": str(shown),
                "form": form,
                "neighbours": count,
                "holders": holders,
                "masked": " ".join(masks[:_MASKS_SHOWN]),
            },
            rows=tuple(sorted(found.index for found in scanned)),
            sentence=Text(
                f"{count} of {holders} numbers on {shown} are neighbours, {words.en}: a scan, "
                "not applicants at a window",
                f"{shown} 所查 {holders} 个号码中有 {count} 个相邻（{words.zh}）：疑似逐号扫描",
            ),
        )
    if skipped:
        view.notes.append(
            Text(
                f"scanning: {skipped} operator-days were not opened (scan_max_records)",
                f"scanning：{skipped} 个经办人日未解密检查（scan_max_records）",
            )
        )


def _largest_scan(found: Sequence[Revealed]) -> tuple[str, list[Revealed]]:
    """The largest set of neighbours, and how they are neighbours."""
    heads: defaultdict[str, list[Revealed]] = defaultdict(list)
    births: defaultdict[tuple[str, str], list[Revealed]] = defaultdict(list)
    for one in found:
        heads[one.number[_HEAD]].append(one)
        if one.number[_BORN].isdigit():
            births[one.number[_REGION], one.number[_SEQUENCE]].append(one)
    scans = [("head", group) for group in heads.values()]
    scans += [("births", _longest_row(group)) for group in births.values()]
    return max(scans, key=lambda scan: len({one.number for one in scan[1]}), default=("head", []))


def _longest_row(group: Sequence[Revealed]) -> list[Revealed]:
    """Those whose dates of birth follow each other day by day."""
    days: defaultdict[int, list[Revealed]] = defaultdict(list)
    for one in group:
        try:
            days[date.fromisoformat(one.number[_BORN]).toordinal()].append(one)
        except ValueError:
            continue  # an organisation's code with eight digits there
    best: list[int] = []
    row: list[int] = []
    ordered = sorted(days)
    for before, day in pairwise([ordered[0] - 1, *ordered] if ordered else []):
        row = [*row, day] if day == before + 1 else [day]
        best = max(best, row, key=len)
    return [one for day in best for one in days[day]]


def case_many_holders(view: View) -> Iterator[Finding]:
    """One case stands for look-ups of many people."""
    limit = view.settings.case_holders
    for agency, case, holders, usual, joined in view.rows(
        "WITH cases AS MATERIALIZED (SELECT agency, case_id, epoch, count(DISTINCT ix) AS n,"
        " group_concat(idx) AS found FROM period WHERE case_id IS NOT NULL AND ix IS NOT NULL"
        " GROUP BY agency, case_id, epoch)"
        " SELECT agency, case_id, max(n) AS holders, (SELECT avg(n) FROM cases),"
        " group_concat(found) FROM cases GROUP BY agency, case_id HAVING holders >= :limit",
        limit=limit,
    ):
        yield Finding(
            rule="case_many_holders",
            severity="high",
            agency=agency,
            baseline={"usual": round(usual, 2), "limit": limit - 1},
            observed={"case": case, "holders": holders},
            rows=parse_rows(joined),
            sentence=Text(
                f"{holders} different holders under the case {case}; a case has {usual:.1f} on "
                "average",
                f"办件 {case} 下查询了 {holders} 个不同主体；办件平均为 {usual:.1f} 个",
            ),
        )


def repeat_holder(view: View) -> Iterator[Finding]:
    """One operator looks up one holder on many days, or under many cases."""
    settings = view.settings
    for agency, operator, masked, days, cases, usual, joined in view.rows(
        "WITH pairs AS MATERIALIZED (SELECT agency, operator, masked, count(DISTINCT day) AS days,"
        " count(DISTINCT case_id) AS cases, group_concat(idx) AS found FROM period"
        " WHERE operator IS NOT NULL AND ix IS NOT NULL GROUP BY agency, operator, epoch, ix)"
        " SELECT agency, operator, masked, days, cases, (SELECT avg(days) FROM pairs), found"
        " FROM pairs WHERE days >= :days OR cases >= :cases",
        days=settings.repeat_days,
        cases=settings.repeat_cases,
    ):
        yield Finding(
            rule="repeat_holder",
            severity="medium",
            agency=agency,
            operator=operator,
            baseline={
                "usual_days": round(usual, 2),
                "limit_days": settings.repeat_days - 1,
                "limit_cases": settings.repeat_cases - 1,
            },
            observed={"masked": masked, "days": days, "cases": cases},
            rows=parse_rows(joined),
            sentence=Text(
                f"one holder ({masked}) looked up on {days} days under {cases} cases; operators "
                f"see a holder on {usual:.2f} days on average",
                f"同一主体（{masked}）在 {days} 天、{cases} 个办件中被同一经办人查询；"
                f"平均为 {usual:.2f} 天",
            ),
        )


def holder_many_operators(view: View) -> Iterator[Finding]:
    """Many operators look up one holder: somebody known, or somebody looked for."""
    limit = view.settings.holder_operators
    for masked, operators, agencies, usual, joined in view.rows(
        "WITH holders AS MATERIALIZED (SELECT masked, count(DISTINCT agency) AS agencies,"
        " count(DISTINCT agency || ' ' || operator) AS operators, group_concat(idx) AS found"
        " FROM period WHERE operator IS NOT NULL AND ix IS NOT NULL GROUP BY epoch, ix)"
        " SELECT masked, operators, agencies, (SELECT avg(operators) FROM holders), found"
        " FROM holders WHERE operators >= :limit",
        limit=limit,
    ):
        yield Finding(
            rule="holder_many_operators",
            severity="medium",
            baseline={"usual": round(usual, 2), "limit": limit - 1},
            observed={"masked": masked, "operators": operators, "agencies": agencies},
            rows=parse_rows(joined),
            sentence=Text(
                f"one holder ({masked}) looked up by {operators} operators of {agencies} "
                f"agencies; a holder is by {usual:.2f} on average",
                f"同一主体（{masked}）被 {agencies} 个单位的 {operators} 名经办人查询；"
                f"平均为 {usual:.2f} 名",
            ),
        )
