# SPDX-License-Identifier: Apache-2.0
"""Room for the log: what the file system says, in three states."""

import os
from pathlib import Path

import pytest

from gateway.audit.space import format_space, measure_space
from gateway.errors import AuditError
from gateway.model.audit_site import AuditSection

MUCH = 1 << 60


def test_figures_are_those_of_the_file_system(tmp_path: Path) -> None:
    found = os.statvfs(tmp_path)
    space = measure_space(tmp_path, AuditSection())
    assert space.free_bytes == pytest.approx(found.f_bavail * found.f_frsize, rel=0.05)
    assert 0 < space.used_percent <= 100


@pytest.mark.parametrize(
    ("section", "state"),
    [
        (AuditSection(min_free_bytes=0, alarm_used_percent=100), "ok"),
        (AuditSection(min_free_bytes=0, alarm_used_percent=1), "alarm"),
        (AuditSection(min_free_bytes=MUCH, alarm_used_percent=100), "refusing"),
        (AuditSection(min_free_bytes=MUCH, alarm_used_percent=1), "refusing"),
    ],
)
def test_an_alarm_is_raised_before_anything_is_refused(
    tmp_path: Path, section: AuditSection, state: str
) -> None:
    space = measure_space(tmp_path, section)
    assert space.state == state
    assert format_space(space) == ("ok" if state == "ok" else f"{state} {space.used_percent} %")


def test_a_folder_that_is_gone_has_no_room(tmp_path: Path) -> None:
    with pytest.raises(AuditError, match="free space"):
        measure_space(tmp_path / "gone", AuditSection())
