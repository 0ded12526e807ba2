# SPDX-License-Identifier: Apache-2.0
"""`yizheng calendar`: which days are worked, and when a number of working days is over."""

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from gateway.cli.output import JsonOption, print_facts, print_json, print_table

if TYPE_CHECKING:
    from gateway.model.working_day import YearTable

app: Final = typer.Typer(
    help="Working days 工作日: holidays, make-up days, deadlines.", no_args_is_help=True
)
SiteOption = Annotated[
    Path | None,
    typer.Option(
        "--site",
        envvar="YIZHENG_SITE",
        help="The site's folder; without one, the tables that are shipped.",
    ),
]
_Day = Annotated[
    datetime, typer.Argument(formats=["%Y-%m-%d"], metavar="DATE", help="As 2026-02-13.")
]
_WEEKDAYS: Final = "一二三四五六日"


@app.command("check")
def check(site: SiteOption = None, as_json: JsonOption = False) -> None:
    """Read all tables; show what each says, to be checked against the notice it was typed from.

    Example: `yizheng calendar check --site my-site`
    """
    from gateway.calendars import shipped_tables, site_tables

    tables = {table.year: (table, f"shipped: {name}") for table, name in shipped_tables()}
    if site is not None:
        tables |= {table.year: (table, name) for table, name in site_tables(site.resolve())}
    listed = sorted(tables.items())
    if as_json:
        print_json([_facts(table, name) for _, (table, name) in listed])
        return
    for year, (table, name) in listed:
        print_table(
            f"{year}: {name}\n{table.source}",
            ["holiday 节假日", "first", "last", "make-up days 调休上班"],
            (
                (h.name, _words(h.first), _words(h.last), ", ".join(map(_words, h.make_up)))
                for h in table.holidays
            ),
        )


@app.command("add")
def add(
    start: _Day,
    count: Annotated[int, typer.Argument(metavar="N", help="Working days; 0 for the day itself.")],
    site: SiteOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add working days to a date; the date itself does not count.

    Example: `yizheng calendar add 2026-02-13 3`
    """
    from gateway.calendars import load_working_days

    day = start.date()
    due = load_working_days(site and site.resolve()).add_working_days(day, count)
    if as_json:
        print_json({"start": day, "working_days": count, "due": due})
    else:
        facts = {"start": _words(day), "working_days": count, "due": _words(due)}
        print_facts("Working days 工作日", facts, as_json=False)


def _facts(table: "YearTable", name: str) -> dict[str, object]:
    return {
        "year": table.year,
        "file": name,
        "source": table.source,
        "holidays": table.holidays,
    }


def _words(day: date) -> str:
    return f"{day} 周{_WEEKDAYS[day.weekday()]}"
