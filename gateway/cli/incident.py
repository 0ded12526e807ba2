# SPDX-License-Identifier: Apache-2.0
"""`yizheng incident`: emergencies, the degrade ladder, drills (clause 8.1.2).

What changes something needs the gateway to run, which records it. Workers obey within a second.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from gateway.cli.auditor import AsOption, AuditorKeyOption, ReasonOption, open_desk
from gateway.cli.config import SiteOption
from gateway.cli.indexed import opened_index
from gateway.cli.output import JsonOption, print_facts, print_json, print_table
from gateway.cli.supervised import ByOption

if TYPE_CHECKING:
    from gateway.emergency import Emergencies
    from gateway.model.incident import Incident, IncidentStepDraft

app: Final = typer.Typer(
    help="Emergencies 应急处置: the degrade ladder, incidents, drills.", no_args_is_help=True
)
_LIMIT_S: Final = 10.0
_Rung = Literal["normal", "cache", "verify_only", "ticket", "substitute"]
IncidentArgument = Annotated[str, typer.Argument(help="Its id, such as E-2026-000001.")]
WhyOption = Annotated[
    str, typer.Option("--words", help="Why, or what was done; without identity numbers.")
]


@app.command("open")
def open_incident(
    by: ByOption,
    words: WhyOption,
    department: Annotated[
        str | None, typer.Argument(help="An adapter's name; left out for the whole site.")
    ] = None,
    rung: Annotated[
        _Rung, typer.Option(help="That is taken at once; `normal` only keeps a record.")
    ] = "normal",
    drill: Annotated[
        bool, typer.Option("--drill", help="Practise 演练: all is recorded, nothing changes.")
    ] = False,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Open an incident, and take a rung of the ladder.

    Example: `yizheng incident open civil_affairs --rung cache --by "duty officer" --words "hangs"`
    """
    from gateway.model.incident import IncidentDraft
    from gateway.model.rung import WHOLE_SITE
    from gateway.sdk import Deadline

    scope = department or WHOLE_SITE
    draft = IncidentDraft(scope=scope, rung=rung, by=by, words=words, drill=drill)

    async def work(opened: "Emergencies") -> "Incident":
        opened.check_scope(scope)
        agencies = opened.agencies(scope)
        return await opened.incidents.open_incident(
            draft, Deadline.after(_LIMIT_S), agencies=agencies
        )

    _print_incident(_change(site, "open", work), as_json=as_json)


