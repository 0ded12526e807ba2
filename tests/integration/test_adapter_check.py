# SPDX-License-Identifier: Apache-2.0
"""`yizheng adapter check`: exit codes, exemptions and tiers of an adapter in its own folder."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.conformance.check import CHECKS
from gateway.errors import SetupError

FEW = ("YZ-A01", "YZ-B01", "YZ-D01")


def invoke(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["adapter", *arguments], standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return done.return_value or 0, done.stdout


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    folder = tmp_path / "licence"
    invoke("new", "licence", "--kit", "sql", "--title-zh", "许可部门", "--output", str(folder))
    return folder


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def check(folder: Path, *arguments: str, only: tuple[str, ...] = FEW) -> tuple[int, dict[str, Any]]:
    chosen = [word for check_id in only for word in ("--only", check_id)]
    code, output = invoke("check", str(folder), "--json", *chosen, *arguments)
    report: dict[str, Any] = msgspec.json.decode(output)
    return code, report


def test_a_check_that_passes_is_code_0(adapter: Path) -> None:
    code, report = check(adapter)
    assert (code, report["counts"]) == (0, {"passed": 3})


def test_a_required_check_that_fails_is_code_1_and_says_how_to_mend_it(adapter: Path) -> None:
    change(adapter / "conformance.toml", 'name = "测试甲"', 'name = "测试丙"')
    code, report = check(adapter)
    [failed] = [result for result in report["results"] if result["outcome"] == "failed"]
    assert (code, failed["id"], failed["detail"]) == (1, "YZ-D01", "other than expected: `name`")
    _, words = invoke("check", str(adapter), "--only", "YZ-D01")
    assert "→ Compare the mapping with the sample" in words
    assert "→ 核对字段映射" in words


def test_an_exemption_with_a_reason_is_counted_and_shown(adapter: Path) -> None:
    change(adapter / "conformance.toml", 'name = "测试甲"', 'name = "测试丙"')
    with (adapter / "conformance.toml").open("a") as file:
        file.write('\n[exempt]\n"YZ-D01" = "the register is being corrected"\n')
    code, report = check(adapter)
    assert (code, report["counts"]) == (0, {"passed": 2, "exempt": 1})
    assert report["results"][2]["detail"] == "the register is being corrected"


@pytest.mark.parametrize(
    ("exempt", "told"),
    [('"YZ-D01" = " "', "has no reason"), ('"YZ-Z99" = "no such check"', "no check YZ-Z99")],
)
def test_an_exemption_that_says_nothing_is_refused(adapter: Path, exempt: str, told: str) -> None:
    with (adapter / "conformance.toml").open("a") as file:
        file.write(f"\n[exempt]\n{exempt}\n")
    with pytest.raises(SetupError, match=told):
        check(adapter)


def test_some_checks_alone_reach_no_tier(adapter: Path) -> None:
    code, report = check(adapter, "--minimum", "bronze")
    assert (code, report["tier"]) == (1, "none")
    assert report["missing"]["bronze"] == [f"{len(CHECKS) - len(FEW)} checks were not run"]


def test_what_cannot_be_checked_says_why(tmp_path: Path, adapter: Path) -> None:
    for target, told in (
        (str(tmp_path), "cannot be read"),
        ("no-such-distribution", "no installed distribution"),
    ):
        with pytest.raises(SetupError, match=told) as caught:
            invoke("check", target)
        assert caught.value.remedy
    change(adapter / "conformance.toml", "[department]", "[apartment]")
    with pytest.raises(SetupError, match="unknown field `apartment`"):
        check(adapter)


def test_a_simulator_that_does_not_start_is_named(adapter: Path) -> None:
    change(adapter / "conformance.toml", "gateway_adapter_licence.simulator", "no_such_module")
    with pytest.raises(SetupError, match="did not say that it is ready"):
        check(adapter)


def test_two_maintainers_make_a_silver_adapter_gold(adapter: Path) -> None:
    two = 'maintainers = [{ name = "甲" }, { name = "乙" }]'
    change(adapter / "pyproject.toml", "requires-python", f"{two}\nrequires-python")
    code, report = check(adapter, "--minimum", "gold", only=())
    assert (code, report["tier"], report["missing"]) == (0, "gold", {})
