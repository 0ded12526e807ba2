# SPDX-License-Identifier: Apache-2.0
"""`yizheng evaluation`: what people think of how their cases were handled 好差评 (clause 8.2).

Who evaluates is read from a file or standard input, kept as a keyed digest, and never shown. The
rated unit reads by `list --unit`, which leaves out the case and the day, too.
"""

import asyncio
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from gateway.cli import supervised
from gateway.cli.config import SiteOption
from gateway.cli.output import JsonOption, print_facts, print_json, print_table
from gateway.cli.supervised import ByOption, IdArgument, WordsOption

if TYPE_CHECKING:
    from gateway.model.evaluation import Evaluation
    from gateway.supervising import Supervision

app: Final = typer.Typer(help="Evaluations 好差评 of cases.", no_args_is_help=True)
ticket_app: Final = typer.Typer(
    help="Tickets 整改单 that bad ratings make; each is called back.", no_args_is_help=True
)


@app.command("give")
def give(
    agency: Annotated[str, typer.Argument(help="The unit that handled the case.")],
    case: Annotated[str, typer.Argument(help="Number of the case; it has to be known.")],
    level: Annotated[int, typer.Option(min=1, max=5, help="5 非常满意 to 1 非常不满意.")],
    words: Annotated[str, typer.Option(help="In words, without identity numbers.")] = "",
    evaluator_file: Annotated[
        Path | None, typer.Option(help="Read the evaluator's number from there; - is stdin.")
    ] = None,
    evaluator_scheme: Annotated[str, typer.Option(help="cn-id or cn-uscc.")] = "cn-id",
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Keep an evaluation: one a case. A bad one (1 or 2) opens a ticket.

    The gateway has to run: that the case was evaluated is recorded, not by whom or how.

    Example: `yizheng evaluation give yq-gjj YQ20261122-0001 --level 2 --words "asked twice"`
    """
    from gateway.cli.audit_filters import read_holder
    from gateway.config import load_site
    from gateway.supervising import Supervision

    loaded = load_site(site)
    holder = read_holder(evaluator_file, evaluator_scheme, loaded) if evaluator_file else None

    async def run(opened: "Supervision") -> "Evaluation":
        from gateway.errors import RequestError
        from gateway.model.evaluation import EvaluationDraft
        from gateway.sdk import Deadline

        item = opened.item_of(agency, case)
        if item is None:
            raise RequestError("CASE_ABSENT")
        draft = EvaluationDraft(
            agency=agency,
            case=case,
            item=item,
            level=level,  # type: ignore[arg-type] # 1 to 5, as the option says
            words=words,
            evaluator=None if holder is None else opened.evaluator(agency, case, holder),
        )
        await opened.ping(Deadline.after(supervised.LIMIT_S))
        given = await opened.evaluations.give(
            draft,
            Deadline.after(supervised.LIMIT_S),
            due_on=opened.due_of("rating") if draft.is_bad else None,
        )
        detail = f"agency={agency} item={item}"
        await opened.record("case_evaluated", detail, Deadline.after(supervised.LIMIT_S))
        return given

    with closing(Supervision.open(loaded)) as opened:
        given = asyncio.run(run(opened))
    _print(given, as_json=as_json)


@app.command("list")
def list_evaluations(
    agency: Annotated[str | None, typer.Option(help="Of one unit.")] = None,
    unit: Annotated[
        bool, typer.Option("--unit", help="As the rated unit sees it; needs --agency.")
    ] = False,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """List evaluations by time.

    Example: `yizheng evaluation list --agency yq-gjj --unit`
    """
    from gateway.config import load_site
    from gateway.model.evaluation import LEVELS, for_unit
    from gateway.supervising import Supervision

    if unit and agency is None:
        raise typer.BadParameter("--unit needs --agency: a unit sees its own only")
    with closing(Supervision.open(load_site(site))) as opened:
        found, zone = opened.evaluations.list_evaluations(agency), opened.zone
    shown: list[Any] = [for_unit(each, zone) for each in found] if unit else list(found)
    if as_json:
        print_json(shown)
        return
    members = ["item", "month"] if unit else ["agency", "case", "item", "given_at", "ticket"]
    rows = (
        [LEVELS[each.level], each.words, *(getattr(each, name) for name in members)]
        for each in shown
    )
    print_table("Evaluations 好差评", ["level", "words", *members], rows)


@app.command("outcomes")
def outcomes(site: SiteOption = Path(), as_json: JsonOption = False) -> None:
    """Set ratings beside what the cases' lookups came to: does data that comes make content people?

    Counts only, by outcome; a case without a lookup counts as `no_lookup`.

    Example: `yizheng evaluation outcomes --json`
    """
    import sys

    from gateway.audit.seen import SeenLog
    from gateway.cli.indexed import opened_index
    from gateway.config import load_site
    from gateway.supervising import Supervision
    from gateway.supervision.ratings import END_MS, rate_outcomes

    loaded = load_site(site)
    with (
        closing(Supervision.open(loaded)) as opened,
        opened_index(loaded, shown=sys.stderr.isatty() and not as_json) as (reader, _),
    ):
        log = SeenLog(reader)
        rows = rate_outcomes(
            (each.level, list(log.of_case(each.agency, each.case or "", until_ms=END_MS)))
            for each in opened.evaluations.list_evaluations()
        )
    if as_json:
        print_json(rows)
        return
    columns = ["outcome", "cases", "bad", "mean level"]
    print_table(
        "Ratings by outcome 评价与数据结果",
        columns,
        ((r.outcome, r.case_count, r.bad_count, r.mean_level) for r in rows),
    )


@ticket_app.command("assign")
def assign(
    ticket: IdArgument,
    owner: Annotated[str, typer.Argument(help="Who has to mend it.")],
    by: ByOption,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Name who has to mend it.

    Example: `yizheng evaluation ticket assign R-2026-000001 "window 3" --by supervisor`
    """
    from gateway.model.matter import StepDraft

    supervised.take(site, ticket, StepDraft(step="assign", by=by, owner=owner), as_json=as_json)


@ticket_app.command("reply")
def reply(
    ticket: IdArgument,
    words: WordsOption,
    by: ByOption,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Say what was mended.

    Example: `yizheng evaluation ticket reply R-2026-000001 --words "trained" --by "window 3"`
    """
    from gateway.model.matter import StepDraft

    supervised.take(site, ticket, StepDraft(step="reply", by=by, words=words), as_json=as_json)


supervised.add_call_back(ticket_app, "evaluation ticket", "R-2026-000001")
supervised.add_reading(ticket_app, "rating", "evaluation ticket", "R-2026-000001")


def _print(given: "Evaluation", *, as_json: bool) -> None:
    import msgspec

    print_facts("Evaluation 好差评", msgspec.to_builtins(given), as_json=as_json)
