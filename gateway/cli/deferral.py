# SPDX-License-Identifier: Apache-2.0
"""`yizheng deferral`: what applicants owe 容缺受理, for the site's operator.

Nothing here shows a number, so looking needs no record; closing is recorded as an event.
"""

import asyncio
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from gateway.cli.agency import AgencyArgument
from gateway.cli.case import CaseArgument, MaterialArgument
from gateway.cli.config import SiteOption
from gateway.cli.output import JsonOption, print_facts, print_json, print_table

if TYPE_CHECKING:
    from gateway.config import Site
    from gateway.model.deferral import DeferralRecord, OwnReason

app: Final = typer.Typer(
    help="List, show and close deferrals of materials 容缺受理.", no_args_is_help=True
)
_LIMIT_S: Final = 10.0


@app.command("list")
def list_deferrals(
    agency: Annotated[str | None, typer.Option(help="Of one agency.")] = None,
    state: Annotated[
        Literal["open", "overdue", "closed"] | None, typer.Option(help="In one state.")
    ] = None,
    overdue: Annotated[
        bool, typer.Option("--overdue", help="Those whose day has passed, as `--state overdue`.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 100,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """List deferrals by due day.

    Example: `yizheng deferral list --overdue --json`
    """
    from gateway.casework import make_deferral_book, open_case_book
    from gateway.config import load_site

    store, _ = open_case_book(loaded := load_site(site))
    with closing(store):
        book = make_deferral_book(loaded, store)
        records = book.list_all(agency, "overdue" if overdue else state, limit=limit)
    if as_json:
        print_json(records)
        return
    rows = ((r.due_on, r.agency, r.case, r.material, r.state, r.reason, _retry(r)) for r in records)
    columns = ["due on", "agency", "case", "material", "state", "reason", "asked again"]
    print_table("Deferrals 容缺受理", columns, rows)


@app.command("show")
def show(
    agency: AgencyArgument,
    case: CaseArgument,
    material: MaterialArgument,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Show the last deferral of a material, with all that happened to it.

    Example: `yizheng deferral show yq-gjj YQ20261122-0001 结婚证`
    """
    from gateway.casework import make_deferral_book, open_case_book
    from gateway.config import load_site
    from gateway.errors import RequestError

    store, _ = open_case_book(loaded := load_site(site))
    with closing(store):
        record = make_deferral_book(loaded, store).show(agency, case, material)
    if record is None:
        raise RequestError("DEFERRAL_ABSENT")
    print_facts("Deferral 容缺受理", _facts(record, as_json=as_json), as_json=as_json)


@app.command("close")
def close(
    agency: AgencyArgument,
    case: CaseArgument,
    material: MaterialArgument,
    reason: Annotated[
        Literal["supplied", "withdrawn"],
        typer.Option(help="The applicant brought it, or nobody waits for it any more."),
    ] = "supplied",
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Close a deferral for an agency that cannot by itself; one that is closed stays as it was.

    The gateway has to run: what is closed is recorded in its log.

    Example: `yizheng deferral close yq-gjj YQ20261122-0001 结婚证 --reason supplied`
    """
    from gateway.config import load_site

    record = asyncio.run(_close(load_site(site), agency, case, material, reason))
    print_facts("Deferral closed 已关闭", _facts(record, as_json=as_json), as_json=as_json)


async def _close(
    site: "Site", agency: str, case: str, material: str, reason: "OwnReason"
) -> "DeferralRecord":
    """Close it, and have the running gateway record that.

    Raises:
        AuditError: no gateway runs; nothing was changed. Or it did not record the change: do it
            again, which changes nothing more.
    """
    from gateway.audit.client import SequencerClient
    from gateway.casework import make_deferral_book, open_case_book
    from gateway.sdk import Deadline

    store, _ = open_case_book(site)
    client = SequencerClient(site.socket)
    await client.open()
    try:
        await client.ping(Deadline.after(_LIMIT_S))
        book = make_deferral_book(site, store)
        record = await book.close(agency, case, material, reason, Deadline.after(_LIMIT_S))
        await client.append(_event(record), Deadline.after(_LIMIT_S), claim=None)
    finally:
        await client.aclose()
        store.close()
    return record


def _event(record: "DeferralRecord") -> bytes:
    from gateway.audit.signals import make_event
    from gateway.model.record import format_record

    detail = (
        f"agency={record.agency} case={record.case} deferral={record.id} reason={record.reason}"
    )
    return format_record(make_event("deferral_closed", detail, now=datetime.now(UTC)))


def _facts(record: "DeferralRecord", *, as_json: bool) -> dict[str, Any]:
    import msgspec

    facts: dict[str, Any] = msgspec.to_builtins(record)
    if not as_json:
        facts["retry"] = _retry(record)
        facts["steps"] = "; ".join(
            " ".join(part for part in (step.at, step.what, step.said) if part)
            for step in record.steps
        )
    return facts


def _retry(record: "DeferralRecord") -> str:
    """How the gateway asks again, in a few words."""
    retry = record.retry
    if retry is None:
        return "no department holds it"
    said = f", last {retry.said}" if retry.said else ""
    return f"{retry.state}, {retry.tries} tries{said}"
