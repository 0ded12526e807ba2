# SPDX-License-Identifier: Apache-2.0
"""`yizheng adapter shadow`: the same questions to two adapters, and in what the answers differ."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.errors import SetupError

FIRST, SECOND, STRANGER = "140302190001010017", "140303190001100027", "140105194912310017"
QUESTIONS = f'{FIRST}\n\n{{"number": "{SECOND}"}}\n{STRANGER}\n'


def scaffold(folder: Path, name: str) -> Path:
    made = folder / name
    arguments = ["adapter", "new", name, "--kit", "sql", "--output", str(made)]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    return made


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """An adapter, and its follower that lost a name, reads another day, and forgot somebody."""
    folder = tmp_path_factory.mktemp("shadow")
    old, new = scaffold(folder, "licence_v1"), scaffold(folder, "licence_v2")
    change(new / "gateway_adapter_licence_v2/certificate.py", "licence_v2.", "licence_v1.")
    records = new / "gateway_adapter_licence_v2/records.py"
    change(records, '"xm": "测试甲"', '"xm": ""')
    change(records, '"20200131"', '"20200130"')
    change(records, SECOND, STRANGER)
    return old, new


def shadow(*arguments: str, questions: str = QUESTIONS) -> tuple[int, str]:
    done = CliRunner().invoke(
        app, ["adapter", "shadow", *arguments], input=questions, standalone_mode=False
    )
    if done.exception is not None:
        raise done.exception
    return done.return_value, done.stdout


def shadow_json(pair: tuple[Path, Path], *arguments: str) -> tuple[int, dict[str, Any]]:
    code, output = shadow(*map(str, pair), "--json", *arguments)
    told: dict[str, Any] = msgspec.json.decode(output)
    return code, told


def test_an_adapter_agrees_with_itself(pair: tuple[Path, Path]) -> None:
    old, _ = pair
    assert shadow_json((old, old)) == (0, {"asked": 3, "same": True, "differences": []})


def test_differences_are_named_by_kind_and_without_values(pair: tuple[Path, Path]) -> None:
    code, told = shadow_json(pair)
    common = {"certificate": "licence_v1.certificate"}
    assert (code, told["asked"]) == (1, 3)
    assert told["differences"] == [
        {"line": 1, **common, "field": "name", "kind": "missing"},
        {"line": 1, **common, "field": "issued_on", "kind": "value"},
        {
            "line": 2, **common, "field": None, "kind": "outcome",
            "old": "found", "new": "not_found",
        },
        {
            "line": 3, **common, "field": None, "kind": "outcome",
            "old": "not_found", "new": "found",
        },
    ]  # fmt: skip


def test_values_are_shown_to_whoever_asks_for_them(pair: tuple[Path, Path]) -> None:
    _, told = shadow_json(pair, "--show-values")
    assert (
        told["differences"][1] | {"old": "2020-01-31", "new": "2020-01-30"}
        == (told["differences"][1])
    )
    _, words = shadow(*map(str, pair))
    assert "2020-01-3" not in words
    assert "测试" not in words


def test_questions_come_from_a_file_as_well(pair: tuple[Path, Path], tmp_path: Path) -> None:
    file = tmp_path / "questions"
    file.write_text(FIRST)
    _, told = shadow_json(pair, "--holders", str(file))
    assert told["asked"] == 1


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("140302190001010018", "check_digit"),
        ('{"number": 1}', "no JSON of a question"),
        (f'{{"number": "{FIRST}", "certificate": "no.such"}}', "names no certificate"),
    ],
)
def test_a_wrong_question_is_named_by_its_line_and_not_repeated(
    pair: tuple[Path, Path], question: str, told: str
) -> None:
    with pytest.raises(SetupError, match=told) as caught:
        shadow(*map(str, pair), questions=f"{FIRST}\n{question}\n")
    assert "line 2" in str(caught.value)
    assert "1403" not in str(caught.value)


def test_two_versions_of_one_package_are_told_apart(tmp_path: Path) -> None:
    old, new = scaffold(tmp_path / "1", "permit"), scaffold(tmp_path / "2", "permit")
    change(new / "gateway_adapter_permit/certificate.py", 'source="xm"', 'source="zt"')
    _, told = shadow_json((old, new))
    assert {(d["field"], d["kind"]) for d in told["differences"]} == {("name", "value")}
