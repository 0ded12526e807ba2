# SPDX-License-Identifier: Apache-2.0
"""Tables as office software has them: an XLSX workbook, or CSV files beside each other.

`catalog.csv` holds the first sheet; the others lie beside it as `catalog.<sheet>.csv`.

Rules:

1. Row and column of every cell stay known, so that a fault can be named as Excel shows it (F17).
2. CSV is read as UTF-8, else as GB 18030, which Excel writes on Chinese systems; it is written as
   UTF-8 with a byte order mark, every cell in quotes.
3. No cell is written as a formula (`gateway.model.cell`), and of formulas only the value is read.
4. What is read is bounded: bytes, bytes inside a workbook, and rows.
"""

import csv
import io
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Final

import msgspec
import openpyxl
import xlsxwriter
from openpyxl.utils import get_column_letter

from gateway.errors import SetupError
from gateway.model.cell import harmless, meant

MAX_FILE_BYTES: Final = 20 * 1024**2
MAX_INSIDE_BYTES: Final = 200 * 1024**2
MAX_ROWS: Final = 50_000
_WIDTH: Final = 24


class Row(msgspec.Struct, frozen=True):
    """One row below the header.

    Attributes:
        number: as office software counts, the header being 1.
        cells: text by column title, without what surrounds it; absent where there is none.
    """

    number: int
    cells: Mapping[str, str]


class Sheet(msgspec.Struct, frozen=True):
    """One table.

    Attributes:
        file: its file's name.
        name: of the sheet; empty in CSV.
        titles: of the columns, in order.
        rows: those that are not empty.
    """

    file: str
    name: str
    titles: tuple[str, ...]
    rows: tuple[Row, ...]

    def where(self, number: int | None = None, title: str | None = None) -> str:
        """Name the sheet, a row or a cell: `list.xlsx: 清单 row 17, column 办理时限 (F17)`."""
        place = f"{self.file}: {self.name}".removesuffix(": ")
        if number is None:
            return place
        place = f"{place} row {number}" if self.name else f"{place}: row {number}"
        if title is None:
            return place
        letter = get_column_letter(self.titles.index(title) + 1) if title in self.titles else ""
        return f"{place}, column {title}" + (f" ({letter}{number})" if letter else "")


def read_sheets(path: Path, names: Sequence[str]) -> dict[str, Sheet]:
    """Read the sheets of these names that are there; the first name is also that of a lone sheet.

    Raises:
        SetupError: the file cannot be read, or is too large.
    """
    _refuse_too_large(path)
    if path.suffix.lower() == ".csv":
        beside = {name: path.with_suffix(f".{name}.csv") for name in names[1:]}
        files = {names[0]: path} | {name: file for name, file in beside.items() if file.is_file()}
        return {name: _read_csv(file) for name, file in files.items()}
    return _read_workbook(path, names)


def write_workbook(
    sheets: Mapping[str, tuple[Sequence[str], Iterable[Sequence[str]]]],
    choices: Mapping[str, Sequence[str]],
) -> bytes:
    """A workbook of sheets, each of titles and rows.

    Args:
        sheets: by name.
        choices: by column title, what may be chosen from in its cells.
    """
    made = io.BytesIO()
    with xlsxwriter.Workbook(made, {"in_memory": True, "strings_to_formulas": False}) as book:
        head = book.add_format({"bold": True, "bg_color": "#DDE6F0", "border": 1})
        wrapped = book.add_format({"text_wrap": True, "valign": "top", "num_format": "@"})
        for name, (titles, rows) in sheets.items():
            sheet = book.add_worksheet(name)
            sheet.freeze_panes(1, 1)
            sheet.set_column(0, len(titles) - 1, _WIDTH, wrapped)
            for column, title in enumerate(titles):
                sheet.write_string(0, column, title, head)
                if listed := choices.get(title):
                    rule = {"validate": "list", "source": list(listed), "error_type": "warning"}
                    sheet.data_validation(1, column, MAX_ROWS, column, rule)
            for number, row in enumerate(rows, 1):
                for column, cell in enumerate(row):
                    sheet.write_string(number, column, str(harmless(cell)), wrapped)
    return made.getvalue()


def _refuse_too_large(path: Path) -> None:
    try:
        size_bytes = path.stat().st_size
    except OSError as error:
        raise _unreadable(path, error.strerror or "it is not there") from None
    if size_bytes > MAX_FILE_BYTES:
        raise _unreadable(path, f"it has more than {MAX_FILE_BYTES} bytes")


def _read_csv(path: Path) -> Sheet:
    _refuse_too_large(path)
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = content.decode("gb18030")
        except UnicodeDecodeError:
            raise _unreadable(path, "it is neither UTF-8 nor GB 18030") from None
    try:
        return _sheet(path.name, "", csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise _unreadable(path, f"it is no CSV: {error}") from None


def _read_workbook(path: Path, names: Sequence[str]) -> dict[str, Sheet]:
    try:
        return _sheets_of(path, names)
    except SetupError:
        raise
    except Exception:  # noqa: BLE001 - the reader raises whatever its parsers come to
        raise _unreadable(path, "it is no XLSX workbook") from None


def _sheets_of(path: Path, names: Sequence[str]) -> dict[str, Sheet]:
    with zipfile.ZipFile(path) as archive:
        if sum(member.file_size for member in archive.infolist()) > MAX_INSIDE_BYTES:
            raise _unreadable(path, f"it unpacks to more than {MAX_INSIDE_BYTES} bytes")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what it does not read, and we do not need
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    try:
        found = {name: name for name in names if name in book.sheetnames}
        if names[0] not in found:
            found[names[0]] = book.sheetnames[0]
        return {
            name: _sheet(path.name, title, book[title].iter_rows(values_only=True))
            for name, title in found.items()
        }
    finally:
        book.close()


def _sheet(file: str, name: str, lines: Iterable[Iterable[object]]) -> Sheet:
    rows = iter(lines)
    titles = tuple(_text(cell) for cell in next(rows, ()))
    while titles and not titles[-1]:
        titles = titles[:-1]
    return Sheet(file, name, titles, tuple(_rows(file, titles, rows)))


def _rows(file: str, titles: Sequence[str], lines: Iterator[Iterable[object]]) -> Iterator[Row]:
    for number, line in enumerate(lines, 2):
        if number > MAX_ROWS:
            raise _unreadable(Path(file), f"it has more than {MAX_ROWS} rows")
        texts = map(_text, line)
        cells = {title: text for title, text in zip(titles, texts, strict=False) if text}
        if cells:
            yield Row(number, cells)


def _text(cell: object) -> str:
    """A cell as a person reads it."""
    match cell:
        case None:
            return ""
        case datetime() | date():
            return cell.isoformat()[:10]
        case float() if cell.is_integer():
            return str(int(cell))
        case _:
            return meant(str(cell)).strip()


def _unreadable(path: Path, why: str) -> SetupError:
    return SetupError(
        f"cannot be read: {why}",
        where=path.name,
        remedy="save it as XLSX, or as CSV in UTF-8; "
        "`yizheng item export` writes one to begin with.",
    )
