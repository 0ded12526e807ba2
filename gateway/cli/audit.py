# SPDX-License-Identifier: Apache-2.0
"""`yizheng audit`: the group of commands, and a look at the end of the log."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from gateway.cli.auditor import AsOption, AuditorKeyOption, ReasonOption, open_desk
from gateway.cli.config import SiteOption
from gateway.cli.output import JsonOption, print_json, print_table

if TYPE_CHECKING:
    from gateway.model.record import Record

app: Final = typer.Typer(help="Prove and read the audit log.", no_args_is_help=True)


@app.command("tail")
def tail(
    *,
    auditor: AsOption,
    key: AuditorKeyOption,
    reason: ReasonOption,
    site: SiteOption = Path(),
    count: Annotated[
        int, typer.Option("--count", "-n", min=1, max=10_000, help="So many records.")
    ] = 20,
    as_json: JsonOption = False,
) -> None:
    """Show the newest records, holders masked; that they were read is recorded first.

    Example: `yizheng audit tail -n 50 --as zhao --key zhao.pem --reason "daily check"`
    """
    import msgspec

    from gateway.audit.store.reader import LogReader
    from gateway.config import load_site
    from gateway.model.record import parse_record

    loaded = load_site(site)
    desk = open_desk(loaded, auditor, key)
    desk.allow("view")
    reader = LogReader.open(loaded.state / "audit")
    try:
        records = [(index, parse_record(line)) for index, line in reader.tail(count)]
    finally:
        reader.close()
    desk.record("view", reason=reason, subject="tail", count=len(records))
    if as_json:
        print_json([{"index": i, **msgspec.to_builtins(record)} for i, record in records])
        return
    columns = ["#", "time", "who", "operator", "holder", "what", "outcome", "from"]
    print_table("Newest records 最新审计记录", columns, [_row(i, record) for i, record in records])


def _row(index: int, record: "Record") -> tuple[object, ...]:
    from gateway.model.act import Act, Event
    from gateway.model.entry import Entry

    at = record.time[5:19].replace("T", " ")
    match record:
        case Act():
            masked = record.holder.masked if record.holder else None
            outcome = record.code or record.outcome
            return (index, at, record.actor, None, masked, record.action, outcome, None)
        case Event():
            return (index, at, None, None, None, record.event, record.detail, None)
        case Entry():
            return (
                index,
                at,
                record.agency,
                record.operator,
                record.holder.masked if record.holder else None,
                record.certificate,
                record.code or record.outcome,
                record.served_from,
            )
