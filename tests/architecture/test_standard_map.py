# SPDX-License-Identifier: Apache-2.0
"""Every clause of the standard map names tests that exist, and every test of a clause is named."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/explanation/standard-map.md").read_text()
NAMED = re.compile(r"`((?:tests|plugins)/[\w/]+\.py)::(test_\w+)`")
CLAUSE = re.compile(r"^\| (\d[\d.–]*) \|.*\|$", re.MULTILINE)
#: Clauses that no software meets.
ORGANISATIONAL = re.compile(r"\| organisational[^|]*\| – \|$")


@cache
def functions(path: Path) -> frozenset[str]:
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    return frozenset(
        node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, kinds)
    )


@pytest.mark.parametrize("clause", list(CLAUSE.finditer(PAGE)), ids=lambda found: found[1])
def test_a_clause_names_tests_that_exist_or_is_organisational(clause: re.Match[str]) -> None:
    named = NAMED.findall(clause[0])
    assert named or ORGANISATIONAL.search(clause[0])
    for path, test in named:
        assert test in functions(ROOT / path)


def test_every_clause_that_tests_are_named_after_is_on_the_map() -> None:
    listed = {clause[1] for clause in CLAUSE.finditer(PAGE)}
    tested = {
        found[1].replace("_", ".")
        for path in ROOT.glob("tests/**/test_*.py")
        for name in functions(path)
        if (found := re.match(r"test_clause_(\d+(?:_\d+)*)_", name))
    }
    assert tested - listed == set()
