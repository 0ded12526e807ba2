# SPDX-License-Identifier: Apache-2.0
"""Rules of the house that no linter holds."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gateway import errors
from gateway.errors import REFUSALS, GatewayError

ROOT = Path(__file__).parents[2]
TRACKED = subprocess.run(
    ["git", "ls-files", "*.py"], cwd=ROOT, check=True, capture_output=True, text=True
).stdout.split()
PRODUCT = [
    name for name in TRACKED if name.startswith(("gateway/", "plugins/")) and "/tests/" not in name
]
BANNED = {"manager", "helper", "helpers", "util", "utils", "common", "misc"}


@pytest.mark.parametrize("name", TRACKED)
def test_every_file_is_short_and_names_its_licence(name: str) -> None:
    lines = (ROOT / name).read_text().splitlines()
    assert len(lines) <= 400
    assert not lines or lines[0] == "# SPDX-License-Identifier: Apache-2.0"


@pytest.mark.parametrize("name", PRODUCT)
def test_nothing_is_raised_inside_an_except_star(name: str) -> None:
    """CPython before 3.11.4, as Debian 12 has it, puts it into a group that nobody expects."""
    for node in ast.walk(ast.parse((ROOT / name).read_text())):
        if isinstance(node, ast.TryStar):
            inner = [each for handler in node.handlers for each in ast.walk(handler)]
            assert not any(isinstance(each, ast.Raise) for each in inner), node.lineno


@pytest.mark.parametrize("name", PRODUCT)
def test_functions_are_short_and_names_say_something(name: str) -> None:
    for node in ast.walk(ast.parse((ROOT / name).read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            assert not BANNED & set(re.findall(r"[a-z]+", node.name.lower())), node.name
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 60, node.name
    assert Path(name).stem not in BANNED


def test_the_tree_of_errors_is_the_one_that_is_drawn() -> None:
    def drawn(kind: type[GatewayError]) -> set[str]:
        return {kind.__name__} | {name for sub in kind.__subclasses__() for name in drawn(sub)}

    ours = {name for name in drawn(GatewayError) if hasattr(errors, name)}
    assert errors.__doc__ is not None
    assert set(re.findall(r"[├└]─ (\w+)|(GatewayError) ", errors.__doc__)) == {
        ("", name) if name == "GatewayError" else (name, "") for name in ours
    }


def test_every_refusal_is_used_and_speaks_both_languages() -> None:
    source = "".join((ROOT / name).read_text() for name in PRODUCT if "errors/codes" not in name)
    for code, refusal in REFUSALS.items():
        assert f'"{code}"' in source, code
        assert re.search(r"[\u4e00-\u9fff]", refusal.title.zh + refusal.hint.zh), code
        assert refusal.title.en.isascii(), code
        assert refusal.hint.en.isascii(), code


def test_the_sdk_brings_neither_an_http_library_nor_cryptography() -> None:
    script = "import sys, gateway.sdk; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, text=True
    )
    assert not {"aiohttp", "cryptography", "asyncpg"} & set(done.stdout.split())


def test_help_loads_no_room() -> None:
    script = "import sys, gateway.cli.main; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, text=True
    )
    assert not {"aiohttp", "cryptography", "gateway.app"} & set(done.stdout.split())


def test_no_private_key_is_tracked() -> None:
    names = subprocess.run(
        ["git", "grep", "-lE", "BEGIN (EC |RSA )?PRIVATE KEY"],
        cwd=ROOT, check=False, capture_output=True, text=True,
    ).stdout.split()  # fmt: skip
    # RFC 9421 Appendix B.1 publishes its test keys.
    assert {name for name in names if not name.startswith("tests/")} <= set()
