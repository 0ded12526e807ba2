# SPDX-License-Identifier: Apache-2.0
"""Catalogues as files: read back as written, and refused with every fault named by its cell."""

import contextlib
import csv
import re
import tempfile
from datetime import date, datetime
from pathlib import Path

import msgspec
import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.catalog.faults import CatalogFaults
from gateway.catalog.files import read_catalogue, write_catalogue
from gateway.errors import SetupError
from gateway.model.item import ServiceItem
from tests.unit.catalog.stock import make_item

FORMS = ["xlsx", "csv", "json", "toml"]
ITEMS = [
    make_item(status="draft"),
    make_item("yq-gjj-002", status="draft", materials=(), situations=(), level=None, division=""),
    make_item("yq-gjj-003", status="draft", disclosure="delay", delay_days=30),
]


(WORKBOOK,) = write_catalogue(ITEMS, Path("list.xlsx")).values()


def write(items: list[ServiceItem], path: Path) -> Path:
    for file, content in write_catalogue(items, path).items():
        file.write_bytes(content)
    return path


def faults_of(path: Path, **options: bool) -> list[str]:
    with pytest.raises(CatalogFaults) as caught:
        read_catalogue(path, **options)
    assert all(re.search(r"[\u4e00-\u9fff]", fault.what.zh) for fault in caught.value.faults)
    return [str(fault) for fault in caught.value.faults]


@pytest.mark.parametrize("form", FORMS)
def test_what_is_exported_is_imported(form: str, tmp_path: Path) -> None:
    assert read_catalogue(write(ITEMS, tmp_path / f"list.{form}")) == ITEMS


@pytest.mark.parametrize("form", FORMS)
def test_what_is_imported_is_a_draft(form: str, tmp_path: Path) -> None:
    read = read_catalogue(write([make_item()], tmp_path / f"list.{form}"))
    assert [item.status for item in read] == ["draft"]


def test_csv_that_excel_wrote_in_chinese_is_understood(tmp_path: Path) -> None:
    path = write(ITEMS, tmp_path / "list.csv")
    for file in tmp_path.iterdir():
        file.write_bytes(file.read_bytes().decode("utf-8-sig").encode("gb18030"))
    assert read_catalogue(path) == ITEMS


def test_a_formula_is_written_as_text_and_comes_back_as_it_was(tmp_path: Path) -> None:
    wicked = make_item(status="draft", department="=HYPERLINK(1)", name="-1+1")
    for form in ("xlsx", "csv"):
        assert read_catalogue(write([wicked], tmp_path / f"list.{form}")) == [wicked]
    with (tmp_path / "list.csv").open(encoding="utf-8-sig", newline="") as file:
        assert "'=HYPERLINK(1)" in list(csv.reader(file))[1]
    sheet = openpyxl.load_workbook(tmp_path / "list.xlsx")["清单"]
    assert all(cell.data_type != "f" for row in sheet for cell in row)


def test_dates_and_numbers_of_office_software_are_understood(tmp_path: Path) -> None:
    path = write([make_item("101", status="draft")], tmp_path / "list.xlsx")
    book = openpyxl.load_workbook(path)
    sheet, materials = book["清单"], book["材料"]
    titles = {cell.value: cell.column for cell in sheet[1]}
    sheet.cell(2, titles["生效日期"]).value = datetime(2026, 3, 1)  # noqa: DTZ001 - Excel has no zone
    sheet.cell(2, titles["失效日期"]).value = "2026年12月31日"
    sheet.cell(2, 1).value = 101.0
    for row in (2, 3, 4, 5):
        materials.cell(row, 1).value = 101
    book["情形"].cell(2, 1).value = 101
    book.save(path)
    (item,) = read_catalogue(path)
    assert (item.code, item.effective_from) == ("101", date(2026, 3, 1))
    assert item.effective_until == date(2026, 12, 31)


# -- the 300 items of the issue ------------------------------------------------------------------


#: Sheet, column, cell; what is put there; a word of what has to be said of it.
PLANTED = [
    ("清单", "办理时限", "F17", "尽快", "no time limit"),
    ("清单", "事项名称", "B40", None, "is empty"),
    ("清单", "事项编码", "A55", "yq-0001", "first in row 2"),
    ("清单", "事项类型", "D80", "许可", "not one of"),
    ("清单", "“一证”名称", "C99", "驾驶证", "not one of"),
    ("清单", "层级", "G120", "国", "not one of"),
    ("清单", "行政区划", "H150", "14030", "6 or 12 digits"),
    ("清单", "行政区划", "H151", "140302", "no city's"),
    ("清单", "生效日期", "K200", "2026-02-30", "no date"),
    ("材料", "替代证照", "F30", None, "is missing"),
    ("材料", "容缺承诺内容", "L59", None, "is empty"),
    ("情形", "所需材料", "D301", "结婚证；房产证", "房产证"),
]


def test_clause_7_1_2_twelve_faults_among_300_items_are_all_named_by_row_and_column(
    tmp_path: Path,
) -> None:
    items = [make_item(f"yq-{n:04}", status="draft") for n in range(1, 301)]
    path = write(items, tmp_path / "清单.xlsx")
    assert len(read_catalogue(path)) == 300
    book = openpyxl.load_workbook(path)
    for sheet, _, cell, value, _ in PLANTED:
        book[sheet][cell].value = value
    book.save(path)
    faults = faults_of(path)
    for sheet, title, cell, _, what in PLANTED:
        row = cell.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        where = f"清单.xlsx: {sheet} row {row}, column {title} ({cell}): "
        assert [fault for fault in faults if fault.startswith(where) and what in fault], where
    # The code of row 55 was taken away from it, so that its materials and situation belong nowhere.
    orphans = [f for f in faults if "names no item of 清单" in f]
    assert len(orphans) == 5
    assert len(faults) - len(orphans) == len(PLANTED)


