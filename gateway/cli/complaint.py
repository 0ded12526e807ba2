# SPDX-License-Identifier: Apache-2.0
"""`yizheng complaint`: a material was demanded that could have been shared (clause 8.1.3).

Opening a complaint replays at once what the log knows; the gateway has to run, and records every
step as an event. A replay that somebody asks for later is a reading of the log, and recorded so.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from gateway.cli import supervised
from gateway.cli.auditor import AsOption, AuditorKeyOption, ReasonOption, open_desk
from gateway.cli.config import SiteOption
from gateway.cli.indexed import opened_index
from gateway.cli.output import JsonOption, print_facts, print_json, print_table
from gateway.cli.supervised import ByOption, IdArgument, WordsOption

if TYPE_CHECKING:
    from gateway.model.matter import Matter, Replay
    from gateway.supervising import Supervision

app: Final = typer.Typer(
    help="Complaints 投诉 about materials that were demanded.", no_args_is_help=True
)
_Cause = Literal[
    "no_list_entry", "no_grant", "provider_down", "stale", "window_did_not_use_data", "other"
]


@app.command("open")
def open_complaint(
    agency: Annotated[str, typer.Argument(help="The unit that demanded it.")],
    case: Annotated[str, typer.Argument(help="Number of the case.")],
    material: Annotated[str, typer.Argument(help="Name of the material, as in the list.")],
    words: WordsOption,
    by: ByOption,
    demanded_at: Annotated[
        str | None, typer.Option(help="When it was demanded, with the zone; else now.")
    ] = None,
    item: Annotated[str | None, typer.Option(help="Item of a case that is not registered.")] = None,
    evidence: Annotated[str | None, typer.Option(help="Reference of a document.")] = None,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Write a complaint down, with the replay of what the log knows.

    Example: `yizheng complaint open yq-gjj YQ20261122-0001 身份证明 --words "asked for a copy"
    --by "line 12345"`
    """
    from datetime import UTC, datetime

    from gateway.cli.period import parse_time
    from gateway.config import load_site
    from gateway.errors import RequestError
    from gateway.model.instant import format_time_s
    from gateway.model.matter import MatterDraft
    from gateway.sdk import Deadline

    loaded = load_site(site)
    if agency not in {each.id for each in loaded.agencies}:
        raise RequestError("AGENCY_UNKNOWN")
    at = datetime.now(UTC) if demanded_at is None else parse_time(demanded_at)

    async def work(opened: "Supervision") -> "Matter":
        of_item = _item(opened, agency, case, item)
        found = _replay(opened, site, agency, case, of_item, material, format_time_s(at))
        draft = MatterDraft(
            kind="complaint",
            agency=agency,
            words=words,
            by=by,
            due_on=opened.due(loaded.config.supervision.complaint_working_days),
            case=case,
            item=of_item,
            material=material,
            department=found.department.adapter,
            demanded_at=format_time_s(at),
            evidence=evidence,
            replay=found,
        )
        return await opened.matters.open_matter(draft, Deadline.after(supervised.LIMIT_S))

    supervised.print_matter(supervised.change(site, "open", work), as_json=as_json)


@app.command("replay")
def replay(
    complaint: IdArgument,
    auditor: AsOption,
    key: AuditorKeyOption,
    reason: ReasonOption,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Replay a complaint anew: was the material available then, from whom, what happened.

    It is recorded before it is shown, as every reading of the log.

    Example: `yizheng complaint replay C-2026-000001 --as zhao --key zhao.pem --reason "complaint"`
    """
    from contextlib import closing

    from gateway.config import load_site
    from gateway.errors import RequestError
    from gateway.supervising import Supervision

    loaded = load_site(site)
    desk = open_desk(loaded, auditor, key)
    desk.allow("search")
    with closing(Supervision.open(loaded)) as opened:
        about = opened.matters.show(complaint).draft
        if about.case is None or about.item is None or about.demanded_at is None:
            raise RequestError("MATTER_STEP_REFUSED", "only a complaint can be replayed")
        found = _replay(
            opened, site, about.agency, about.case, about.item, about.material or "",
            about.demanded_at,
        )  # fmt: skip
    desk.record(
        "search", reason=reason, subject=complaint, query={"case": [about.case]},
        count=len(found.accesses),
    )  # fmt: skip
    if as_json:
        print_json(found)
        return
    available = {True: "yes 是", False: "no 否", None: "unknown 不明"}[found.available]
    facts = {
        "material": found.material,
        "certificate": found.certificate,
        "available then": available,
        "cause": found.cause,
        "finding": found.finding,
        "department": f"{found.department.adapter}: {found.department.state}, "
        f"{found.department.failed_count} of {found.department.asked_count} calls failed",
        "indexed": found.indexed,
    }
    print_facts("Replay 回放", facts, as_json=False)
    columns = ["index", "outcome", "code", "served_from", "adapter", "adapter_ms"]
    rows = ([getattr(each, name) for name in columns] for each in found.accesses)
    print_table("What happened 经过", columns, rows)


@app.command("assign")
def assign(
    complaint: IdArgument,
    owner: Annotated[str, typer.Argument(help="Who has to answer.")],
    by: ByOption,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Name who has to answer.

    Example: `yizheng complaint assign C-2026-000001 "window 3" --by supervisor`
    """
    from gateway.model.matter import StepDraft

    supervised.take(site, complaint, StepDraft(step="assign", by=by, owner=owner), as_json=as_json)


@app.command("reply")
def reply(
    complaint: IdArgument,
    words: WordsOption,
    cause: Annotated[_Cause, typer.Option(help="Root cause 原因.")],
    by: ByOption,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Answer, with the root cause.

    Example: `yizheng complaint reply C-2026-000001 --words "mended" --cause
    window_did_not_use_data --by "window 3"`
    """
    from gateway.model.matter import StepDraft

    step = StepDraft(step="reply", by=by, words=words, cause=cause)
    supervised.take(site, complaint, step, as_json=as_json)


supervised.add_call_back(app, "complaint", "C-2026-000001")
supervised.add_reading(app, "complaint", "complaint", "C-2026-000001")


def _item(opened: "Supervision", agency: str, case: str, said: str | None) -> str:
    from gateway.errors import RequestError

    item = opened.item_of(agency, case) or said
    if item is None:
        raise RequestError("CASE_ABSENT", "the case is not registered; give its item by --item")
    return item


def _replay(
    opened: "Supervision",
    site: Path,
    agency: str,
    case: str,
    item: str,
    material: str,
    demanded_at: str,
) -> "Replay":
    from gateway.audit.seen import SeenLog
    from gateway.config import load_site

    with opened_index(load_site(site), shown=sys.stderr.isatty()) as (reader, _):
        return opened.replay(
            SeenLog(reader),
            agency=agency,
            case=case,
            item=item,
            material=material,
            demanded_at=demanded_at,
        )
