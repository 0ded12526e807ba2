# SPDX-License-Identifier: Apache-2.0
"""`yizheng adapter check`: the conformance kit without writing a test.

| code | meaning |
|---|---|
| 0 | no required check failed, and the tier is not below `--minimum` |
| 1 | a required check failed, or the tier is below `--minimum` |
| 2 | the command line is wrong |
| 78 | it cannot be checked: the manifest, the plugin or the simulator cannot be used |
"""

import sys
from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.output import EXIT_REFUSED, JsonOption, print_json, print_table

if TYPE_CHECKING:  # not at run time, so that `--help` stays fast
    from gateway.conformance.report import Report
    from gateway.conformance.run import Outcome, Result


class Minimum(StrEnum):
    """A tier, as an option takes it."""

    none = "none"
    bronze = "bronze"
    silver = "silver"
    gold = "gold"


def check(
    adapter: Annotated[
        str, typer.Argument(help="A folder with conformance.toml, a plugin or a distribution.")
    ],
    only: Annotated[
        list[str] | None, typer.Option(help="Run this check alone, e.g. YZ-D04. May be repeated.")
    ] = None,
    minimum: Annotated[Minimum, typer.Option(help="Fail below this tier.")] = Minimum.none,
    as_json: JsonOption = False,
) -> int:
    """Run the conformance checks against the adapter and its department's simulator.

    Example: `yizheng adapter check plugins/housing_fund --minimum silver`
    """
    from gateway.conformance.manifest import FILE, subject_of
    from gateway.conformance.plugin import folder_of
    from gateway.conformance.report import TIERS, report_of
    from gateway.conformance.run import run_all

    with subject_of(folder_of(adapter) / FILE) as subject:
        results = _told(run_all(subject, only or ()), quiet=as_json)
        report = report_of(subject, results)
    if as_json:
        print_json(report)
    else:
        _print_report(report)
    reached = TIERS.index(report.tier) >= TIERS.index(minimum.value)
    return 0 if report.conforms and reached else EXIT_REFUSED


def _told(results: "Iterable[Result]", *, quiet: bool) -> "list[Result]":
    """The results; while they come, a mark for each check stands on a terminal."""
    marks = {"passed": ".", "failed": "F", "advised": "a", "exempt": "e", "not_applicable": "-"}
    shown = not quiet and sys.stderr.isatty()
    made = []
    for result in results:
        made.append(result)
        if shown:
            sys.stderr.write(marks[result.outcome])
            sys.stderr.flush()
    if shown:
        sys.stderr.write("\n")
    return made


def _print_report(report: "Report") -> None:
    from gateway.conformance.check import CHECKS, GROUPS

    names = ", ".join(report.certificates)
    outcomes: tuple[Outcome, ...] = ("passed", "failed", "advised", "exempt", "not_applicable")
    rows: list[list[object]] = []
    for letter, title in GROUPS.items():
        own = [r.outcome for r in report.results if CHECKS[r.id].group == letter]
        if own:
            counts = (own.count(outcome) for outcome in outcomes)
            rows.append([f"{letter} {title.en} {title.zh}", *(count or "" for count in counts)])
    total = [report.counts.get(outcome, 0) or "" for outcome in outcomes]
    rows.append([f"tier {report.tier}", *total])
    columns = ["group", "passed", "failed", "advised", "exempt", "not applicable"]
    print_table(f"{report.plugin}: {names}", columns, rows)
    for result in report.results:
        if result.outcome in {"failed", "advised", "exempt"}:
            check = CHECKS[result.id]
            sys.stdout.write(
                f"\n{result.id} {result.outcome}: {check.title.en} / {check.title.zh}\n"
                f"  {result.detail}\n"
            )
            if result.outcome != "exempt":
                sys.stdout.write(f"  → {check.mend.en}\n  → {check.mend.zh}\n")
    for tier, lacks in report.missing.items():
        sys.stdout.write(f"\n{tier} lacks: {', '.join(lacks)}\n")
    sys.stdout.flush()