@app.command("rung")
def take_rung(
    incident: IncidentArgument,
    rung: Annotated[_Rung, typer.Argument(help="From now on.")],
    by: ByOption,
    words: WhyOption,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Climb to another rung, up or down.

    Example: `yizheng incident rung E-2026-000001 verify_only --by "duty officer" --words "slower"`
    """
    from gateway.model.incident import IncidentStepDraft

    step = IncidentStepDraft(step="rung", by=by, words=words, rung=rung)
    _take(site, incident, step, as_json=as_json)


@app.command("note")
def note(
    incident: IncidentArgument,
    by: ByOption,
    words: WhyOption,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Write down what was done.

    Example: `yizheng incident note E-2026-000001 --by "duty officer" --words "called the centre"`
    """
    from gateway.model.incident import IncidentStepDraft

    step = IncidentStepDraft(step="note", by=by, words=words)
    _take(site, incident, step, as_json=as_json)


@app.command("close")
def close_incident(
    incident: IncidentArgument,
    by: ByOption,
    words: WhyOption,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Close an incident: its scope is back to normal.

    Example: `yizheng incident close E-2026-000001 --by "duty officer" --words "it answers again"`
    """
    from gateway.model.incident import IncidentStepDraft

    step = IncidentStepDraft(step="close", by=by, words=words)
    _take(site, incident, step, as_json=as_json)


@app.command("list")
def list_incidents(
    is_open: Annotated[bool, typer.Option("--open", help="Those that are not closed.")] = False,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """List incidents and drills, newest first.

    Example: `yizheng incident list --open --json`
    """
    from gateway.config import load_site
    from gateway.emergency import Emergencies

    with closing(Emergencies.open(load_site(site))) as opened:
        found = opened.incidents.list_incidents(is_open=is_open)
    if as_json:
        print_json(found)
        return
    columns = ["id", "scope", "rung", "alarm", "drill", "opened", "closed"]
    rows = (
        (each.id, each.scope, each.rung, each.alarm, "drill 演练" if each.drill else "",
         each.opened_at, each.closed_at)
        for each in found
    )  # fmt: skip
    print_table("Incidents 应急事件", columns, rows)


@app.command("show")
def show(
    incident: IncidentArgument, site: SiteOption = Path(), as_json: JsonOption = False
) -> None:
    """Show an incident with its log.

    Example: `yizheng incident show E-2026-000001`
    """
    from gateway.config import load_site
    from gateway.emergency import Emergencies

    with closing(Emergencies.open(load_site(site))) as opened:
        _print_incident(opened.incidents.show(incident), as_json=as_json)


@app.command("report")
def report(
    incident: IncidentArgument,
    auditor: AsOption,
    key: AuditorKeyOption,
    reason: ReasonOption,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Report what an incident came to, with the cases that it hit, counted from the audit log.

    Reading the log is recorded in it first. Exit code 3 where the incident is closed, and the index
    may still lack records of its time.

    Example: `yizheng incident report E-2026-000001 --as zhao --key zhao.pem --reason "review"`
    """
    import msgspec

    from gateway.audit.seen import SeenLog
    from gateway.cli.output import EXIT_UNAVAILABLE
    from gateway.config import load_site
    from gateway.emergency import Emergencies

    loaded = load_site(site)
    desk = open_desk(loaded, auditor, key)
    desk.allow("search")
    with (
        closing(Emergencies.open(loaded)) as opened,
        opened_index(loaded, shown=sys.stderr.isatty()) as (reader, behind),
    ):
        found = opened.incidents.show(incident)
        made = opened.report(found, SeenLog(reader), behind=behind)
    desk.record(
        "search", reason=reason, subject=found.id, query={"from": found.opened_at},
        count=made.impact.indexed,
    )  # fmt: skip
    if as_json:
        print_json(made)
    else:
        facts = {"final": made.is_final, "lasted_s": made.lasted_s, "highest": made.highest}
        facts |= msgspec.to_builtins(made.impact)
        print_facts("Report 处置报告", facts, as_json=False)
        _print_incident(found, as_json=False)
    if found.closed_at is not None and not made.is_final:
        raise typer.Exit(EXIT_UNAVAILABLE)


def _take(site: Path, incident_id: str, step: "IncidentStepDraft", *, as_json: bool) -> None:
    from gateway.sdk import Deadline

    async def work(opened: "Emergencies") -> "Incident":
        scope = opened.incidents.show(incident_id).scope
        agencies = opened.agencies(scope) if step.step == "close" else ()
        return await opened.incidents.take(
            incident_id, step, Deadline.after(_LIMIT_S), agencies=agencies
        )

    _print_incident(_change(site, step.step, work), as_json=as_json)


def _change(
    site: Path, step: str, work: "Callable[[Emergencies], Awaitable[Incident]]"
) -> "Incident":
    """Do `work`, and have the running gateway record it.

    Raises:
        AuditError: no gateway runs, so nothing was changed; or it did not record the change.
    """
    from gateway.config import load_site
    from gateway.emergency import Emergencies
    from gateway.sdk import Deadline

    async def run(opened: "Emergencies") -> "Incident":
        await opened.ping(Deadline.after(_LIMIT_S))
        incident = await work(opened)
        await opened.record(incident, step, Deadline.after(_LIMIT_S))
        return incident

    with closing(Emergencies.open(load_site(site))) as opened:
        return asyncio.run(run(opened))


def _print_incident(incident: "Incident", *, as_json: bool) -> None:
    if as_json:
        print_json(incident)
        return
    facts: dict[str, Any] = {
        "id": incident.id,
        "scope": incident.scope,
        "rung": incident.rung,
        "alarm": incident.alarm,
        "drill": "drill 演练" if incident.drill else "no",
        "opened": incident.opened_at,
        "closed": incident.closed_at,
    }
    for number, step in enumerate(incident.steps, 1):
        draft = step.draft
        facts[f"{number} {step.at}"] = f"{draft.step} {step.rung}: {draft.words} ({draft.by})"
    print_facts("Incident 应急事件", facts, as_json=False)
