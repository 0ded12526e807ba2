# SPDX-License-Identifier: Apache-2.0
"""Files for office software: whole, harmless, and read back by other software as meant."""

import csv
import gc
import os
import resource
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit import export_rows
from gateway.audit.export_rows import HEADERS, Format, write_rows
from gateway.audit.index.rows import Shown
from gateway.errors import SetupError
from gateway.model.cell import harmless

ROOT = Path(__file__).parents[3]
ROWS = int(os.environ.get("YIZHENG_ROWS", "5000"))
EXTRA_MIB = 64
FORMS: tuple[Format, ...] = ("csv", "xlsx", "jsonl")
ATTACKS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠1")
ABOUT: dict[str, str | int] = {"total": 2, "query": '{"agency":["yq-*"]}', "reason": "=检查"}
MEASURE = """
import re, sys
from pathlib import Path
from gateway.audit.export_rows import write_rows
from tests.unit.audit.test_export_rows import row

def peak():  # getrusage would tell the peak of the process that started this one, too
    return int(re.search("VmHWM:[^0-9]+([0-9]+)", Path("/proc/self/status").read_text())[1])

write_rows(Path(sys.argv[1]), sys.argv[2], (row(number) for number in range(10)), {})
before = peak()
rows = (row(number, purpose=f"用途 {number}") for number in range(int(sys.argv[3])))
write_rows(Path(sys.argv[1]), sys.argv[2], rows, {})
print((peak() - before) / 1024)
"""


def row(number: int = 0, **changes: str | int | list[str] | None) -> Shown:
    made: Shown = dict.fromkeys(HEADERS, "x")
    made |= {"index": number, "adapter_ms": 12, "count": None, "fields_requested": ["name", "sex"]}
    return made | changes


def read_csv(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def read_xlsx(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    book = openpyxl.load_workbook(path, read_only=True)
    found = {sheet.title: list(sheet.iter_rows(values_only=True)) for sheet in book}
    book.close()
    return found


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_cell_begins_a_formula(tmp_path: Path, attack: str) -> None:
    rows = [row(purpose=attack, reason=attack, fields_released=[attack])]
    write_rows(tmp_path / "a.csv", "csv", rows, {"query": attack})
    write_rows(tmp_path / "a.xlsx", "xlsx", rows, {"query": attack})
    sheets = read_xlsx(tmp_path / "a.xlsx")
    cells = [cell for line in read_csv(tmp_path / "a.csv") for cell in line]
    for lines in sheets.values():
        cells += [str(cell) for line in lines for cell in line]
    texts = [text for text in map(str, cells) if text]
    assert not [text for text in texts if text.startswith(ATTACKS)]
    assert len([text for text in texts if text.startswith("'")]) == 8
    book = openpyxl.load_workbook(tmp_path / "a.xlsx")
    kinds = {cell.data_type for sheet in book for line in sheet.iter_rows() for cell in line}
    assert "f" not in kinds
    assert kinds <= {"s", "n", "inlineStr"}


@given(st.text())
def test_a_harmless_cell_says_the_same(text: str) -> None:
    safe = harmless(text)
    assert isinstance(safe, str)
    assert safe in {text, f"'{text}"}
    assert not safe.startswith(ATTACKS)


def test_a_csv_is_read_back(tmp_path: Path) -> None:
    write_rows(tmp_path / "a.csv", "csv", [row(1), row(2, purpose='a "b", c;d\n续')], ABOUT)
    assert (tmp_path / "a.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    header, first, second, *about = read_csv(tmp_path / "a.csv")
    assert header == list(HEADERS.values())
    named = dict(zip(HEADERS, first, strict=True))
    assert (named["index"], named["fields_requested"], named["count"]) == ("1", "name sex", "")
    assert dict(zip(HEADERS, second, strict=True))["purpose"] == 'a "b", c;d\n续'
    assert [line[1:] for line in about] == [
        ["total", "2"],
        ["query", '{"agency":["yq-*"]}'],
        ["reason", "'=检查"],
    ]


def test_a_workbook_is_read_back_and_goes_on_on_further_sheets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_rows, "SHEET_ROWS", 4)
    write_rows(tmp_path / "a.xlsx", "xlsx", [row(number) for number in range(9)], ABOUT)
    sheets = read_xlsx(tmp_path / "a.xlsx")
    assert list(sheets) == ["记录 records 1", "记录 records 2", "记录 records 3", "说明 about"]
    *records, about = sheets.values()
    for lines in records:
        assert lines[0] == tuple(HEADERS.values())
    assert [line[0] for lines in records for line in lines[1:]] == list(range(9))
    assert dict(about) == {"total": "2", "query": '{"agency":["yq-*"]}', "reason": "'=检查"}


def test_json_lines_are_rows_and_what_they_are_about(tmp_path: Path) -> None:
    write_rows(tmp_path / "a.jsonl", "jsonl", [row(1, purpose="=1")], ABOUT)
    first, last = map(msgspec.json.decode, (tmp_path / "a.jsonl").read_bytes().splitlines())
    assert first == row(1, purpose="=1")
    assert last == {"about": ABOUT}


@pytest.mark.parametrize("form", FORMS)
def test_nothing_found_is_a_file_too(tmp_path: Path, form: Format) -> None:
    write_rows(tmp_path / "a", form, [], ABOUT)
    assert (tmp_path / "a").stat().st_size > 0


@pytest.mark.parametrize("form", FORMS)
def test_a_file_appears_whole_or_not_at_all(tmp_path: Path, form: Format) -> None:
    path = tmp_path / "a"
    path.write_text("before")

    def failing() -> Iterator[Shown]:
        yield row(1)
        raise OSError(28, "No space left on device")

    with pytest.raises(SetupError, match="No space left"):
        write_rows(path, form, failing(), ABOUT)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]
    write_rows(path, form, [row(1)], ABOUT)
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("form", FORMS)
def test_a_file_that_cannot_grow_is_told(tmp_path: Path, form: Format) -> None:
    """As on a full disk: each write fails from there on, of drafts too."""
    path = tmp_path / "a"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(SetupError, match=r"cannot be written: .*File too large"):
            write_rows(path, form, (row(number) for number in range(2000)), ABOUT)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    gc.collect()  # what is left open tells itself here
    assert list(tmp_path.iterdir()) == []


def test_a_workbook_may_outgrow_the_first_zip_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full sheet does; the limit is lowered here, for its 2 GiB would take minutes."""
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 4096)
    write_rows(tmp_path / "a.xlsx", "xlsx", [row(number) for number in range(99)], ABOUT)
    assert len(read_xlsx(tmp_path / "a.xlsx")["记录 records 1"]) == 100


@pytest.mark.parametrize("form", FORMS)
def test_memory_does_not_grow_with_rows(
    tmp_path: Path, form: Format, record_property: Callable[[str, object], None]
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path / "a"), form, str(ROWS)],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    record_property("extra_mib", float(done.stdout))
    assert float(done.stdout) < EXTRA_MIB
