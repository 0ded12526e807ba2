# SPDX-License-Identifier: Apache-2.0
"""docs/tutorial/your-department.md, done to the letter from an empty folder.

A block marked `sh` is run, line by line; a block that follows the name of a file in back quotes is
that file. `console` and `text` are for the reader.
"""

import difflib
import os
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

PAGE = Path(__file__).parents[2] / "docs/tutorial/your-department.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"`(disability/[\w./]+)`")
MAX_OWN_LINES = 40


def run(command: str, folder: Path) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-e", "-c", command], cwd=folder, env={**os.environ, "PATH": path},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def follow(folder: Path) -> dict[str, str]:
    """Do what the page says; returns what each command printed."""
    text = PAGE.read_text()
    printed: dict[str, str] = {}
    for block in BLOCK.finditer(text):
        kind, content = block.groups()
        if kind == "sh":
            for command in content.splitlines():
                printed[command] = run(command, folder)
        elif kind in {"python", "toml"}:
            paragraph = text[: block.start()].rstrip().rpartition("\n\n")[2]
            [name] = FILE.findall(paragraph)
            assert (folder / name).is_file(), "the scaffold has it"
            (folder / name).write_text(content)
    return printed


def own_lines(folder: Path, scaffold: Path) -> list[str]:
    """Lines that are not as the scaffold wrote them."""
    added = []
    for file in folder.rglob("*"):
        if file.suffix in {".py", ".toml"}:
            before = (scaffold / file.relative_to(folder)).read_text().splitlines()
            changes = difflib.unified_diff(before, file.read_text().splitlines(), n=0, lineterm="")
            added += [line for line in changes if re.match(r"\+(?!\+\+)\s*\S", line)]
    return added


@pytest.mark.timeout(600)
def test_the_page_leads_to_an_adapter_at_silver_in_few_lines(tmp_path: Path) -> None:
    printed = follow(tmp_path)
    report = msgspec.json.decode(run("yizheng adapter check disability --json", tmp_path))
    assert report["tier"] == "silver"
    assert "failed" not in report["counts"]

    [begin] = [command for command in printed if command.startswith("yizheng adapter new")]
    (tmp_path / "again").mkdir()
    run(begin, tmp_path / "again")
    own = own_lines(tmp_path / "disability", tmp_path / "again/disability")
    assert 0 < len(own) <= MAX_OWN_LINES, "\n".join(own)

    said = re.sub(r"\s+", " ", "".join(printed.values()))
    shown = next(text for kind, text in BLOCK.findall(PAGE.read_text()) if "YZ-D04 failed" in text)
    assert re.sub(r"\s+", " ", shown).strip() in said, "the page shows what is printed"
