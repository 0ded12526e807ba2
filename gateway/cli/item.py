# SPDX-License-Identifier: Apache-2.0
"""`yizheng item`: the catalogue 清单, from a spreadsheet to the public page."""

from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from gateway.cli.config import SiteOption
from gateway.cli.output import JsonOption, print_facts, print_json

if TYPE_CHECKING:
    from gateway.catalog.item_folder import ItemFolder

app: Final = typer.Typer(
    help="Items 事项: import, review, publish, retire. A running gateway takes them at SIGHUP.",
    no_args_is_help=True,
)
CodesArgument = Annotated[
    list[str] | None, typer.Argument(metavar="CODE…", help="Item codes; none with --all.")
]
ByOption = Annotated[
    str,
    typer.Option("--by", envvar="YIZHENG_BY", help="Who does it; recorded in the change log."),
]
NoteOption = Annotated[str, typer.Option("--note", help="Why; recorded in the change log.")]
AllOption = Annotated[bool, typer.Option("--all", help="All that can be.")]


@app.command("import")
def import_items(
    file: Annotated[Path, typer.Argument(help="XLSX, CSV, JSON or TOML.")],
    by: ByOption,
    note: NoteOption = "",
    incomplete: Annotated[
        bool,
        typer.Option("--incomplete", help="Take drafts with empty mandatory columns, too."),
    ] = False,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Take items as drafts; with one fault none is taken, and each fault is named by its cell.

    Example: `yizheng item import 清单.xlsx --by zhang-3 --note "2026 年第一批"`
    """
    from gateway.catalog.files import read_catalogue

    items = read_catalogue(file, complete=not incomplete)
    taken, same = _folder(site, by, note).draft(items)
    facts = {"drafts": len(taken), "unchanged": len(same)}
    print_facts(f"{file.name} 已导入", facts, as_json=as_json)


@app.command("export")
def export_items(
    file: Annotated[Path, typer.Argument(help="XLSX, CSV, JSON or TOML, by its name.")],
    everything: Annotated[
        bool, typer.Option("--all", help="Whatever its status; else what is in force.")
    ] = False,
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Write items into a file that `import` reads. One that is there is replaced.

    Example: `yizheng item export 清单.xlsx --site my-site`
    """
    from gateway.catalog.files import write_catalogue
    from gateway.errors import SetupError
    from gateway.site_file import write_whole_bytes

    stock, day = _folder(site).read(), today(site)
    items = [
        item
        for item in sorted((stock.following | stock.current).values(), key=lambda item: item.code)
        if everything or (item.status == "published" and item.is_in_force(day))
    ]
    made = write_catalogue(items, file)
    try:
        for path, content in made.items():
            write_whole_bytes(path, content)
    except OSError as error:
        raise SetupError(
            f"cannot be written: {error.strerror}",
            where=str(file),
            remedy="check the folder, its owner and free space.",
        ) from None
    names = [str(path) for path in made]
    print_facts("Written 已导出", {"items": len(items), "files": names}, as_json=as_json)


@app.command("review")
def review(
    by: ByOption,
    codes: CodesArgument = None,
    everything: AllOption = False,
    note: NoteOption = "",
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Say of drafts that they are right; never of one's own.

    Example: `yizheng item review yq-gjj-001 --by li-4`
    """
    folder = _folder(site, by, note)
    chosen = _chosen(codes, "draft", folder, everything=everything)
    folder.review(chosen)
    _done(chosen, "reviewed", as_json=as_json)


@app.command("publish")
def publish(
    by: ByOption,
    codes: CodesArgument = None,
    everything: AllOption = False,
    first: Annotated[
        datetime | None,
        typer.Option("--from", formats=["%Y-%m-%d"], help="First day in force; else today."),
    ] = None,
    note: NoteOption = "",
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """Let reviewed items count; refused where a mandatory column is empty.

    Example: `yizheng item publish --all --by wang-5 --note "市政府公告 2026 年第 1 号"`
    """
    folder = _folder(site, by, note)
    chosen = _chosen(codes, "reviewed", folder, everything=everything)
    folder.publish(chosen, today=today(site), first=first.date() if first else None)
    _done(chosen, "published", as_json=as_json)


@app.command("retire")
def retire(
    codes: Annotated[list[str], typer.Argument(metavar="CODE…", help="Item codes.")],
    by: ByOption,
    last: Annotated[
        datetime | None,
        typer.Option(
            "--last-day", formats=["%Y-%m-%d"], help="Last day in force; absent: at once."
        ),
    ] = None,
    note: NoteOption = "",
    site: SiteOption = Path(),
    as_json: JsonOption = False,
) -> None:
    """End published items, at once or after a last day.

    Example: `yizheng item retire yq-gjj-002 --last-day 2026-12-31 --by wang-5`
    """
    folder = _folder(site, by, note)
    folder.retire(codes, today=today(site), last=last.date() if last else None)
    _done(codes, f"ends on {last.date()}" if last else "retired", as_json=as_json)


def today(site: Path) -> date:
    """The day in the site's time zone."""
    from gateway.config import GatewayConfig
    from gateway.toml_file import load_toml

    folder = site.resolve()
    config = load_toml(folder / "gateway.toml", GatewayConfig, folder)
    offset = timezone(timedelta(hours=config.site.utc_offset_h))
    return datetime.now(UTC).astimezone(offset).date()


def _folder(site: Path, by: str = "", note: str = "") -> "ItemFolder":
    from gateway.catalog.item_folder import ItemFolder

    return ItemFolder(site, by=by, note=note)


def _chosen(
    codes: list[str] | None, status: str, folder: "ItemFolder", *, everything: bool
) -> list[str]:
    """The codes that were named, or all of a status."""
    if bool(codes) == everything:
        raise typer.BadParameter("name items, or say --all")
    if codes:
        return codes
    stock = folder.read()
    there = stock.following if status == "reviewed" else stock.current | stock.following
    return sorted(code for code, item in there.items() if item.status == status)


def _done(codes: list[str], done: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"items": codes, "done": done})
        return
    for code in codes:
        typer.echo(f"{code}: {done}")
    typer.echo("A running gateway takes this at SIGHUP. 运行中的网关在收到 SIGHUP 后生效。")
