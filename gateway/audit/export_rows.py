# SPDX-License-Identifier: Apache-2.0
"""Records into a file for office software: CSV (RFC 4180), XLSX, or JSON lines.

Rules:

1. Row after row in constant memory, whatever the number of rows.
2. The file appears whole or not at all: written beside its place, synced, renamed; mode 0600.
3. No cell is a formula. A text that begins with `=`, `+`, `-`, `@`, their full-width forms, a tab
   or a line break gets an apostrophe before it, in CSV and XLSX; in XLSX it is typed as text, too.
4. CSV is UTF-8 with a byte order mark, every cell in quotes; so that Excel reads Chinese, and no
   separator of any locale cuts a cell in two.
5. What the file is about (query, range, who, when, act) stands at its end; in XLSX on a sheet of
   its own.
"""

import csv
import io
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, Literal

import msgspec
import xlsxwriter
from xlsxwriter.exceptions import XlsxWriterException

from gateway.audit.index.rows import Shown
from gateway.errors import SetupError
from gateway.model.cell import Cell, harmless

Format = Literal["csv", "xlsx", "jsonl"]

#: Members of a row → header.
HEADERS: Final[Mapping[str, str]] = {
    "index": "序号 index",
    "kind": "类别 kind",
    "id": "请求编号 id",
    "time": "时间 time (UTC)",
    "agency": "用证单位 agency",
    "keyid": "密钥 keyid",
    "operator": "经办人 operator",
    "terminal": "终端 terminal",
    "division": "区划 division",
    "item": "事项 item",
    "case": "办件 case",
    "purpose": "用途 purpose",
    "holder": "持证主体（脱敏） holder (masked)",
    "certificate": "证照 certificate",
    "operation": "操作 operation",
    "fields_requested": "申请字段 fields requested",
    "fields_released": "返回字段 fields released",
    "grant": "授权 grant",
    "result": "判定 result",
    "rule": "规则 rule",
    "outcome": "结果 outcome",
    "code": "拒绝代码 code",
    "served_from": "来源 served from",
    "as_of": "数据时点 as of",
    "adapter": "部门适配器 adapter",
    "adapter_ms": "部门耗时毫秒 adapter ms",
    "actor": "审计人员 actor",
    "action": "行为 action",
    "reason": "理由 reason",
    "subject": "对象 subject",
    "query": "查询条件 query",
    "count": "条数 count",
}
#: A sheet has 1,048,576 rows, one of them the header.
SHEET_ROWS: Final = 1_048_575
_ABOUT: Final = "说明 about"


def write_rows(
    path: Path, form: Format, rows: Iterable[Shown], about: Mapping[str, str | int]
) -> None:
    """Write a file of rows.

    Args:
        rows: each with the members of `HEADERS`.
        about: what the file holds, by name.

    Raises:
        SetupError: the file cannot be written; what was there before is as it was.
    """
    try:
        with _whole_file(path) as (file, draft):
            match form:
                case "csv":
                    _write_csv(file, rows, about)
                case "xlsx":
                    _write_xlsx(draft, rows, about)
                case "jsonl":
                    _write_jsonl(file, rows, about)
    except (OSError, XlsxWriterException) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise SetupError(
            f"cannot be written: {why}",
            where=str(path),
            remedy="check the folder, its owner and free space.",
        ) from None


def _cells(row: Shown) -> Iterator[Cell]:
    for name in HEADERS:
        value = row[name]
        yield harmless(" ".join(value) if isinstance(value, list) else value)


def _write_csv(file: BinaryIO, rows: Iterable[Shown], about: Mapping[str, str | int]) -> None:
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow(HEADERS.values())
    for row in rows:
        writer.writerow(list(_cells(row)))
    for name, value in about.items():
        writer.writerow([_ABOUT, name, harmless(value)])
    text.detach()


def _write_jsonl(file: BinaryIO, rows: Iterable[Shown], about: Mapping[str, str | int]) -> None:
    encode = msgspec.json.Encoder().encode
    file.writelines(encode(row) + b"\n" for row in rows)
    file.write(encode({"about": about}) + b"\n")


def _write_xlsx(draft: Path, rows: Iterable[Shown], about: Mapping[str, str | int]) -> None:
    options = {
        "constant_memory": True,
        "tmpdir": str(draft.parent),
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "use_zip64": True,  # a full sheet is nearly 2 GiB before it is compressed
    }
    # By its name: a workbook that fails closes its archive late, and would find a lent file closed.
    with xlsxwriter.Workbook(str(draft), options) as book:
        bold = book.add_format({"bold": True})
        sheet, at = None, 0
        for number, row in enumerate(rows):
            if number % SHEET_ROWS == 0:
                sheet, at = _new_sheet(book, 1 + number // SHEET_ROWS, bold), 0
            at += 1
            assert sheet is not None
            for column, value in enumerate(_cells(row)):
                if isinstance(value, str):
                    sheet.write_string(at, column, value)
                elif value is not None:
                    sheet.write_number(at, column, value)
        if sheet is None:
            _new_sheet(book, 1, bold)
        last = book.add_worksheet(_ABOUT)
        for at, (name, value) in enumerate(about.items()):
            last.write_string(at, 0, name, bold)
            last.write_string(at, 1, str(harmless(value)))


def _new_sheet(
    book: xlsxwriter.Workbook, number: int, bold: "xlsxwriter.format.Format"
) -> "xlsxwriter.worksheet.Worksheet":
    sheet = book.add_worksheet(f"记录 records {number}")
    sheet.freeze_panes(1, 0)
    for column, header in enumerate(HEADERS.values()):
        sheet.write_string(0, column, header, bold)
    return sheet


@contextmanager
def _whole_file(path: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """A file in a folder of its own beside `path`, which takes its place at the end."""
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as name:
        draft = Path(name) / path.name
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "wb") as file:
            yield file, draft
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
