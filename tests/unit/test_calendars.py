# SPDX-License-Identifier: Apache-2.0
"""Which tables of holidays count: those that are shipped, and a site's own in their place."""

from datetime import date
from pathlib import Path

import pytest

from gateway.calendars import load_working_days, shipped_tables
from gateway.errors import SetupError

TABLE = """\
year = {year}
source = "notice of the province"
[[holidays]]
name = "元旦"
first = {year}-01-01
last = {year}-01-01
"""


def put(site: Path, name: str, text: str) -> None:
    (site / "calendar").mkdir(exist_ok=True)
    (site / "calendar" / name).write_text(text)


def test_each_shipped_table_names_the_notice_it_was_typed_from() -> None:
    tables = {table.year: table.source for table, _ in shipped_tables()}
    assert tables.keys() == {2025, 2026}
    assert all(f"国务院办公厅关于{year}年" in source for year, source in tables.items())


def test_a_site_without_tables_has_those_that_are_shipped(tmp_path: Path) -> None:
    assert load_working_days(tmp_path).tables == load_working_days(None).tables


def test_a_table_of_the_site_replaces_the_shipped_one_of_its_year(tmp_path: Path) -> None:
    put(tmp_path, "2026.toml", TABLE.format(year=2026))
    days = load_working_days(tmp_path)
    assert days.is_working(date(2026, 2, 16))  # Spring Festival, which this table does not know
    assert not days.is_working(date(2025, 1, 28))


def test_a_table_of_the_site_adds_a_year(tmp_path: Path) -> None:
    put(tmp_path, "next.toml", TABLE.format(year=2027))
    assert load_working_days(tmp_path).add_working_days(date(2026, 12, 31), 1) == date(2027, 1, 4)


def test_two_tables_of_one_year_are_a_mistake(tmp_path: Path) -> None:
    put(tmp_path, "a.toml", TABLE.format(year=2027))
    put(tmp_path, "b.toml", TABLE.format(year=2027))
    with pytest.raises(SetupError, match=r"calendar/b\.toml: \$\.year: .* as is .*a\.toml"):
        load_working_days(tmp_path)


def test_a_mistake_in_a_table_names_file_and_place(tmp_path: Path) -> None:
    put(tmp_path, "2027.toml", TABLE.format(year=2027).replace("last = 2027", "last = 2026"))
    with pytest.raises(SetupError, match=r"calendar/2027\.toml: \$\.holidays\[0\]: 元旦 ends"):
        load_working_days(tmp_path)
