# SPDX-License-Identifier: Apache-2.0
"""`yizheng list`: the three lists of clause 4.6, their versions, and what differs between them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from gateway.cli.config import SiteOption
from gateway.cli.item import ByOption, NoteOption, today
from gateway.cli.output import EXIT_REFUSED, JsonOption, print_facts, print_json, print_table
from gateway.model.intermediary import ListName

if TYPE_CHECKING:
    from gateway.catalog.lists import Rows

app: Final = typer.Typer(
    help="Lists 清单: one-ID items, materials, intermediaries; show, publish, compare.",
    no_args_is_help=True,
)
NameArgument = Annotated[
    ListName, typer.Argument(help="one-id-items, materials or intermediaries.")
]


@app.command("show")
def show(
    name: NameArgument,
    version: Annotated[int | None, typer.Option(help="Else what it would say now.")] = None,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Show a list as it would be published now, or a version as it was.

    Example: `yizheng list show materials --version 1`
    """
    from gateway.catalog.lists import COLUMNS, TITLES

    rows = _rows(site, name, version)
    if as_json:
        print_json(rows)
        return
    columns = COLUMNS[name]
    titles = [f"{text.zh}" for text in columns.values()]
    title = f"{TITLES[name].zh} {TITLES[name].en}"
    print_table(title, titles, ([row.get(member, "") for member in columns] for row in rows))


@app.command("publish")
def publish(
    name: NameArgument,
    by: ByOption,
    note: NoteOption = "",
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Freeze what a list says now as its next version; gateways show it from SIGHUP on.

    Example: `yizheng list publish one-id-items --by wang-5 --note "2026 年第一批"`
    """
    from gateway.catalog.list_folder import ListFolder

    made = ListFolder(site).publish(name, _rows(site, name, None), by=by, note=note, on=today(site))
    facts = {"list": name, "version": made.version, "rows": len(made.rows)}
    print_facts("Published 已公布", facts, as_json=as_json)


@app.command("versions")
def versions(site: SiteOption = Path(), as_json: JsonOption = False) -> None:
    """List all versions of all lists.

    Example: `yizheng list versions --site my-site`
    """
    from typing import get_args

    from gateway.catalog.list_folder import ListFolder

    folder = ListFolder(site)
    names: tuple[ListName, ...] = get_args(ListName)
    found = [folder.read(name, number) for name in names for number in folder.versions(name)]
    rows = [
        {
            "list": each.list,
            "version": each.version,
            "published_on": each.published_on,
            "rows": len(each.rows),
            "note": each.note,
        }
        for each in found
    ]
    if as_json:
        print_json(rows)
    else:
        columns = ["list", "version", "published on", "rows", "note"]
        print_table("Lists 清单", columns, [list(row.values()) for row in rows])


@app.command("diff")
def diff(
    name: NameArgument,
    before: Annotated[int | None, typer.Option("--from", help="Version; else the newest.")] = None,
    after: Annotated[
        int | None, typer.Option("--to", help="Version; else what it would say now.")
    ] = None,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Show what differs between two versions of a list; 1 if anything does.

    Example: `yizheng list diff materials --from 1 --to 2`
    """
    from gateway.catalog.difference import differences
    from gateway.catalog.list_folder import ListFolder

    numbers = ListFolder(site).versions(name)
    if before is None and numbers:
        before = numbers[-1]
    old = _rows(site, name, before) if before is not None else ()
    found = differences({"rows": old}, {"rows": _rows(site, name, after)})
    if as_json:
        print_json(found)
    else:
        print_table(
            f"{name} 差异",
            ["place", "before", "after"],
            ((each.place, each.before, each.after) for each in found),
        )
    if found:
        raise typer.Exit(EXIT_REFUSED)


def _rows(site: Path, name: ListName, version: int | None) -> "Rows":
    """Of a version, or as it would be now."""
    from gateway.catalog.item_folder import ItemFolder
    from gateway.catalog.list_folder import ListFolder
    from gateway.catalog.lists import list_rows
    from gateway.config import load_intermediaries
    from gateway.toml_file import toml_files

    if version is not None:
        return ListFolder(site).read(name, version).rows
    folder = site.resolve()
    files = toml_files(folder, "lists")
    bodies = [body for file in files for body in load_intermediaries(file, folder)]
    return list_rows(name, ItemFolder(site).read().current.values(), bodies, today(site))
