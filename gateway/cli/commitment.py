# SPDX-License-Identifier: Apache-2.0
"""`yizheng commitment`: what applicants promised 告知承诺, and what the check found (clause 7.4).

The gateway has to run for `check` and `lift`: each is recorded as an event. Nothing here shows a
holder: a commitment names the case and the role.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from gateway.cli import supervised
from gateway.cli.agency import AgencyArgument
from gateway.cli.case import CaseArgument, MaterialArgument
from gateway.cli.config import SiteOption
from gateway.cli.output import JsonOption, print_facts, print_json, print_table
from gateway.cli.supervised import ByOption

if TYPE_CHECKING:
    from datetime import date

    from gateway.model.commitment import CommitmentStep, Committed

app: Final = typer.Typer(
    help="Commitments 告知承诺 and their checks 日后核查.", no_args_is_help=True
)


@app.command("list")
def list_commitments(
    agency: Annotated[str | None, typer.Option(help="Of one agency.")] = None,
    unchecked: Annotated[bool, typer.Option("--unchecked", help="Not checked yet only.")] = False,
    overdue: Annotated[
        bool, typer.Option("--overdue", help="Not checked, and the day is over, only.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 1000,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """List commitments, oldest first.

    Example: `yizheng commitment list --overdue`
    """
    from contextlib import closing
    from itertools import islice

    from gateway.config import load_site
    from gateway.supervising import Supervision

    with closing(Supervision.open(load_site(site))) as opened:
        today = opened.today()
        known = opened.commitments.list_commitments(agency, unchecked=unchecked or overdue)
        wanted = (each for each in known if not overdue or each.is_overdue(today))
        found = list(islice(wanted, limit))
    if as_json:
        print_json(found)
        return
    columns = ["agency", "case", "item", "material", "form", "by", "given", "check due", "result"]
    members = ("agency", "number", "item", "material", "form", "by", "committed_on")
    rows = (
        [*(getattr(each.draft, name) for name in members), _due(each, today), _result(each)]
        for each in found
    )
    print_table("Commitments 告知承诺", columns, rows)


@app.command("show")
def show(
    agency: AgencyArgument,
    case: CaseArgument,
    material: MaterialArgument,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Show a commitment with its change log.

    Example: `yizheng commitment show yq-gjj YQ20261122-0001 不动产权证书`
    """
    from contextlib import closing

    from gateway.config import load_site
    from gateway.errors import RequestError
    from gateway.supervising import Supervision

    with closing(Supervision.open(load_site(site))) as opened:
        known = opened.commitments.show(agency, case, material)
    if known is None:
        raise RequestError("COMMITMENT_ABSENT")
    _print(known, as_json=as_json)


@app.command("check")
def check(
    agency: AgencyArgument,
    case: CaseArgument,
    material: MaterialArgument,
    result: Annotated[
        Literal["true", "false", "not_checkable"], typer.Option(help="What the check found.")
    ],
    by: ByOption,
    words: Annotated[str, typer.Option("--words", help="Ground; a false promise needs one.")] = "",
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Note what the check found. A false promise keeps its applicants from promising again.

    Example: `yizheng commitment check yq-gjj YQ20261122-0001 不动产权证书 --result false
    --words "登记信息不符" --by "核查科"`
    """
    from gateway.model.commitment import CommitmentStep

    step = CommitmentStep(step="check", by=by, result=result, words=words)
    _take(site, (agency, case, material), step, as_json=as_json)


@app.command("lift")
def lift(
    agency: AgencyArgument,
    case: CaseArgument,
    material: MaterialArgument,
    words: Annotated[str, typer.Option("--words", help="Reason.")],
    by: ByOption,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Let a false promise count no more; it stays in the change log.

    Example: `yizheng commitment lift yq-gjj YQ20261122-0001 不动产权证书 --words "信用修复"
    --by "审批科"`
    """
    from gateway.model.commitment import CommitmentStep

    step = CommitmentStep(step="lift", by=by, words=words)
    _take(site, (agency, case, material), step, as_json=as_json)


def _take(site: Path, key: tuple[str, str, str], step: "CommitmentStep", *, as_json: bool) -> None:
    from gateway.sdk import Deadline

    known = supervised.recorded(
        site,
        "commitment_changed",
        lambda opened: opened.commitments.take(key, step, Deadline.after(supervised.LIMIT_S)),
        lambda _: (
            f"agency={key[0]} case={key[1]} step={step.step} result={step.result or 'lifted'}"
        ),
    )
    _print(known, as_json=as_json)


def _print(known: "Committed", *, as_json: bool) -> None:
    import msgspec

    if as_json:
        print_json(known)
        return
    facts: dict[str, Any] = msgspec.to_builtins(known.draft)
    facts |= {"check due": known.check_due_on, "result": _result(known)}
    for step in known.steps:
        facts[f"{step.at} {step.step}"] = " ".join(
            part for part in (step.result or "", step.by, step.words) if part
        )
    print_facts("Commitment 告知承诺", facts, as_json=False)


def _due(known: "Committed", today: "date") -> str:
    due = str(known.check_due_on or "no calendar 缺日历")
    return f"{due} overdue 逾期" if known.is_overdue(today) else due


def _result(known: "Committed") -> str:
    return f"{known.result or ''}{' lifted 已解除' if known.lifted else ''}"