def test_a_csv_with_faults_names_them_by_cell_too(tmp_path: Path) -> None:
    path = write([make_item(f"yq-{n}", status="draft") for n in range(3)], tmp_path / "list.csv")
    path.write_text(path.read_text("utf-8-sig").replace("3个工作日", "三周", 1), "utf-8")
    assert faults_of(path)[0].startswith("list.csv: row 2, column 办理时限 (F2): is no time limit")


@pytest.mark.parametrize("form", ["json", "toml"])
def test_data_with_faults_names_them_by_item_and_member(form: str, tmp_path: Path) -> None:
    path = write([make_item(f"yq-{n}", status="draft") for n in range(3)], tmp_path / f"l.{form}")
    text = path.read_text()
    text = (
        text.replace("3个工作日", "三周", 1).replace("yq-2", "yq-1").replace("optional", "maybe", 1)
    )
    path.write_text(text)
    where = [fault.partition(": ")[2].partition(":")[0] for fault in faults_of(path)]
    assert where == ["items[0].materials[2].necessity", "items[2].code"]


@pytest.mark.parametrize("form", FORMS)
def test_clause_7_3_an_item_names_a_certificate_that_carries_one_of_the_two_identifiers(
    form: str, tmp_path: Path
) -> None:
    for name in ("居民身份证", "统一社会信用代码证"):
        item = make_item(status="draft", certificate_name=name)
        assert read_catalogue(write([item], tmp_path / f"list.{form}")) == [item]
    other = make_item(status="draft", certificate_name="户口簿")
    (fault,) = faults_of(write([other], tmp_path / f"list.{form}"))
    assert "is not one of: 居民身份证, 统一社会信用代码证" in fault


@pytest.mark.parametrize("name", ["材料", "情形"])
def test_a_table_that_is_not_there_is_a_fault_for_all_it_holds_would_be_lost(
    name: str, tmp_path: Path
) -> None:
    write(ITEMS, tmp_path / "list.csv")
    (tmp_path / f"list.{name}.csv").unlink()
    assert f"list.csv: {name}: is missing; with CSV it is the file list.{name}.csv" in str(
        faults_of(tmp_path / "list.csv")
    )
    book = openpyxl.load_workbook(write(ITEMS, tmp_path / "list.xlsx"))
    del book[name]
    book.save(tmp_path / "list.xlsx")
    assert f"list.xlsx: {name}: is missing" in str(faults_of(tmp_path / "list.xlsx"))


def test_titles_that_are_not_known_or_not_there_are_faults(tmp_path: Path) -> None:
    path = write(ITEMS, tmp_path / "list.xlsx")
    book = openpyxl.load_workbook(path)
    book["清单"]["F1"].value = "办理期限"
    book.save(path)
    faults = faults_of(path)
    assert faults[0].startswith("list.xlsx: 清单, column 办理期限: is not known")
    assert faults[1].startswith("list.xlsx: 清单, column 办理时限: is missing")


def test_clause_7_1_2_an_empty_mandatory_column_is_taken_only_into_a_draft_on_demand(
    tmp_path: Path,
) -> None:
    for form in FORMS:
        path = write([make_item(status="draft", department="")], tmp_path / f"list.{form}")
        assert "clause 7.1.2" in faults_of(path)[0]
        assert read_catalogue(path, complete=False)[0].department == ""


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"", "is none of .xlsx"),
        ("a.xlsx", b"PK no", "is no XLSX workbook"),
        ("a.csv", b"\xff\xff\xff", "neither UTF-8 nor GB 18030"),
        ("a.csv", b'"a\nb', "it is no CSV"),
        ("a.json", b"{", "is no JSON"),
        ("a.json", b'{"items": [], "more": 1}', "the one member `items`"),
        ("a.toml", b"items = 1", "the one member `items`"),
        ("a.toml", b"= 1", "is no TOML"),
    ],
)
def test_what_is_no_catalogue_is_refused(
    name: str, content: bytes, message: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SetupError, match=message):
        read_catalogue(tmp_path / name)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    for form in FORMS:
        with pytest.raises(SetupError, match=f"none.{form}: cannot be read"):
            read_catalogue(tmp_path / f"none.{form}")


def test_a_workbook_that_unpacks_without_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.catalog.sheets.MAX_INSIDE_BYTES", 1000)
    with pytest.raises(SetupError, match="unpacks to more than 1000 bytes"):
        read_catalogue(write(ITEMS, tmp_path / "list.xlsx"))


@given(st.data())
def test_a_damaged_workbook_is_read_or_refused_and_nothing_else(data: st.DataObject) -> None:
    damaged = bytearray(WORKBOOK)
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "list.xlsx")
        path.write_bytes(damaged)
        with contextlib.suppress(SetupError, CatalogFaults):
            read_catalogue(path)


def test_members_of_json_that_are_unknown_are_faults(tmp_path: Path) -> None:
    path = tmp_path / "list.json"
    members = msgspec.to_builtins(make_item(status="draft")) | {"wrong": 1}
    path.write_bytes(msgspec.json.encode({"items": [members, 7]}))
    first, second = faults_of(path)
    assert "unknown field `wrong`" in first
    assert second.startswith("list.json: items[1]: Expected `object`")
