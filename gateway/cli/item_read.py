# SPDX-License-Identifier: Apache-2.0
"""`yizheng item list|show|diff|log|coverage`: what is there, what it was, what is missing."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from gateway.cli.config import SiteOption
from gateway.cli.item import today
from gateway.cli.output import EXIT_REFUSED, JsonOption, print_json, print_table

if TYPE_CHECKING:
    from gateway.catalog.item_folder import Stock
    from gateway.model.item import ServiceItem

CodeArgument = Annotated[str, typer.Argument(help="The item's code.")]
VersionOption = Annotated[int | None, typer.Option(help="Of the change log; else the newest.")]
_COLUMNS: Final = ("code", "name", "version", "status", "from", "until", "next", "log")


def list_items(site: SiteOption = Path(), as_json: JsonOption = False) -> None:
    """List all items: what counts, since when, what comes next, whether the log knows it.

    Example: `yizheng item list --site my-site`
    """
    from gateway.catalog.item_folder import ItemFolder

    stock = ItemFolder(site).read()
    rows = [_row(stock, code) for code in sorted(stock.current | stock.following)]
    if as_json:
        print_json(rows)
    else:
        print_table("Items 事项", _COLUMNS, [list(row.values()) for row in rows])


def show(
    code: CodeArgument,
    version: VersionOption = None,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Show an item as TOML, as it is or as it was in a version.

    Example: `yizheng item show yq-gjj-001 --version 1`
    """
    from gateway.catalog.item_folder import ItemFolder
    from gateway.model.toml_text import format_tables

    item = _find(ItemFolder(site).read(), code, version)
    if as_json:
        print_json(item)
    else:
        typer.echo(format_tables("items", [item]), nl=False)


def diff(
    code: CodeArgument,
    before: Annotated[
        int | None, typer.Option("--from", help="Version; else what counts now.")
    ] = None,
    after: Annotated[
        int | None, typer.Option("--to", help="Version; else what shall count next.")
    ] = None,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Show what differs between two versions of an item, place by place; 1 if anything does.

    Example: `yizheng item diff yq-gjj-001 --from 1 --to 2`
    """
    from gateway.catalog.difference import differences
    from gateway.catalog.item_folder import ItemFolder

    stock = ItemFolder(site).read()
    old = stock.current.get(code) if before is None else _find(stock, code, before)
    new = _find(stock, code, after)
    found = differences(old, new) if old else differences({}, new)
    if as_json:
        print_json(found)
    else:
        print_table(
            f"{code} 差异",
            ["place", "before", "after"],
            ((each.place, each.before, each.after) for each in found),
        )
    if found:
        raise typer.Exit(EXIT_REFUSED)


def log(
    code: Annotated[str | None, typer.Argument(help="An item's code; else all.")] = None,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Show the change log: who, when, from what to what, and why.

    Example: `yizheng item log yq-gjj-001`
    """
    from gateway.catalog.item_folder import ItemFolder

    changes = [c for c in ItemFolder(site).read().changes if code in {None, c.name}]
    if as_json:
        print_json(changes)
        return
    print_table(
        "Changes 变更记录",
        ["at", "by", "item", "version", "from → to", "changed", "note"],
        (
            (
                c.at,
                c.by,
                c.name,
                c.version,
                f"{c.was or '–'} → {c.now}",
                "\n".join(c.fields),
                c.note,
            )
            for c in changes
        ),
    )


def coverage(site: SiteOption = Path(), as_json: JsonOption = False) -> None:
    """Show how many items are in force for each domain and level (clause 4.3).

    Example: `yizheng item coverage --site my-site`
    """
    from gateway.catalog.coverage import coverage as count
    from gateway.catalog.item_folder import ItemFolder
    from gateway.catalog.words import DOMAINS, LEVELS

    found = count(ItemFolder(site).read().current.values(), today(site))
    if as_json:
        print_json(found)
        return
    print_table(
        "Coverage 覆盖情况",
        ["domain 领域", *(f"{text.en} {text.zh}" for text in LEVELS.values())],
        (
            (f"{DOMAINS[domain].en} {DOMAINS[domain].zh}", *(len(at[level]) for level in LEVELS))
            for domain, at in found.items()
        ),
    )


def _step(was: str | None, now: str) -> str:
    return f"{was or '–'} → {now}"


def _row(stock: "Stock", code: str) -> dict[str, object]:
    item, following = stock.current.get(code), stock.following.get(code)
    named = item or following
    assert named is not None
    return {
        "code": code,
        "name": named.name,
        "version": item.version if item else None,
        "status": item.status if item else None,
        "from": item.effective_from.isoformat() if item and item.effective_from else None,
        "until": item.effective_until.isoformat() if item and item.effective_until else None,
        "next": f"{following.status} v{following.version}" if following else None,
        "log": stock.logged(code),
    }


def _find(stock: "Stock", code: str, version: int | None) -> "ServiceItem":
    from gateway.errors import RequestError

    item = stock.newest(code) if version is None else stock.version(code, version)
    if item is None:
        where = "there" if version is None else f"in the change log as version {version}"
        raise RequestError("CATALOG_REFUSED", f"item {code} is not {where}")
    return item
