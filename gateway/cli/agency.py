# SPDX-License-Identifier: Apache-2.0
"""`yizheng agency`: who may ask this gateway."""

from pathlib import Path
from typing import Annotated, Final

import typer

from gateway.cli.config import SiteOption
from gateway.cli.output import JsonOption, print_json, print_table

app: Final = typer.Typer(
    help="Add, disable, enable and list agencies. A running gateway follows within a second.",
    no_args_is_help=True,
)
AgencyArgument = Annotated[str, typer.Argument(help="The agency's id.")]


@app.command("add")
def add(
    agency: Annotated[str, typer.Argument(help="Its id: lower-case letters, digits, hyphens.")],
    name: Annotated[str, typer.Option(help="Its name in words.")],
    uscc: Annotated[str | None, typer.Option(help="Its unified social credit code.")] = None,
    division: Annotated[str | None, typer.Option(help="6- or 12-digit division code.")] = None,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Add an agency without keys. Operators are written into its file.

    Example: `yizheng agency add yq-gjj --name 阳泉公积金中心 --division 140300`
    """
    from gateway.agencies import AgencyFolder
    from gateway.model.agency import Agency

    AgencyFolder(site).add(Agency(agency, name, uscc, division))
    _say(agency, "added", as_json=as_json)


@app.command("disable")
def disable(agency: AgencyArgument, site: SiteOption = Path(), as_json: JsonOption = False) -> None:
    """Refuse an agency, whatever its keys. Comments in its file are lost.

    Example: `yizheng agency disable yq-gjj`
    """
    from gateway.agencies import AgencyFolder

    AgencyFolder(site).set_active(agency, active=False)
    _say(agency, "disabled", as_json=as_json)


@app.command("enable")
def enable(agency: AgencyArgument, site: SiteOption = Path(), as_json: JsonOption = False) -> None:
    """Let a disabled agency in again. Comments in its file are lost.

    Example: `yizheng agency enable yq-gjj`
    """
    from gateway.agencies import AgencyFolder

    AgencyFolder(site).set_active(agency, active=True)
    _say(agency, "enabled", as_json=as_json)


@app.command("list")
def list_agencies(site: SiteOption = Path(), as_json: JsonOption = False) -> None:
    """List all agencies with their state and their number of keys and operators.

    Example: `yizheng agency list --site my-site --json`
    """
    from gateway.agencies import AgencyFolder

    rows = [
        {
            "id": agency.id,
            "name": agency.name,
            "division": agency.division,
            "active": agency.active,
            "keys": len(agency.keys),
            "operators": len(agency.operators),
        }
        for agency in AgencyFolder(site).read_all()
    ]
    if as_json:
        print_json(rows)
    else:
        columns = ["id", "name", "division", "active", "keys", "operators"]
        print_table("Agencies", columns, [list(row.values()) for row in rows])


def _say(agency: str, done: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"agency": agency, "done": done})
    else:
        typer.echo(f"{agency}: {done}")
