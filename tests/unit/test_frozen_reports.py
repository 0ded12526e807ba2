# SPDX-License-Identifier: Apache-2.0
"""A month's report is there whole or not at all, whatever interrupts its making."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import RequestError, SetupError
from gateway.frozen_reports import FOLDER, FrozenReports

MONTH = "2026-11"
REPORT = (b"workbook", b"payload", b"signed")
#: Three drafts are synced, two renamed, the folder synced, and the last one renamed.
STEP_COUNT = 7


class Killed(BaseException):
    """Nothing that comes after is done."""


def stop_at(monkeypatch: pytest.MonkeyPatch, step: int, stop: Callable[[], Exception]) -> None:
    """Let the file system do so many steps."""
    left = [step]

    def counted(do: Callable[..., Any]) -> Callable[..., Any]:
        def work(*values: Any) -> Any:
            if not left[0]:
                raise stop()
            left[0] -= 1
            return do(*values)

        return work

    monkeypatch.setattr(os, "fsync", counted(os.fsync))
    monkeypatch.setattr(Path, "replace", counted(Path.replace))


def no_space() -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_report_is_frozen_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    reports = FrozenReports(tmp_path)
    assert reports.read(MONTH, "jws") is None
    reports.write(MONTH, REPORT, is_final=True)
    assert [file.read_bytes() for file in reports.files(MONTH)] == list(REPORT)
    assert (reports.read(MONTH, "jws"), reports.read(MONTH, "xlsx")) == (b"signed", b"workbook")
    assert {file.stat().st_mode & 0o777 for file in (tmp_path / FOLDER).iterdir()} == {0o600}
    assert (tmp_path / FOLDER).stat().st_mode & 0o777 == 0o700
    with pytest.raises(RequestError, match="REPORT_EXISTS"):
        reports.check_absent(MONTH)
    with pytest.raises(RequestError, match="REPORT_EXISTS"):
        reports.write(MONTH, (b"1", b"2", b"3"), is_final=True)
    assert reports.read(MONTH, "jws") == b"signed"


@pytest.mark.parametrize("step", range(STEP_COUNT))
def test_what_was_interrupted_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    reports = FrozenReports(tmp_path)
    with monkeypatch.context() as dying:
        dying.setattr(Path, "unlink", lambda *_, **__: None)  # whoever is killed tidies nothing up
        stop_at(dying, step, Killed)  # type: ignore[arg-type] # on purpose no Exception
        with pytest.raises(Killed):
            reports.write(MONTH, (b"old", b"old", b"old"), is_final=True)
    reports.check_absent(MONTH)
    assert reports.read(MONTH, "jws") is reports.read(MONTH, "xlsx") is None
    reports.write(MONTH, REPORT, is_final=True)
    assert sorted((tmp_path / FOLDER).iterdir()) == sorted(reports.files(MONTH))
    assert [file.read_bytes() for file in reports.files(MONTH)] == list(REPORT)


@pytest.mark.parametrize("step", range(STEP_COUNT))
def test_a_full_disk_is_said_and_leaves_no_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    reports = FrozenReports(tmp_path)
    with monkeypatch.context() as full:
        stop_at(full, step, no_space)
        with pytest.raises(SetupError, match="No space left on device"):
            reports.write(MONTH, REPORT, is_final=True)
    assert not list((tmp_path / FOLDER).glob(".*"))
    reports.write(MONTH, REPORT, is_final=True)


def test_what_lies_without_its_signature_is_no_report(tmp_path: Path) -> None:
    reports = FrozenReports(tmp_path)
    workbook, payload, _ = reports.files(MONTH)
    workbook.parent.mkdir()
    for file in (workbook, payload):
        file.write_bytes(b"of an older gateway")
    assert reports.read(MONTH, "xlsx") is None
    reports.write(MONTH, REPORT, is_final=True)
    assert reports.read(MONTH, "xlsx") == b"workbook"


def test_a_preliminary_report_gives_way_to_the_next_and_is_not_the_months(tmp_path: Path) -> None:
    reports = FrozenReports(tmp_path)
    reports.write(MONTH, (b"1", b"2", b"3"), is_final=False)
    reports.write(MONTH, REPORT, is_final=False)
    assert reports.files(MONTH, is_final=False)[0].read_bytes() == b"workbook"
    assert reports.read(MONTH, "jws") is None


def test_no_signature_stands_beside_another_preliminary_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports = FrozenReports(tmp_path)
    reports.write(MONTH, (b"1", b"2", b"3"), is_final=False)
    with monkeypatch.context() as full:
        stop_at(full, STEP_COUNT - 2, no_space)
        with pytest.raises(SetupError):
            reports.write(MONTH, REPORT, is_final=False)
    workbook, _, signed = reports.files(MONTH, is_final=False)
    assert workbook.read_bytes() == b"workbook"
    assert not signed.exists()


def test_where_no_folder_can_be_is_said(tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_bytes(b"")
    with pytest.raises(SetupError, match=FOLDER):
        FrozenReports(tmp_path).write(MONTH, REPORT, is_final=True)
