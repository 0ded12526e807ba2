# SPDX-License-Identifier: Apache-2.0
"""Deliveries are spoilt in copies, whole folders and single files alike."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.conformance.file_faults import OLD_AT_S, copy_of, cut, make_old, remove, spoil

CONTENT = "row\n" * 100


@pytest.fixture(params=["file", "folder"])
def delivery(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file, or a folder of two."""
    made = tmp_path / "delivery"
    if request.param == "file":
        made.write_text(CONTENT)
    else:
        made.mkdir()
        (made / "a.csv").write_text(CONTENT)
        (made / "a.csv.sha256").write_text("0 a.csv")
    return made


def content(path: Path) -> list[bytes]:
    files = sorted(path.iterdir()) if path.is_dir() else [path] if path.exists() else []
    return [file.read_bytes() for file in files]


@pytest.mark.parametrize("fault", [remove, cut, spoil, make_old])
def test_the_original_stays_as_it_was(
    fault: Callable[[Path], None], delivery: Path, tmp_path: Path
) -> None:
    before = content(delivery)
    (tmp_path / "copies").mkdir()
    fault(copy_of(delivery, tmp_path / "copies"))
    assert content(delivery) == before


def test_half_of_the_largest_file_is_left_by_a_cut(delivery: Path) -> None:
    cut(delivery)
    assert content(delivery)[0] == CONTENT.encode()[: len(CONTENT) // 2]


def test_nothing_is_left_by_a_removal_and_no_text_by_spoiling(delivery: Path) -> None:
    spoil(delivery)
    for file in content(delivery):
        with pytest.raises(UnicodeDecodeError):
            file.decode()
    remove(delivery)
    assert not delivery.exists()


def test_every_file_is_old_by_its_time(delivery: Path) -> None:
    make_old(delivery)
    files = delivery.iterdir() if delivery.is_dir() else [delivery]
    assert {file.stat().st_mtime for file in files} == {OLD_AT_S}
