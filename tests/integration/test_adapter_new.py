# SPDX-License-Identifier: Apache-2.0
"""What `yizheng adapter new` writes conforms as it is, for every kit, and is well written."""

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from gateway.cli.adapter_new import Kit
from gateway.cli.main import app


def invoke(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["adapter", *arguments], standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return done.return_value or 0, done.stdout


def scaffold(folder: Path, kit: str) -> Path:
    made = folder / f"licence_{kit}"
    invoke("new", f"licence_{kit}", "--kit", kit, "--title-zh", "许可部门", "--output", str(made))
    return made


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kit", Kit)
def test_a_new_adapter_conforms_at_silver(kit: Kit, tmp_path: Path) -> None:
    folder = scaffold(tmp_path, kit.value)
    code, output = invoke("check", str(folder), "--minimum", "silver", "--json")
    report = msgspec.json.decode(output)
    assert [found for found in report["results"] if found["outcome"] == "failed"] == []
    assert (code, report["tier"], set(report["counts"])) == (
        0,
        "silver",
        {"passed", "not_applicable"},
    )
    assert report["missing"] == {"gold": ["two maintainers in pyproject.toml"]}


@pytest.mark.parametrize("kit", Kit)
def test_a_new_adapter_is_well_written(kit: Kit, tmp_path: Path) -> None:
    folder = scaffold(tmp_path, kit.value)
    for command in (["check", "--select", "E,F,W,B,UP,ANN"], ["format", "--diff"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--isolated", "--line-length", "100", "."]
        done = subprocess.run(ruff, cwd=folder, capture_output=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert project["name"] == f"gateway-adapter-licence-{kit.value}"
    assert list(project["entry-points"]["gateway.adapters"]) == [f"licence_{kit.value}"]


def test_a_new_adapter_can_be_built_and_brings_every_file_that_it_needs(tmp_path: Path) -> None:
    folder = scaffold(tmp_path, "toml")
    build = "from hatchling.build import build_wheel; print(build_wheel('.'))"
    subprocess.run([sys.executable, "-c", build], cwd=folder, check=True, capture_output=True)
    [wheel] = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = {name.rpartition("/")[2] for name in archive.namelist()}
    assert {"__init__.py", "adapter.toml", "py.typed", "entry_points.txt"} <= names


def test_a_folder_with_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "own.txt").write_text("mine")
    with pytest.raises(Exception, match="is not empty"):
        invoke("new", "licence", "--kit", "sql", "--output", str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["own.txt"]


@pytest.mark.parametrize("name", ["Licence", "9licence", "li-cence", "../licence", ""])
def test_a_name_that_cannot_be_a_plugin_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="is no name for a plugin"):
        invoke("new", name, "--kit", "sql", "--output", str(tmp_path / "x"))
    assert list(tmp_path.iterdir()) == []
