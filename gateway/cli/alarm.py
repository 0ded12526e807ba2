# SPDX-License-Identifier: Apache-2.0
"""`yizheng alarm`: thresholds that were passed, and the rungs that they propose (clause 8.1.2)."""

from contextlib import closing
from pathlib import Path
from typing import Annotated, Final

import typer

from gateway.cli.config import SiteOption
from gateway.cli.output import EXIT_REFUSED, JsonOption, print_json, print_table

app: Final = typer.Typer(help="Alarms 告警 on the load of departments.", no_args_is_help=True)


@app.command("list")
def list_alarms(
    is_raised: Annotated[bool, typer.Option("--raised", help="Not cleared ones only.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Exit code 1 where one is not cleared.")
    ] = False,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """List alarms, newest first.

    Example: `yizheng alarm list --raised --check`
    """
    from gateway.config import load_site
    from gateway.emergency import Emergencies

    with closing(Emergencies.open(load_site(site))) as opened:
        found = opened.alarms.list_alarms(is_raised=is_raised)
    if as_json:
        print_json(found)
    else:
        columns = ["id", "rule", "scope", "figure", "value", "threshold", "proposes", "raised",
                   "cleared", "incident"]  # fmt: skip
        rows = (
            (each.id, each.draft.rule, each.draft.scope, each.draft.figure, each.draft.value,
             each.draft.threshold, each.draft.proposes, each.raised_at, each.cleared_at,
             each.incident)
            for each in found
        )  # fmt: skip
        print_table("Alarms 告警", columns, rows)
    if check and any(each.cleared_at is None for each in found):
        raise typer.Exit(EXIT_REFUSED)
