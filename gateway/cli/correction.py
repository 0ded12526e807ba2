# SPDX-License-Identifier: Apache-2.0
"""`yizheng correction`: a department's data is wrong or incomplete, and it is asked to mend it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from gateway.cli import supervised
from gateway.cli.config import SiteOption
from gateway.cli.output import JsonOption
from gateway.cli.supervised import ByOption, IdArgument, WordsOption

if TYPE_CHECKING:
    from gateway.model.matter import Matter
    from gateway.supervising import Supervision

app: Final = typer.Typer(
    help="Correction requests 数据校核 to departments, with deadlines.", no_args_is_help=True
)
OwnerArgument = Annotated[str, typer.Argument(help="Who has to answer.")]


@app.command("open")
def open_request(
    agency: Annotated[str, typer.Argument(help="The unit that found it.")],
    department: Annotated[str, typer.Argument(help="Adapter of the department.")],
    words: WordsOption,
    by: ByOption,
    case: Annotated[str | None, typer.Option(help="Number of the case in which it showed.")] = None,
    certificate: Annotated[
        str | None, typer.Option(help="Type of the certificate that is wrong.")
    ] = None,
    evidence: Annotated[str | None, typer.Option(help="Reference of a document.")] = None,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Ask a department to check its data; no number and no value is written down here.

    Example: `yizheng correction open yq-gjj public_security --case YQ20261122-0001
    --words "valid_to lies before valid_from" --by "window 3"`
    """
    from gateway.config import load_site
    from gateway.errors import SetupError
    from gateway.model.matter import MatterDraft
    from gateway.sdk import Deadline

    loaded = load_site(site)
    if department not in {adapter.name for adapter in loaded.adapters}:
        raise SetupError(
            f"there is no adapter `{department}`",
            where="adapters/",
            remedy="name one that `yizheng adapter list` shows.",
        )

    async def work(opened: "Supervision") -> "Matter":
        draft = MatterDraft(
            kind="correction",
            agency=agency,
            words=words,
            by=by,
            due_on=opened.due(loaded.config.supervision.correction_working_days),
            case=case,
            department=department,
            certificate=certificate,
            evidence=evidence,
        )
        return await opened.matters.open_matter(draft, Deadline.after(supervised.LIMIT_S))

    supervised.print_matter(supervised.change(site, "open", work), as_json=as_json)


@app.command("assign")
def assign(
    request: IdArgument,
    owner: OwnerArgument,
    by: ByOption,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Name who in the department has to answer.

    Example: `yizheng correction assign D-2026-000001 "records office" --by lead`
    """
    from gateway.model.matter import StepDraft

    supervised.take(site, request, StepDraft(step="assign", by=by, owner=owner), as_json=as_json)


@app.command("escalate")
def escalate(
    request: IdArgument,
    owner: OwnerArgument,
    words: WordsOption,
    by: ByOption,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Hand it to somebody above, because nobody answers; the due day stays.

    Example: `yizheng correction escalate D-2026-000001 "director" --words "no reply" --by lead`
    """
    from gateway.model.matter import StepDraft

    step = StepDraft(step="escalate", by=by, owner=owner, words=words)
    supervised.take(site, request, step, as_json=as_json)


@app.command("reply")
def reply(
    request: IdArgument,
    words: WordsOption,
    answer: Annotated[
        Literal["corrected", "confirmed", "declined"],
        typer.Option(help="The record was mended, is right, or is not theirs to decide."),
    ],
    by: ByOption,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Note what the department answers; the agency that asked is told by an event.

    Example: `yizheng correction reply D-2026-000001 --answer corrected --words "date mended"
    --by "records office"`
    """
    from gateway.model.matter import StepDraft

    step = StepDraft(step="reply", by=by, words=words, answer=answer)
    supervised.take(site, request, step, as_json=as_json)


@app.command("verify")
def verify(
    request: IdArgument,
    result: Annotated[
        Literal["improved", "not_improved"], typer.Option(help="What the data says now.")
    ],
    by: ByOption,
    words: Annotated[str, typer.Option(help="In words.")] = "",
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Say whether the data is right now: `improved` closes, else it goes back to its owner.

    Example: `yizheng correction verify D-2026-000001 --result improved --by "window 3"`
    """
    from gateway.model.matter import StepDraft

    step = StepDraft(step="verify", by=by, words=words, result=result)
    supervised.take(site, request, step, as_json=as_json)


supervised.add_reading(app, "correction", "correction", "D-2026-000001")
