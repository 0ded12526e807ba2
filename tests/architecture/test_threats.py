# SPDX-License-Identifier: Apache-2.0
"""Every threat of the threat model names a test, and the test exists."""

import ast
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/explanation/threat-model.md").read_text()
ROOMS = {
    "web", "admission", "exchange", "catalog", "policy", "cache", "registry", "sealing", "audit",
    "keys", "supervisor",
}  # fmt: skip
THREAT = re.compile(r"^\| [STRIDE] \|.*\|$", re.MULTILINE)
NAMED = re.compile(r"`((?:tests|plugins)/[\w/]+\.py)::(test_\w+)`")


@cache
def functions(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text())
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, kinds))


def test_every_room_has_its_threats() -> None:
    sections = re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]
    covered = {re.split(r"\W", section)[0] for section in sections if THREAT.search(section)}
    assert covered == ROOMS


def test_every_kind_of_threat_is_thought_of() -> None:
    assert set(Counter(row[2] for row in THREAT.findall(PAGE))) == set("STRIDE")


@pytest.mark.parametrize("threat", THREAT.findall(PAGE), ids=lambda row: row.split(" | ")[1])
def test_a_threat_names_tests_that_exist(threat: str) -> None:
    named = NAMED.findall(threat)
    assert named
    assert [name for path, name in named if name not in functions(path)] == []
