# SPDX-License-Identifier: Apache-2.0
"""`yizheng case`: cases of the site, for its operator.

Numbers are never arguments: a registration is a file or standard input. Nothing here shows one, so
looking at cases needs no record; registering and closing is recorded as an event.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from gateway.cli.agency import AgencyArgument
from gateway.cli.config import SiteOption
from gateway.cli.output import JsonOption, print_facts, print_json, print_table, read_named

if TYPE_CHECKING:
    from gateway.config import Site
    from gateway.model.act import Happening
    from gateway.model.case import CaseDraft, CaseRecord
    from gateway.model.holder import Holder
    from gateway.office.cases import SqliteCaseBook

app: Final = typer.Typer(help="Register, show, close and list cases 办件.", no_args_is_help=True)
MaterialArgument = Annotated[str, typer.Argument(help="The material, as the item names it.")]
CaseArgument = Annotated[str, typer.Argument(help="The agency's number of the case.")]
_LIMIT_S: Final = 10.0


@app.command("register")
def register(
    agency: AgencyArgument,
    case: CaseArgument,
    file: Annotated[
        Path, typer.Argument(help="JSON as for PUT /v1/cases; `-` is standard input.")
    ] = Path("-"),
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Register a case for an agency that cannot by itself; the same content changes nothing.

    The gateway has to run: what is registered is recorded in its log.

    Example: `yizheng case register yq-gjj YQ20261122-0001 case.json`
    """
    from gateway.config import load_site
    from gateway.sdk import Deadline

    body = sys.stdin.buffer.read() if str(file) == "-" else read_named(file, "a registration")
    loaded = load_site(site)
    draft = _draft(loaded, agency, case, body)
    applicant = next(party.holder for party in draft.parties if party.role == "applicant")
    record = _change(
        loaded,
        "case_registered",
        applicant,
        lambda book: book.register(draft, Deadline.after(_LIMIT_S)),
    )
    print_facts("Case registered 已登记", _facts(record, as_json=as_json), as_json=as_json)


