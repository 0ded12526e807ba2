# SPDX-License-Identifier: Apache-2.0
"""Tiers are computed: from what failed, what is exempt, and the files of the distribution."""

from pathlib import Path

import msgspec
import pytest

from gateway.conformance import Result, Subject
from gateway.conformance.check import CHECKS
from gateway.conformance.report import TIERS, report_of
from gateway.conformance.run import Outcome
from tests.unit.conformance.test_subject import subject

README = "`url` `secret` `tries`\n" + "中文说明" * 20
PROJECT = '[project]\nmaintainers = [{ name = "a" }, { name = "b" }]\n'


@pytest.fixture
def gold(tmp_path: Path) -> Subject:
    """A distribution that lacks nothing."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/test_desk.py").write_text("class TestDesk(AdapterContract): ...")
    (tmp_path / "README.md").write_text(README)
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "py.typed").touch()
    return msgspec.structs.replace(subject(), folder=tmp_path)


def results(**outcomes: Outcome) -> list[Result]:
    """All passed, but for those that are named: `D04="failed"`."""
    return [Result(check_id, outcomes.get(check_id[3:], "passed")) for check_id in sorted(CHECKS)]


def test_what_lacks_nothing_is_gold(gold: Subject) -> None:
    report = report_of(gold, results())
    assert (report.tier, report.conforms, report.missing) == ("gold", True, {})


@pytest.mark.parametrize(
    ("outcomes", "tier"),
    [
        ({"D04": "failed"}, "none"),
        ({"M06": "failed"}, "none"),
        ({"F01": "failed"}, "bronze"),
        ({"K01": "failed"}, "bronze"),
        ({"D04": "exempt", "E03": "exempt", "F01": "exempt"}, "bronze"),
        ({"D04": "exempt", "F01": "exempt"}, "silver"),
        ({"N02": "advised"}, "silver"),
        ({"F13": "not_applicable", "E07": "not_applicable"}, "gold"),
    ],
)
def test_a_tier_follows_from_the_outcomes(
    outcomes: dict[str, Outcome], tier: str, gold: Subject
) -> None:
    assert report_of(gold, results(**outcomes)).tier == tier


@pytest.mark.parametrize(
    ("file", "content", "tier", "lacks"),
    [
        ("README.md", None, "none", "README.md"),
        ("README.md", README.replace("tries", "times"), "none", "README.md: `tries`"),
        ("README.md", README.replace("中", "c").replace("文", "x"), "bronze", None),
        ("README.md", "url secret tries", "bronze", "README.md: 中文说明"),
        ("tests/test_desk.py", "", "bronze", "a test class that inherits AdapterContract"),
        ("py.typed", None, "silver", "py.typed"),
        ("pyproject.toml", "[project]\n", "silver", "two maintainers in pyproject.toml"),
    ],
)
def test_a_tier_follows_from_the_files(
    file: str, content: str | None, tier: str, lacks: str | None, gold: Subject
) -> None:
    assert gold.folder is not None
    if content is None:
        (gold.folder / file).unlink()
    else:
        (gold.folder / file).write_text(content)
    report = report_of(gold, results())
    assert report.tier == tier
    assert lacks is None or lacks in [lack for some in report.missing.values() for lack in some]


def test_a_run_of_some_checks_reaches_no_tier(gold: Subject) -> None:
    report = report_of(gold, results()[:3])
    assert (report.tier, report.conforms) == ("none", True)


def test_a_failed_check_of_any_group_does_not_conform(gold: Subject) -> None:
    for check_id in CHECKS:
        outcomes: dict[str, Outcome] = {check_id[3:]: "failed"}
        assert not report_of(gold, results(**outcomes)).conforms


def test_tiers_are_ordered() -> None:
    assert TIERS == ("none", "bronze", "silver", "gold")
