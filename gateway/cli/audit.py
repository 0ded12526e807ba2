# SPDX-License-Identifier: Apache-2.0
"""`yizheng audit`: prove the log, and look at its end."""

import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from gateway.cli.config import SiteOption
from gateway.cli.output import JsonOption, print_json, print_table

app: Final = typer.Typer(help="Prove and read the audit log.", no_args_is_help=True)


@app.command("verify")
def verify(
    site: SiteOption = Path(),
    vkey: Annotated[
        Path | None, typer.Option(help="The log's verifier key; default keys/log.vkey of the site.")
    ] = None,
    against: Annotated[
        list[Path] | None,
        typer.Option(help="A checkpoint that was kept elsewhere. May be repeated."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Derive the whole log again from its entries and compare with every checkpoint.

    Exit code 4 when anything does not hold; the first bad record is named.

    Example: `yizheng audit verify --site my-site --against checkpoint-2026-11-01`
    """
    from gateway.audit.store.reader import LogReader
    from gateway.audit.verify import verify_log
    from gateway.cli.progress import Progress
    from gateway.config import load_site
    from gateway.errors import SetupError
    from gateway.keyring import log_verifier, read_verifier

    loaded = load_site(site)
    key = read_verifier(vkey) if vkey else log_verifier(loaded)
    try:
        kept = [path.read_bytes() for path in against or ()]
    except OSError as error:
        raise SetupError(
            f"cannot be read: {error.strerror}",
            where=str(error.filename),
            remedy="name a file that holds a signed checkpoint.",
        ) from None
    reader = LogReader.open(loaded.state / "audit")
    try:
        with Progress("verify", shown=sys.stderr.isatty() and not as_json) as progress:
            report = verify_log(reader, key, against=kept, progress=progress.update)
    finally:
        reader.close()
    facts = {
        "origin": report.origin,
        "entries": report.size,
        "root": report.root.hex(),
        "checkpoints": report.checkpoint_count,
        "tiles": report.tile_count,
        "against": report.against_count,
    }
    if as_json:
        print_json({"verified": True, **facts})
    else:
        print_table("The log verifies", ["what", "value"], facts.items())


@app.command("tail")
def tail(
    site: SiteOption = Path(),
    count: Annotated[
        int, typer.Option("--count", "-n", min=1, max=10_000, help="So many entries.")
    ] = 20,
    as_json: JsonOption = False,
) -> None:
    """Show the newest entries; holders stay masked.

    Example: `yizheng audit tail --site my-site -n 50 --json`
    """
    import msgspec

    from gateway.audit.store.reader import LogReader
    from gateway.config import load_site
    from gateway.model.entry import parse_entry

    reader = LogReader.open(load_site(site).state / "audit")
    try:
        entries = [(index, parse_entry(line)) for index, line in reader.tail(count)]
    finally:
        reader.close()
    if as_json:
        print_json([{"index": i, **msgspec.to_builtins(entry)} for i, entry in entries])
        return
    columns = ["#", "time", "agency", "operator", "holder", "certificate", "outcome", "from"]
    rows = [
        (
            index,
            entry.time[5:19].replace("T", " "),
            entry.agency,
            entry.operator,
            entry.holder.masked if entry.holder else None,
            entry.certificate,
            entry.code or entry.outcome,
            entry.served_from,
        )
        for index, entry in entries
    ]
    print_table("Newest entries 最新审计记录", columns, rows)
