# SPDX-License-Identifier: Apache-2.0
"""The results file, the page and the picture that are made of it."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bench.system.plot import draw, goodness
from bench.system.ratios import Spread
from bench.system.report import format_report
from bench.system.results import (
    GOALS,
    TITLES,
    Findings,
    Goal,
    Results,
    read_results,
    split,
    write_results,
)

AT_LEAST = Goal("throughput", "Throughput", "≥", 2.0)
AT_MOST = Goal("latency", "Latency", "≤", 2.0, "ms")
EXACTLY = Goal("calls", "Calls", "=", 1)


def results() -> Results:
    findings = Findings()
    findings.add("throughput_vs_floor_p256", [0.75, 1.25, 1.5])
    findings.add("miss_added_ms", [5.0])
    findings.add("floor_p256_per_s", [4_812.3])
    findings.note("node peer left out: there is no `node` here")
    ratios, figures = split(spreads := findings.spreads())
    return Results(
        date="2026-11-25T08:00:00Z",
        commit="0123456789ab",
        mode="quick",
        machine={"cpu": "one of them"},
        load_generator="wrk",
        ratios=ratios,
        figures=figures,
        spread=spreads,
        notes=findings.notes,
    )


def test_the_file_reads_back_as_written(tmp_path: Path) -> None:
    write_results(tmp_path / "deeper/latest.json", results())
    assert read_results(tmp_path / "deeper/latest.json") == results()


def test_ratios_and_figures_are_parted_by_name() -> None:
    found = results()
    assert found.ratios == {"throughput_vs_floor_p256": 1.25, "miss_added_ms": 5.0}
    assert found.figures == {"floor_p256_per_s": 4812.0}
    assert found.spread["throughput_vs_floor_p256"] == Spread(1.0, 1.25, 1.375, 3)


def test_what_could_not_be_computed_is_left_out() -> None:
    findings = Findings()
    findings.add("overload_recovery_s", [float("inf")])
    assert findings.median("overload_recovery_s") is None
    assert findings.spreads() == {}


def test_a_note_is_told_once() -> None:
    findings = Findings()
    findings.note("busy")
    findings.note("busy")
    assert findings.notes == ["busy"]


@pytest.mark.parametrize(
    ("goal", "value", "reached"),
    [
        (AT_LEAST, 2.0, True),
        (AT_LEAST, 1.99, False),
        (AT_MOST, 2.0, True),
        (AT_MOST, 2.01, False),
        (EXACTLY, 1.0, True),
        (EXACTLY, 2.0, False),
    ],
)
def test_a_goal_points_one_way(goal: Goal, value: float, reached: bool) -> None:
    assert goal.is_reached(value) is reached
    assert (goodness(goal, value) >= 1) is reached


def test_every_goal_has_a_title_and_stands_once() -> None:
    names = [goal.name for goal in GOALS]
    assert len(set(names)) == len(names)
    assert set(names) <= TITLES.keys()


def test_the_page_names_each_goal_and_whether_it_was_reached() -> None:
    page = format_report(results())
    for title in TITLES.values():
        assert f"| {title} |" in page
    assert "| 1.25 | 1 – 1.38 | ≥ 1 | reached |" in page
    assert "| 5 | one value | ≤ 1.2 ms | not reached |" in page
    assert page.count("not measured") == len(TITLES) - 2
    assert "there is no `node` here" in page


def test_the_picture_is_svg_with_a_row_for_each_goal_that_was_measured() -> None:
    root = ET.fromstring(draw(results()))
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "Cached query, P-256: throughput ÷ floor" in texts
    assert "Cache miss: median added to the department's own" in texts
    assert "Memory of 1 M cached certificates" not in texts
