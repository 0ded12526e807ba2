# SPDX-License-Identifier: Apache-2.0
"""Rules about why: texts that say nothing."""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator
from statistics import median
from typing import Final

import msgspec

from gateway.audit.anomaly.finding import Finding, parse_rows
from gateway.audit.anomaly.view import View
from gateway.errors import Text

#: What forms are filled with to get past them, folded; the policy refuses more.
PLACEHOLDERS: Final = (
    *("0", "1", "00", "11", "000", "111", "1111", "123", "1234", "123456", "888888", "999999"),
    *("a", "aaa", "abc", "x", "xx", "xxx", "test", "testing", "admin", "root", "user", "demo"),
    *("null", "none", "n/a", "na", "unknown", "undefined", "default", "guest", "asdf", "qwerty"),
    *("测试", "测试用", "调试", "演示", "无", "暂无", "没有", "空", "其他", "其它", "未知", "默认"),
    *("管理员", "系统", "用户", "操作员", "经办人", "用途", "事由", "工作需要", "业务需要"),
)
_FEWEST_PEERS: Final = 2


def placeholder_text(view: View) -> Iterator[Finding]:
    """Operator, terminal or purpose is a placeholder; refused attempts count too."""
    known = frozenset(PLACEHOLDERS)
    limit = view.settings.placeholder_count
    texts = view.rows(
        "SELECT DISTINCT operator FROM period UNION SELECT DISTINCT terminal FROM period"
        " UNION SELECT DISTINCT purpose FROM period"
    )
    empty = [text for (text,) in texts if text is not None and _fold(text) in known]
    if not empty:
        return
    for agency, operator, terminals, purposes, count, joined in view.rows(
        "WITH empty AS MATERIALIZED (SELECT value FROM json_each(:empty))"
        " SELECT agency, operator, sum(terminal IN empty), sum(purpose IN empty), count(*) AS n,"
        " group_concat(idx) FROM period WHERE operator IN empty OR terminal IN empty"
        " OR purpose IN empty GROUP BY agency, operator HAVING n >= :limit",
        empty=msgspec.json.encode(empty).decode(),
        limit=limit,
    ):
        yield Finding(
            rule="placeholder_text",
            severity="low",
            agency=agency,
            operator=operator,
            baseline={"limit": limit - 1},
            observed={"count": count, "terminals": terminals or 0, "purposes": purposes or 0},
            rows=parse_rows(joined),
            sentence=Text(
                f"{count} accesses whose operator, terminal or purpose is a placeholder",
                f"{count} 次查询的经办人、终端或用途为占位内容",
            ),
        )


def constant_text(view: View) -> Iterator[Finding]:
    """One purpose for nearly everything, while colleagues write several."""
    settings = view.settings
    counts: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    seen = {}
    for agency, operator, purpose, count, joined in view.rows(
        "SELECT agency, operator, purpose, count(*), group_concat(idx) FROM period"
        " WHERE operator IS NOT NULL AND purpose IS NOT NULL GROUP BY agency, operator, purpose"
    ):
        counts[agency, operator][purpose] = count
        seen[agency, operator, purpose] = joined
    shares = {
        who: 100 * max(purposes.values()) / purposes.total()
        for who, purposes in counts.items()
        if purposes.total() >= settings.text_min_count
    }
    for (agency, operator), share in shares.items():
        peers = [s for who, s in shares.items() if who[0] == agency and who[1] != operator]
        if share < settings.text_percent or len(peers) < _FEWEST_PEERS:
            continue
        if (usual := median(peers)) > settings.peer_percent:
            continue
        ((purpose, count),) = counts[agency, operator].most_common(1)
        yield Finding(
            rule="constant_text",
            severity="low",
            agency=agency,
            operator=operator,
            baseline={"peers": len(peers), "median_percent": round(usual)},
            observed={"purpose": purpose, "count": count, "percent": round(share)},
            rows=parse_rows(seen[agency, operator, purpose]),
            sentence=Text(
                f"{share:.0f} % of the accesses have one purpose; with {len(peers)} colleagues "
                f"the most frequent one has {usual:.0f} %",
                f"{share:.0f}% 的查询用途相同；{len(peers)} 名同事的最常见用途占 {usual:.0f}%",
            ),
        )


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip().casefold()
