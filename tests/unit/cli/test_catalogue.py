# SPDX-License-Identifier: Apache-2.0
"""`yizheng item`, `list` and `calendar`, as a person types them."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.cli.main import main
from tests.unit.catalog.stock import make_item, make_site

CODE = "yq-gjj-001"
Run = Callable[..., tuple[int, Any]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in a site with one item; returns its exit code and what it printed."""
    monkeypatch.setenv("YIZHENG_SITE", str(make_site(tmp_path, make_item())))

    def run(*arguments: str | Path, as_json: bool = True) -> tuple[int, Any]:
        argv = ["yizheng", *map(str, arguments), *(["--json"] if as_json else [])]
        monkeypatch.setattr(sys, "argv", argv)
        code = main()
        said = capsys.readouterr()
        if not as_json:
            return code, said.out + said.err
        return code, msgspec.json.decode(said.out or said.err)

    return run


def test_a_spreadsheet_becomes_the_next_version_of_what_is_published(
    run: Run, tmp_path: Path
) -> None:
    sheet = tmp_path / "清单.toml"
    assert run("item", "export", sheet)[1]["items"] == 1
    sheet.write_text(sheet.read_text().replace("3个工作日", "2个工作日"))
    taken = run("item", "import", sheet, "--by", "zhang")
    assert taken == (0, {"drafts": 1, "unchanged": 0})
    code, places = run("item", "diff", CODE)
    assert code == 1
    assert {"place": "time_limit", "before": "3个工作日", "after": "2个工作日"} in places
    assert run("item", "review", "--all", "--by", "li")[1] == {"items": [CODE], "done": "reviewed"}
    assert run("item", "publish", CODE, "--by", "wang")[1]["done"] == "published"
    (row,) = run("item", "list")[1]
    assert (row["version"], row["status"], row["next"], row["log"]) == (2, "published", None, "yes")
    assert [change["by"] for change in run("item", "log", CODE)[1]] == ["zhang", "li", "wang"]
    assert run("item", "show", CODE, "--version", "2")[1]["time_limit"] == "2个工作日"
    assert run("item", "diff", CODE, "--from", "2", "--to", "2") == (0, [])


def test_faults_are_told_in_words_and_exit_1(run: Run, tmp_path: Path) -> None:
    sheet = tmp_path / "list.csv"
    run("item", "export", sheet)
    sheet.write_text(sheet.read_text("utf-8-sig").replace("3个工作日", "三周"))
    code, said = run("item", "import", sheet, "--by", "zhang", as_json=False)
    assert code == 1
    assert "1 fault 共1处错误\n  list.csv: row 2, column 办理时限 (F2): is no time limit" in said
    assert run("item", "import", sheet, "--by", "zhang")[1]["error"]["code"] == "CATALOG_INVALID"
    assert run("item", "log") == (0, [])


def test_what_the_life_cycle_does_not_allow_exits_1(run: Run) -> None:
    code, said = run("item", "publish", CODE, "--by", "wang")
    assert (code, said["error"]["code"]) == (1, "CATALOG_REFUSED")
    assert run("item", "show", "no-such")[0] == 1
    assert run("item", "show", CODE, "--version", "9")[0] == 1


def test_items_are_named_or_all_are_meant_and_somebody_does_it(run: Run) -> None:
    assert run("item", "review", "--by", "li", as_json=False)[0] == 2
    assert run("item", "review", CODE, "--all", "--by", "li", as_json=False)[0] == 2
    assert run("item", "retire", CODE, as_json=False)[0] == 2


def test_an_item_ends(run: Run) -> None:
    said = run("item", "retire", CODE, "--by", "wang", "--last-day", "2099-12-31")
    assert said[1]["done"] == "ends on 2099-12-31"
    assert run("item", "list")[1][0]["until"] == "2099-12-31"
    assert run("item", "retire", CODE, "--by", "wang")[1]["done"] == "retired"


def test_clause_4_3_coverage_is_shown(run: Run) -> None:
    assert run("item", "coverage")[1]["housing_fund"]["city"] == [CODE]
    said = run("item", "coverage", as_json=False)[1]
    assert "公积金" in said
    assert "省" in said


def test_clause_4_6_lists_are_shown_published_and_compared(run: Run) -> None:
    assert run("list", "show", "one-id-items")[1][0]["code"] == CODE
    assert run("list", "publish", "materials", "--by", "wang")[1]["version"] == 1
    assert run("list", "publish", "materials", "--by", "wang")[0] == 1
    assert run("list", "diff", "materials") == (0, [])
    run("item", "retire", CODE, "--by", "wang")
    assert run("list", "diff", "materials")[0] == 1
    assert [row["rows"] for row in run("list", "versions")[1]] == [4]
    assert len(run("list", "show", "materials", "--version", "1")[1]) == 4


def test_tables_are_printed_for_people(run: Run) -> None:
    for arguments in (
        ("item", "list"), ("item", "show", CODE), ("item", "log"), ("list", "versions"),
        ("list", "show", "materials"), ("calendar", "check"),
        ("calendar", "add", "2026-02-13", "3"),
    ):  # fmt: skip
        code, said = run(*arguments, as_json=False)
        assert code == 0
        assert said


def test_a_deadline_is_counted(run: Run) -> None:
    assert run("calendar", "add", "2026-02-13", "3") == (
        0,
        {"start": "2026-02-13", "working_days": 3, "due": "2026-02-25"},
    )
    code, said = run("calendar", "add", "2026-12-31", "1")
    assert code == 78
    assert "calendar/2027.toml" in said["error"]["detail"]


def test_the_calendar_of_a_site_is_shown_in_place_of_the_shipped_one(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "calendar").mkdir()
    (tmp_path / "calendar/ours.toml").write_text(
        'year = 2026\nsource = "ours"\n'
        '[[holidays]]\nname = "元旦"\nfirst = 2026-01-01\nlast = 2026-01-01\n'
    )
    years = {row["year"]: (row["file"], row["source"]) for row in run("calendar", "check")[1]}
    assert years[2026] == ("calendar/ours.toml", "ours")
    assert years[2025][0] == "shipped: cn-2025.toml"
