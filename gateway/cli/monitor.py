# SPDX-License-Identifier: Apache-2.0
"""`yizheng monitor`: electronic monitoring of cases 电子监察 (clause 8.1.1).

What the rules read names agencies, cases and materials, and no holder. The gateway has to run:
a run that finds something, and each settling, is an event of its log.
"""

import sys
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from gateway.cli import supervised
from gateway.cli.config import SiteOption
from gateway.cli.indexed import opened_index
from gateway.cli.output import EXIT_REFUSED, JsonOption, print_facts, print_json, print_table
from gateway.cli.supervised import ByOption, WordsOption
from gateway.model.finding import LEVEL_NAMES, RULE_TITLES, Level, RuleName

if TYPE_CHECKING:
    from gateway.model.finding import Finding

app: Final = typer.Typer(
    help="Electronic monitoring 电子监察: findings by rule and level.", no_args_is_help=True
)
CheckOption = Annotated[
    bool, typer.Option("--check", help="Exit with 1 where an open finding is red 红牌.")
]
FindingArgument = Annotated[str, typer.Argument(help="Id of the finding, such as F-2026-000001.")]


@app.command("run")
def run_once(
    check: CheckOption = False, site: SiteOption = Path(), as_json: JsonOption = False
) -> None:
    """Look at all cases, commitments and matters now; what is suspicious is kept once.

    Example: `yizheng monitor run --check`
    """
    import asyncio

    from gateway.audit.seen import SeenLog
    from gateway.config import load_site
    from gateway.monitoring import Monitoring
    from gateway.supervising import Supervision

    loaded = load_site(site)
    with (
        closing(Supervision.open(loaded)) as opened,
        opened_index(loaded, shown=sys.stderr.isatty() and not as_json) as (reader, behind),
    ):
        monitoring = Monitoring(loaded, opened)
        done = asyncio.run(monitoring.run(SeenLog(reader), not_indexed=behind))
        is_red = check and any(opened.findings.list_findings(level="red"))
    facts = {
        "cases": done.case_count,
        "new": len(done.found),
        "raised": len(done.raised),
        "not counted (no calendar)": done.uncounted_count,
        "not indexed yet": done.not_indexed,
    }
    if as_json:
        print_json(done)
    else:
        print_facts("Monitoring 电子监察", facts, as_json=False)
    _exit_if(is_red)


@app.command("list")
def list_findings(
    level: Annotated[Level | None, typer.Option(help="notice 预警, yellow 黄牌, red 红牌.")] = None,
    rule: Annotated[RuleName | None, typer.Option(help="Of one rule.")] = None,
    agency: Annotated[str | None, typer.Option(help="Of one agency.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Settled ones, too.")] = False,
    check: CheckOption = False,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """List open findings, oldest first.

    Example: `yizheng monitor list --level red --check`
    """
    from gateway.config import load_site
    from gateway.supervising import Supervision

    with closing(Supervision.open(load_site(site))) as opened:
        found = list(
            opened.findings.list_findings(
                level=level, rule=rule, agency=agency, state=None if everything else "open"
            )
        )
    if as_json:
        print_json(found)
    else:
        columns = ["id", "level", "state", "rule", "agency", "case", "item", "subject", "since"]
        print_table("Findings 监察发现", columns, map(_row, found))
    _exit_if(check and any((each.level, each.state) == ("red", "open") for each in found))


@app.command("show")
def show(finding: FindingArgument, site: SiteOption = Path(), as_json: JsonOption = False) -> None:
    """Show a finding with its change log.

    Example: `yizheng monitor show F-2026-000001`
    """
    from gateway.config import load_site
    from gateway.supervising import Supervision

    with closing(Supervision.open(load_site(site))) as opened:
        found = opened.findings.show(finding)
    _print(found, as_json=as_json)


@app.command("settle")
def settle(
    finding: FindingArgument,
    words: WordsOption,
    by: ByOption,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """End a finding, with the reason; the same is not found again.

    Example: `yizheng monitor settle F-2026-000001 --words "已补登记" --by "监督科"`
    """
    from gateway.sdk import Deadline

    settled = supervised.recorded(
        site,
        "finding_settled",
        lambda opened: opened.findings.settle(
            finding, by=by, words=words, deadline=Deadline.after(supervised.LIMIT_S)
        ),
        lambda done: f"id={done.id} rule={done.about.rule} level={done.level}",
    )
    _print(settled, as_json=as_json)


@app.command("repeated")
def repeated(
    month: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m"], help="Such as 2026-11; else this month.")
    ] = None,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Rank what was asked for again although it could have been shared 重复提交材料.

    A case that was closed without a lookup of the material counts, and so does a complaint; where
    a grant was there and the department had answered in the days before.

    Example: `yizheng monitor repeated --month 2026-11`
    """
    import asyncio

    from gateway.audit.seen import SeenLog
    from gateway.cli.period import month_span
    from gateway.config import load_site
    from gateway.monitoring import Monitoring
    from gateway.supervising import Supervision

    loaded = load_site(site)
    with (
        closing(Supervision.open(loaded)) as opened,
        opened_index(loaded, shown=sys.stderr.isatty() and not as_json) as (reader, _),
    ):
        today = opened.today()
        first, end = month_span(loaded, month or datetime(today.year, today.month, 1))  # noqa: DTZ001 - a month, of no zone
        ranking = asyncio.run(Monitoring(loaded, opened).rank_repeated(SeenLog(reader), first, end))
    if as_json:
        print_json(ranking)
        return
    columns = ["item", "agency", "material", "certificate", "cases", "complaints"]
    rows = (
        (r.item, r.agency, r.material, r.certificate, r.case_count, r.complaint_count)
        for r in ranking
    )
    print_table(f"Asked for again 重复提交材料 {first:%Y-%m}", columns, rows)


def _row(finding: "Finding") -> list[object]:
    about = finding.about
    return [
        finding.id,
        f"{finding.level} {LEVEL_NAMES[finding.level]}",
        finding.state,
        f"{about.rule} {RULE_TITLES[about.rule].zh}",
        *(about.agency, about.case, about.item, about.subject, about.since),
    ]


def _print(finding: "Finding", *, as_json: bool) -> None:
    if as_json:
        print_json(finding)
        return
    about = finding.about
    title = RULE_TITLES[about.rule]
    facts: dict[str, Any] = {
        "id": finding.id,
        "level": f"{finding.level} {LEVEL_NAMES[finding.level]}",
        "state": finding.state,
        "rule": f"{about.rule}: {title.en} {title.zh}",
        "agency": about.agency,
        "case": about.case,
        "item": about.item,
        "subject": about.subject,
        "since": about.since,
    }
    for step in finding.steps:
        words = (step.level, step.by, step.words)
        facts[f"{step.at} {step.step}"] = " ".join(part for part in words if part)
    print_facts("Finding 监察发现", facts, as_json=False)


def _exit_if(is_red: bool) -> None:
    if is_red:
        raise typer.Exit(EXIT_REFUSED)
