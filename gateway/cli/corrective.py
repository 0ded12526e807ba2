# SPDX-License-Identifier: Apache-2.0
"""`yizheng corrective`: what was found wrong, and the measure against it (clause 8.3.1).

The figure by which a measure is judged is measured from the log before and after, over as many
days; both times by an auditor, as a recorded reading. Nobody states it.
"""

import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from gateway.cli import supervised
from gateway.cli.auditor import AsOption, AuditorKeyOption, ReasonOption, open_desk
from gateway.cli.config import SiteOption
from gateway.cli.indexed import opened_index
from gateway.cli.output import JsonOption
from gateway.cli.supervised import ByOption, IdArgument, WordsOption

if TYPE_CHECKING:
    from gateway.audit.desk import Desk
    from gateway.config import Site
    from gateway.model.matter import Matter, Metric, StepResult
    from gateway.supervising import Supervision

app: Final = typer.Typer(
    help="Corrective measures 整改措施 with their measured effect.", no_args_is_help=True
)
DaysOption = Annotated[
    int, typer.Option(min=1, max=366, help="Days before now that the figure is of.")
]


@app.command("open")
def open_measure(
    agency: Annotated[str, typer.Argument(help="The unit that it is about.")],
    department: Annotated[str, typer.Argument(help="Adapter whose figure is measured.")],
    metric: Annotated[
        Literal["availability", "error_share", "p50_ms", "p95_ms"],
        typer.Option(help="Figure by which it is judged."),
    ],
    source: Annotated[
        Literal["rating", "complaint", "audit", "monitor"], typer.Option(help="Whence it comes.")
    ],
    words: WordsOption,
    by: ByOption,
    auditor: AsOption,
    key: AuditorKeyOption,
    reason: ReasonOption,
    source_id: Annotated[str | None, typer.Option(help="Id of the complaint or ticket.")] = None,
    days: DaysOption = 30,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Open a measure, with its figure before.

    Example: `yizheng corrective open yq-gjj public_security --metric availability --source
    complaint --source-id C-2026-000001 --words "more connections" --by lead --as zhao
    --key zhao.pem --reason "measure"`
    """
    from gateway.config import load_site
    from gateway.errors import RequestError
    from gateway.model.matter import MatterDraft
    from gateway.sdk import Deadline

    loaded = load_site(site)
    desk = open_desk(loaded, auditor, key)
    before = _measure(loaded, desk, reason, department, metric, days)
    if before is None:
        raise RequestError("MATTER_STEP_REFUSED", "the department was not asked in those days")

    async def work(opened: "Supervision") -> "Matter":
        draft = MatterDraft(
            kind="corrective",
            agency=agency,
            words=words,
            by=by,
            due_on=opened.due(loaded.config.supervision.corrective_working_days),
            department=department,
            source=source,
            source_id=source_id,
            metric=metric,
            before=before,
        )
        return await opened.matters.open_matter(draft, Deadline.after(supervised.LIMIT_S))

    supervised.print_matter(supervised.change(site, "open", work), as_json=as_json)


@app.command("assign")
def assign(
    measure: IdArgument,
    owner: Annotated[str, typer.Argument(help="Who has to take it.")],
    by: ByOption,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Name who has to take the measure.

    Example: `yizheng corrective assign M-2026-000001 "operations" --by lead`
    """
    from gateway.model.matter import StepDraft

    supervised.take(site, measure, StepDraft(step="assign", by=by, owner=owner), as_json=as_json)


@app.command("reply")
def reply(
    measure: IdArgument,
    words: WordsOption,
    by: ByOption,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Say what was done.

    Example: `yizheng corrective reply M-2026-000001 --words "doubled the pool" --by operations`
    """
    from gateway.model.matter import StepDraft

    supervised.take(site, measure, StepDraft(step="reply", by=by, words=words), as_json=as_json)


@app.command("verify")
def verify(
    measure: IdArgument,
    by: ByOption,
    auditor: AsOption,
    key: AuditorKeyOption,
    reason: ReasonOption,
    days: DaysOption = 30,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Measure the figure again: better closes the measure, else it goes back to its owner.

    Example: `yizheng corrective verify M-2026-000001 --days 14 --by lead --as zhao
    --key zhao.pem --reason "verification"`
    """
    from gateway.config import load_site
    from gateway.errors import RequestError
    from gateway.model.matter import StepDraft
    from gateway.supervising import Supervision
    from gateway.supervision.life import is_better

    loaded = load_site(site)
    desk = open_desk(loaded, auditor, key)
    with closing(Supervision.open(loaded)) as opened:
        draft = opened.matters.show(measure).draft
    metric, before = draft.metric, draft.before
    if metric is None or before is None:
        raise RequestError("MATTER_STEP_REFUSED", "only a corrective measure has a figure")
    after = _measure(loaded, desk, reason, draft.department or "", metric, days)
    if after is None:
        raise RequestError("MATTER_STEP_REFUSED", "the department was not asked in those days")
    result: StepResult = "improved" if is_better(metric, before, after) else "not_improved"
    step = StepDraft(step="verify", by=by, result=result, after=after)
    supervised.take(site, measure, step, as_json=as_json)


supervised.add_reading(app, "corrective", "corrective", "M-2026-000001")


def _measure(
    site: "Site", desk: "Desk", reason: str, department: str, metric: "Metric", days: int
) -> float | None:
    """The figure of the last days, recorded as a reading before it is used."""
    from gateway.audit.seen import SeenLog
    from gateway.supervising import Supervision

    desk.allow("search")
    with (
        closing(Supervision.open(site)) as opened,
        opened_index(site, shown=sys.stderr.isatty()) as (reader, _),
    ):
        figure = opened.figure(SeenLog(reader), department, metric, days)
    desk.record("search", reason=reason, subject=metric, query={"adapter": [department]})
    return figure
