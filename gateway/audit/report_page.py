# SPDX-License-Identifier: Apache-2.0
"""The citizen report for reading and printing: plain text, and one HTML file that loads nothing.

Texts of the log were written by agencies: every value is escaped, and control characters are
replaced, so that none can move a terminal's cursor, forge a line or turn the direction of writing.
"""

import unicodedata
from collections.abc import Iterator
from html import escape
from typing import Final

from gateway.audit.report import Access, Report
from gateway.audit.report_words import LABELS, say

_STYLE: Final = """\
body{font:15px/1.6 "Noto Sans CJK SC","Source Han Sans SC","Microsoft YaHei",sans-serif;\
max-width:46rem;margin:2rem auto;padding:0 1rem;color:#111}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem;border-bottom:1px solid #999}
dl{display:grid;grid-template-columns:minmax(8rem,max-content) 1fr;gap:.1rem 1rem;margin:.5rem 0}
dt{color:#555}dd{margin:0;overflow-wrap:anywhere}
article{border-left:3px solid #999;padding-left:1rem;margin:1rem 0;break-inside:avoid}
article.denied{border-color:#b00020}
@media print{body{margin:0;max-width:none}}"""

_Pairs = Iterator[tuple[str, str]]


def format_text(report: Report) -> str:
    """The report as plain text."""
    lines = [_label(report, "title"), ""]
    lines += [f"{name}: {_plain(value)}" for name, value in _head(report)]
    if not report.cases:
        lines += ["", _label(report, "nothing")]
    for case in report.cases:
        lines += ["", f"== {_plain(_title(report, case.case, case.agency))}"]
        for access in case.accesses:
            pairs = [f"{name}: {_plain(value)}" for name, value in _access(report, access)]
            lines += [f"  - {pairs[0]}", *(f"    {pair}" for pair in pairs[1:])]
    if report.readings:
        lines += ["", f"== {_label(report, 'readings')}"]
        lines += [f"  - {_plain(text)}" for text in _readings(report)]
    return "\n".join([*lines, "", _label(report, "contest")]) + "\n"


def format_html(report: Report) -> str:
    """The report as one HTML document."""
    title = escape(_label(report, "title"))
    parts = [f"<h1>{title}</h1>", _list(_head(report))]
    if not report.cases:
        parts.append(f"<p>{escape(_label(report, 'nothing'))}</p>")
    for case in report.cases:
        heading = _escape(_title(report, case.case, case.agency))
        parts.append(f"<section><h2>{heading}</h2>")
        for access in case.accesses:
            kind = "permitted" if access.permitted else "denied"
            parts.append(f'<article class="{kind}">{_list(_access(report, access))}</article>')
        parts.append("</section>")
    if report.readings:
        rows = "".join(f"<li>{_escape(text)}</li>" for text in _readings(report))
        heading = escape(_label(report, "readings"))
        parts.append(f"<section><h2>{heading}</h2><ul>{rows}</ul></section>")
    parts.append(f"<p>{escape(_label(report, 'contest'))}</p>")
    language = "zh-CN" if report.language == "zh" else "en"
    return (
        f'<!DOCTYPE html>\n<html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="referrer" content="no-referrer">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">"
        f"<title>{title}</title><style>{_STYLE}</style></head>\n<body>"
        + "\n".join(parts)
        + "</body></html>\n"
    )


def _head(report: Report) -> _Pairs:
    yield _label(report, "site"), report.site
    yield _label(report, "holder"), report.holder
    yield _label(report, "made"), report.made
    yield _label(report, "log"), f"{report.origin}: {report.records} {_label(report, 'records')}"
    yield _label(report, "epochs"), ", ".join(report.epochs) or "–"
    yield _label(report, "summary"), str(report.access_count)
    yield _label(report, "withheld"), str(report.withheld_count)
    erased = [f"{gone.epoch} ({gone.erased[:10]})" for gone in report.gone if gone.erased]
    if erased:
        yield _label(report, "erased"), ", ".join(erased)
    if lost := [gone.epoch for gone in report.gone if not gone.erased]:
        yield _label(report, "lost"), ", ".join(lost)


def _access(report: Report, access: Access) -> _Pairs:
    yield (
        _label(report, "time"),
        f"{access.local} ({access.utc}), {_label(report, 'record')} {access.record}",
    )
    decision = _label(report, "permitted" if access.permitted else "denied")
    for name, value in (
        ("division", access.division),
        ("item", access.item),
        ("purpose", access.purpose),
        ("certificate", access.certificate),
        ("department", access.department),
        ("operation", access.operation),
        ("fields", ", ".join(access.fields)),
        ("decision", decision),
        ("outcome", access.outcome),
        ("operator", access.operator),
    ):
        if value:
            yield _label(report, name), value


def _readings(report: Report) -> Iterator[str]:
    for reading in report.readings:
        number = f"{_label(report, 'record')} {reading.record}"
        yield f"{reading.local} ({reading.utc}), {number}: {reading.act}"


def _title(report: Report, case: str | None, agency: str) -> str:
    named = _label(report, "no_case") if case is None else f"{_label(report, 'case')} {case}"
    return f"{named} · {agency}"


def _list(pairs: _Pairs) -> str:
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{_escape(value)}</dd>" for name, value in pairs)
    return f"<dl>{rows}</dl>"


def _plain(text: str) -> str:
    return "".join(
        c if unicodedata.category(c)[0] != "C" else "\N{REPLACEMENT CHARACTER}" for c in text
    )


def _escape(text: str) -> str:
    return escape(_plain(text))


def _label(report: Report, name: str) -> str:
    return say(LABELS[name], report.language)
