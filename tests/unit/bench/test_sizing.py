# SPDX-License-Identifier: Apache-2.0
"""The sizing guide says what was measured, and what follows from it."""

import msgspec
import pytest

from bench.audit_bytes import AuditBytes
from bench.sizing import BEGIN, END, PAGE, current_page, format_tables, page_of, size_for
from bench.system.results import Results

AUDIT = AuditBytes("2026-11-25T00:00:00Z", "abc", 5000, 1400, 20.0, 2000)
RESULTS = Results(
    date="2026-11-25T00:00:00Z",
    commit="abc",
    mode="full",
    machine={"cpu": "one", "cores": "2", "fsync_ms": "0.2"},
    load_generator="wrk",
    ratios={"cache_million_gib": 1.84},
    figures={"two_workers_per_s": 4000.0, "gateway_p256_per_s": 2500.0},
    spread={},
    notes=[],
)


def test_the_guide_is_what_the_last_run_says() -> None:
    assert PAGE.read_text() == current_page(), "run `make docs`"


def test_a_province_is_reckoned_from_people_to_disks() -> None:
    size = size_for(35_000_000 * 10, 4000.0, 2000)
    assert size.peak_per_s == pytest.approx(145.8, abs=0.1)
    assert (size.nodes, size.tb_per_year) == (2, 0.7)
    assert size_for(1_400_000_000 * 50, 4000.0, 2000).nodes == 16


def test_what_was_not_measured_is_a_dash_and_so_is_what_follows() -> None:
    tables = format_tables(msgspec.structs.replace(RESULTS, figures={}), AUDIT)
    assert "| misses a second, one worker, one department on the same machine | – |" in tables
    assert "| 4 | – | – |" in tables
    assert "| 146 | – | 0.7 | 2.1 |" in tables  # the disk does not depend on it


def test_a_disturbed_run_is_called_one() -> None:
    disturbed = msgspec.structs.replace(
        RESULTS, notes=["24 shots count although others used the machine: it did not become idle"]
    )
    assert "**Not an idle machine:** 24 shots" in format_tables(disturbed, AUDIT)
    assert "Not an idle" not in format_tables(RESULTS, AUDIT)


def test_only_what_stands_between_the_marks_is_written_anew() -> None:
    page = f"before\n{BEGIN}old\n{END}after\n"
    assert page_of(page, "new") == f"before\n{BEGIN}\nnew\n\n{END}after\n".replace(
        "new\n\n", "new\n"
    )
    assert page_of(page_of(page, "new"), "new") == page_of(page, "new")
    with pytest.raises(ValueError, match="marks"):
        page_of("before\nafter\n", "new")
