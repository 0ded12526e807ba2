# SPDX-License-Identifier: Apache-2.0
"""What commands of supervision share: a change is kept, then recorded by the running gateway."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeVar

import typer

from gateway.cli.config import SiteOption
from gateway.cli.output import JsonOption, print_facts, print_json, print_table

if TYPE_CHECKING:
    from gateway.model.act import Happening
    from gateway.model.matter import Matter, MatterKind, StepDraft
    from gateway.supervising import Supervision

T = TypeVar("T")

ByOption = Annotated[str, typer.Option("--by", help="Who does this; stands in the change log.")]
IdArgument = Annotated[str, typer.Argument(help="Id of the matter, such as C-2026-000001.")]
WordsOption = Annotated[str, typer.Option("--words", help="In words, without identity numbers.")]
StateOption = Annotated[
    Literal["open", "assigned", "answered", "closed"] | None, typer.Option(help="In a state.")
]
CalledBackOption = Annotated[
    Literal["satisfied", "unsatisfied", "unreached"],
    typer.Option("--result", help="What they said."),
]
OverdueOption = Annotated[bool, typer.Option("--overdue", help="Not answered in time only.")]
LIMIT_S: Final = 10.0


def recorded(
    site: Path,
    happening: "Happening",
    work: "Callable[[Supervision], Awaitable[T]]",
    detail: "Callable[[T], str]",
) -> T:
    """Do `work` on a site, and have the running gateway record what came of it.

    Raises:
        AuditError: no gateway runs, so nothing was changed; or it did not record the change.
    """
    from gateway.config import load_site
    from gateway.sdk import Deadline
    from gateway.supervising import Supervision

    async def run(opened: "Supervision") -> T:
        await opened.ping(Deadline.after(LIMIT_S))
        done = await work(opened)
        await opened.record(happening, detail(done), Deadline.after(LIMIT_S))
        return done

    with closing(Supervision.open(load_site(site))) as opened:
        return asyncio.run(run(opened))


def change(site: Path, what: str, work: "Callable[[Supervision], Awaitable[Matter]]") -> "Matter":
    """Do `work` on a site's matters, recorded.

    Raises:
        AuditError: as `recorded`.
    """
    return recorded(
        site,
        "matter_changed",
        work,
        lambda matter: f"id={matter.id} step={what} state={matter.state}",
    )


def take(site: Path, matter_id: str, step: "StepDraft", *, as_json: bool) -> None:
    """Take a step, and show the matter after it."""
    from gateway.sdk import Deadline

    matter = change(
        site,
        step.step,
        lambda opened: opened.matters.take(matter_id, step, Deadline.after(LIMIT_S)),
    )
    print_matter(matter, as_json=as_json)


def add_reading(app: typer.Typer, kind: "MatterKind", command: str, example: str) -> None:
    """Add `show` and `list` to the commands about a kind of matters.

    Args:
        command: by which they are called, such as `complaint`.
        example: id of one.
    """

    @app.command(
        "show",
        help=f"Show one with its change log.\n\nExample: `yizheng {command} show {example}`",
    )
    def show(matter: IdArgument, site: SiteOption = Path(), as_json: JsonOption = False) -> None:
        from gateway.config import load_site
        from gateway.supervising import Supervision

        with closing(Supervision.open(load_site(site))) as opened:
            print_matter(opened.matters.show(matter), as_json=as_json)

    @app.command(
        "list", help=f"List them, oldest first.\n\nExample: `yizheng {command} list --overdue`"
    )
    def list_matters(
        state: StateOption = None,
        overdue: OverdueOption = False,
        site: SiteOption = Path(),
        as_json: JsonOption = False,
    ) -> None:
        from gateway.config import load_site
        from gateway.supervising import Supervision

        with closing(Supervision.open(load_site(site))) as opened:
            today = opened.today()
            found = [
                each
                for each in opened.matters.list_matters(kind, state)
                if not overdue or each.is_overdue(today)
            ]
        if as_json:
            print_json(found)
            return
        columns = ["id", "state", "agency", "case", "item", "material", "owner", "due"]
        rows = (
            (m.id, m.state, m.draft.agency, m.draft.case, m.draft.item, m.draft.material, m.owner,
             f"{m.draft.due_on}{' overdue 逾期' if m.is_overdue(today) else ''}")
            for m in found
        )  # fmt: skip
        print_table("Matters 督办事项", columns, rows)


def add_call_back(app: typer.Typer, command: str, example: str) -> None:
    """Add `call-back` to the commands about a kind of matters; as `add_reading`."""

    @app.command(
        "call-back",
        help="Note a call-back 回访: satisfied closes; unsatisfied goes back to the owner.\n\n"
        f"Example: `yizheng {command} call-back {example} --result satisfied --by 12345`",
    )
    def call_back(
        matter: IdArgument,
        result: CalledBackOption,
        by: ByOption,
        words: Annotated[str, typer.Option(help="In words.")] = "",
        site: SiteOption = Path(),
        as_json: JsonOption = False,
    ) -> None:
        from gateway.model.matter import StepDraft

        step = StepDraft(step="call_back", by=by, words=words, result=result)
        take(site, matter, step, as_json=as_json)


def print_matter(matter: "Matter", *, as_json: bool) -> None:
    """Show a matter: its draft, its state, its replay in a line, its steps."""
    import msgspec

    if as_json:
        print_json(matter)
        return
    facts: dict[str, Any] = {"id": matter.id, "state": matter.state, "owner": matter.owner}
    facts |= msgspec.to_builtins(matter.draft)
    if matter.draft.replay is not None:
        facts["replay"] = f"{matter.draft.replay.cause}: {matter.draft.replay.finding}"
    for step in matter.steps:
        facts[f"{step.at} {step.draft.step}"] = " ".join(
            part for part in (step.state, step.draft.by, step.draft.result or "", step.draft.words)
            if part
        )  # fmt: skip
    print_facts("Matter 督办事项", facts, as_json=False)
