# SPDX-License-Identifier: Apache-2.0
"""`yizheng department`: which departments may signal that a holder's records have changed."""

from pathlib import Path
from typing import Annotated, Final

import typer

from gateway.cli.config import SiteOption
from gateway.cli.output import JsonOption, print_facts, print_json, print_table

app: Final = typer.Typer(help="Add, disable, enable and list departments.", no_args_is_help=True)
DepartmentArgument = Annotated[str, typer.Argument(help="The department's id.")]


@app.command("add")
def add(
    department: DepartmentArgument,
    public: Annotated[Path, typer.Argument(help="Public key: PEM, JWK or X.509 in PEM.")],
    name: Annotated[str, typer.Option(help="Name in words.")],
    adapter: Annotated[
        list[str], typer.Option(help="Adapter whose certificates it answers for; repeatable.")
    ],
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Add a department with the public key that signs its change signals.

    Example: `yizheng department add yq-ga ga.pub.pem --name 公安局 --adapter public_security`
    """
    from gateway.cli.agency_keys import read_key
    from gateway.departments import DepartmentFolder

    added = DepartmentFolder(site).add(department, name, tuple(adapter), read_key(public))
    facts = {
        "department": added.id,
        "key": added.keys[0].id,
        "adapters": list(added.adapters) if as_json else " ".join(added.adapters),
    }
    print_facts("Department added", facts, as_json=as_json)


@app.command("disable")
def disable(
    department: DepartmentArgument, site: SiteOption = Path(), as_json: JsonOption = False
) -> None:
    """Refuse a department's signals from now on.

    Example: `yizheng department disable yq-ga`
    """
    _set_active(department, site, active=False, as_json=as_json)


@app.command("enable")
def enable(
    department: DepartmentArgument, site: SiteOption = Path(), as_json: JsonOption = False
) -> None:
    """Let a disabled department signal again.

    Example: `yizheng department enable yq-ga`
    """
    _set_active(department, site, active=True, as_json=as_json)


@app.command("list")
def list_departments(site: SiteOption = Path(), as_json: JsonOption = False) -> None:
    """Show all departments with their adapters and keys.

    Example: `yizheng department list --json`
    """
    from gateway.departments import DepartmentFolder

    departments = DepartmentFolder(site).read_all()
    if as_json:
        print_json(
            [
                {
                    "department": department.id,
                    "name": department.name,
                    "active": department.active,
                    "adapters": list(department.adapters),
                    "keys": [key.id for key in department.keys],
                }
                for department in departments
            ]
        )
        return
    rows = (
        (
            department.id,
            department.name,
            "yes" if department.active else "no",
            " ".join(department.adapters),
            " ".join(key.id for key in department.keys),
        )
        for department in departments
    )
    columns = ["department", "name", "active", "adapters", "keys"]
    print_table("Departments 数据提供部门", columns, rows)


def _set_active(department: str, site: Path, *, active: bool, as_json: bool) -> None:
    from gateway.departments import DepartmentFolder

    DepartmentFolder(site).set_active(department, active=active)
    shown: object = active if as_json else "yes" if active else "no"
    print_facts("Department", {"department": department, "active": shown}, as_json=as_json)