@app.command("show")
def show(
    agency: AgencyArgument,
    case: CaseArgument,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Show a case with its holders masked.

    Example: `yizheng case show yq-gjj YQ20261122-0001`
    """
    from gateway.casework import open_case_book
    from gateway.config import load_site

    store, book = open_case_book(load_site(site))
    with closing(store):
        record = _present(book.show(agency, case))
    print_facts("Case 办件", _facts(record, as_json=as_json), as_json=as_json)


@app.command("close")
def close(
    agency: AgencyArgument,
    case: CaseArgument,
    result: Annotated[
        Literal["done", "refused", "withdrawn"] | None, typer.Option(help="How it ended.")
    ] = None,
    reason: Annotated[
        str, typer.Option(help="Why, without personal data; monitoring asks for it if refused.")
    ] = "",
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Close a case: from now on nothing is asked for it.

    The gateway has to run: what is closed is recorded in its log.

    Example: `yizheng case close yq-gjj YQ20261122-0001`
    """
    from gateway.config import load_site
    from gateway.model.instant import format_time_s
    from gateway.model.screening import screen_reason
    from gateway.sdk import Deadline

    closed_at = format_time_s(datetime.now(UTC))

    def end_case(book: "SqliteCaseBook") -> "Awaitable[CaseRecord]":
        screen_reason(reason, book.parties(agency, case))
        deadline = Deadline.after(_LIMIT_S)
        return book.close_case(agency, case, closed_at, deadline, result=result, reason=reason)

    record = _change(
        load_site(site),
        "case_closed",
        None,
        end_case,
    )
    print_facts("Case closed 已办结", _facts(record, as_json=as_json), as_json=as_json)


@app.command("list")
def list_cases(
    agency: Annotated[str | None, typer.Option(help="Of one agency.")] = None,
    state: Annotated[
        Literal["provisional", "open", "closed"] | None, typer.Option(help="In one state.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 100,
    after: Annotated[
        str, typer.Option(help="AGENCY:CASE of the last one of the page before.")
    ] = "",
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """List cases by agency and number, holders masked.

    Example: `yizheng case list --state provisional --json`
    """
    from gateway.casework import open_case_book
    from gateway.config import load_site

    store, book = open_case_book(load_site(site))
    start, _, number = after.partition(":")
    with closing(store):
        records = book.list_cases(agency, state, after=(start, number), limit=limit)
    if as_json:
        print_json(records)
        return
    rows = (
        (r.agency, r.number, r.state, r.version, r.item, _holders(r), r.first_seen_at)
        for r in records
    )
    columns = ["agency", "case", "state", "version", "item", "holders", "first seen"]
    print_table("Cases 办件", columns, rows)


def _draft(site: "Site", agency: str, case: str, body: bytes) -> "CaseDraft":
    """A registration that has passed the checks that an agency's own does."""
    import secrets

    from gateway.catalog.catalog import ItemCatalog
    from gateway.errors import RequestError
    from gateway.exchange.body import parse_registration
    from gateway.exchange.case_draft import clock_ahead, make_draft
    from gateway.policy.cases import refuse_registration

    registered = next((each for each in site.agencies if each.id == agency), None)
    if registered is None:
        raise RequestError("AGENCY_UNKNOWN")
    now = datetime.now(UTC)
    today = now.astimezone(timezone(timedelta(hours=site.config.site.utc_offset_h))).date()
    registration = parse_registration(body)
    draft = make_draft(
        registration,
        agency=agency,
        number=case,
        act=secrets.token_hex(16),
        today=today,
        latest=clock_ahead(now, site.config.lookup.clock_window_s),
    )
    if ItemCatalog(site.items).find(draft.item) is None:
        raise RequestError("ITEM_UNKNOWN", "`item` is not the code of a published item")
    denied = refuse_registration(registered, case, registration, today=today)
    if denied is not None:
        raise RequestError(denied.refusal.code, denied.detail)
    return draft


def _change(
    site: "Site",
    happening: "Happening",
    holder: "Holder | None",
    change: "Callable[[SqliteCaseBook], Awaitable[CaseRecord]]",
) -> "CaseRecord":
    """Change a case, and have the running gateway record it.

    Raises:
        AuditError: no gateway runs; nothing was changed. Or it did not record the change: do it
            again, which changes nothing more.
    """
    from gateway.audit.client import SequencerClient
    from gateway.casework import open_case_book
    from gateway.sdk import Deadline

    async def run() -> "CaseRecord":
        store, book = open_case_book(site)
        client = SequencerClient(site.socket)
        await client.open()
        try:
            await client.ping(Deadline.after(_LIMIT_S))
            record = await change(book)
            line = _event(site, happening, record, holder)
            await client.append(line, Deadline.after(_LIMIT_S), claim=None)
        finally:
            await client.aclose()
            store.close()
        return record

    return asyncio.run(run())


def _event(
    site: "Site", happening: "Happening", record: "CaseRecord", holder: "Holder | None"
) -> bytes:
    from gateway import keyring
    from gateway.audit.signals import make_event
    from gateway.model.record import format_record

    now = datetime.now(UTC)
    about = None
    if holder is not None:
        about = holder, keyring.epoch_cipher(site, keyring.prepare_epoch(site, now))
    detail = f"agency={record.agency} case={record.number} version={record.version}"
    return format_record(make_event(happening, detail, now=now, about=about))


def _present(record: "CaseRecord | None") -> "CaseRecord":
    from gateway.errors import RequestError

    if record is None:
        raise RequestError("CASE_ABSENT")
    return record


def _facts(record: "CaseRecord", *, as_json: bool) -> dict[str, Any]:
    import msgspec

    facts: dict[str, Any] = msgspec.to_builtins(record)
    if not as_json:
        facts["holders"] = _holders(record)
        if record.mandate is not None:
            facts["mandate"] = f"{record.mandate.id} until {record.mandate.expires_on}"
    return facts


def _holders(record: "CaseRecord") -> str:
    return " ".join(f"{holder.role}:{holder.masked}" for holder in record.holders)
