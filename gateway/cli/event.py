# SPDX-License-Identifier: Apache-2.0
"""`yizheng event`: deliveries of events to agencies, for the operator of a site."""

import asyncio
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from gateway.cli.config import SiteOption
from gateway.cli.output import (
    EXIT_UNAVAILABLE,
    JsonOption,
    print_facts,
    print_json,
    print_table,
)

if TYPE_CHECKING:
    from gateway.config import Site
    from gateway.office.courier import Carried

app: Final = typer.Typer(
    help="See, repeat and try deliveries of events 事件.", no_args_is_help=True
)
_WRITE_S: Final = 10.0


@app.command("list")
def list_events(
    agency: Annotated[str | None, typer.Option(help="To one agency.")] = None,
    state: Annotated[
        Literal["pending", "delivered", "dead"] | None, typer.Option(help="In one state.")
    ] = None,
    after: Annotated[int, typer.Option(min=0, help="From behind this seq on.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 100,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """List deliveries by seq, with what became of the last attempt.

    Example: `yizheng event list --state dead --json`
    """
    from gateway.clerking import open_deliveries
    from gateway.config import load_site

    store, deliveries = open_deliveries(load_site(site))
    with closing(store):
        found = deliveries.list_deliveries(agency, state, after=after, limit=limit)
    if as_json:
        print_json(found)
        return
    columns = ["agency", "seq", "kind", "time", "state", "attempts", "last attempt", "ended"]
    rows = ((d.agency, d.seq, d.kind, d.time, d.state, d.attempts, d.said, d.ended_at)
            for d in found)  # fmt: skip
    print_table("Deliveries 事件投递", columns, rows)


@app.command("redeliver")
def redeliver(
    agency: Annotated[str, typer.Argument(help="The agency's id.")],
    seqs: Annotated[
        list[int] | None, typer.Argument(min=1, help="Which; none is all that are dead.")
    ] = None,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Have events delivered again, under the same id; the running clerk does so at once.

    Exit code 1 when there was nothing to deliver again.

    Example: `yizheng event redeliver yq-gjj 17 18`
    """
    from gateway.clerking import open_deliveries
    from gateway.config import load_site
    from gateway.sdk import Deadline

    store, deliveries = open_deliveries(load_site(site))
    with closing(store):
        count = asyncio.run(deliveries.redeliver(agency, seqs or None, Deadline.after(_WRITE_S)))
    print_facts("Delivered again 重新投递", {"agency": agency, "count": count}, as_json=as_json)
    if not count:
        raise typer.Exit(1)


@app.command("test")
def try_receiver(
    agency: Annotated[str, typer.Argument(help="The agency's id.")],
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Send one event of kind `receiver.tested` to an agency's receiver, now, once.

    It is signed as any other and kept nowhere. Exit code 3 when it was not taken.

    Example: `yizheng event test yq-gjj`
    """
    from gateway.clerking import check_events
    from gateway.config import load_site
    from gateway.errors import RequestError, SetupError

    loaded = load_site(site)
    found = next((each for each in loaded.agencies if each.id == agency), None)
    if found is None:
        raise RequestError("AGENCY_UNKNOWN")
    if found.events is None:
        raise SetupError(
            "names no receiver",
            where=f"agencies/{agency}.toml",
            remedy="add `[events]` with its `url`.",
        )
    check_events(loaded)
    carried = asyncio.run(_try(loaded, agency, found.events.url))
    facts = {"agency": agency, "taken": carried.is_taken, "said": carried.said}
    print_facts("Receiver tried 接收端测试", facts, as_json=as_json)
    if not carried.is_taken:
        raise typer.Exit(EXIT_UNAVAILABLE)


async def _try(site: "Site", agency: str, url: str) -> "Carried":
    import secrets
    from datetime import UTC, datetime

    from gateway.clerking import open_courier
    from gateway.model.instant import format_time_s
    from gateway.model.office_event import OfficeEvent, ReceiverTested

    event = OfficeEvent(
        id=secrets.token_hex(16),
        seq=0,
        time=format_time_s(datetime.now(UTC)),
        agency=agency,
        what=ReceiverTested(site.config.site.name[:64]),
    )
    async with open_courier(site) as courier:
        return await courier.carry(event, url)
