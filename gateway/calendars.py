# SPDX-License-Identifier: Apache-2.0
"""The working-day calendar of a site: tables that are shipped, and its own in their place.

1. `calendar/*.toml` of the site replaces the shipped table of the same year, as a whole.
2. Two of the site's files for one year are a mistake: nobody could say which one counts.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from gateway import model
from gateway.errors import SetupError
from gateway.model.working_day import WorkingDays, YearTable
from gateway.toml_file import load_toml, toml_files

_SHIPPED: Final = Path(model.__file__).parent / "calendars"
_FOLDER: Final = "calendar"


def load_working_days(folder: Path | None) -> WorkingDays:
    """The calendar of a site, or without one that which is shipped.

    Raises:
        SetupError: a table is not of its form, or there are two of one year.
    """
    tables = {table.year: table for table, _ in shipped_tables()}
    if folder is not None:
        tables |= {table.year: table for table, _ in site_tables(folder)}
    return WorkingDays(tables.values())


def shipped_tables() -> Iterator[tuple[YearTable, str]]:
    """Each table of this distribution with its file's name."""
    for file in toml_files(_SHIPPED.parent, _SHIPPED.name):
        yield load_toml(file, YearTable, _SHIPPED.parent), file.name


def site_tables(folder: Path) -> Iterator[tuple[YearTable, str]]:
    """Each table of a site with its file's name.

    Raises:
        SetupError: as in `load_working_days`.
    """
    files: dict[int, str] = {}
    for file in toml_files(folder, _FOLDER):
        table = load_toml(file, YearTable, folder)
        if table.year in files:
            raise SetupError(
                f"is of {table.year}, as is {files[table.year]}",
                where=f"{_FOLDER}/{file.name}: $.year",
                remedy="keep one of them.",
            )
        files[table.year] = f"{_FOLDER}/{file.name}"
        yield table, files[table.year]
