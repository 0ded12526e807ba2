# SPDX-License-Identifier: Apache-2.0
"""The documentation is true of the code, as far as a machine can tell."""

import re
from base64 import b64decode
from pathlib import Path

import pytest
import typer.main
from typer.core import TyperGroup

from gateway import sdk
from gateway.cli.main import app
from gateway.cli.reference import pages
from gateway.crypto.digest import b64_encode, sha256
from gateway.crypto.keys import load_verifier
from gateway.errors import REFUSALS, TrustError

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs/reference"
READMES = [ROOT / "README.md", ROOT / "README.zh-CN.md"]
PAGES = sorted(
    {*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "certs/README.md"}
    | {ROOT / "fixtures/README.md", *ROOT.glob("plugins/*/README.md")}
)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def commands(group: TyperGroup, before: str = "yizheng") -> list[str]:
    """All commands that can be typed, hidden ones included."""
    found = []
    for name, command in group.commands.items():
        full = f"{before} {name}"
        found += commands(command, full) if isinstance(command, TyperGroup) else [full]
    return found


def fenced(text: str, language: str) -> list[str]:
    return [block for kind, block in FENCE.findall(text) if kind == language]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_relative_link_resolves(page: Path) -> None:
    prose = FENCE.sub("", page.read_text())
    targets = [link for link in LINK.findall(prose) if "://" not in link]
    broken = [target for target in targets if not (page.parent / target.partition("#")[0]).exists()]
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_is_licensed_and_short(page: Path) -> None:
    lines = page.read_text().splitlines()
    assert lines[0] == "<!-- SPDX-License-Identifier: Apache-2.0 -->"
    assert len(lines) <= 300


@pytest.mark.parametrize("name", sorted(pages()))
def test_a_generated_page_is_what_the_code_says(name: str) -> None:
    assert (REFERENCE / name).read_text() == pages()[name], "run `make docs`"


def test_every_refusal_has_its_row() -> None:
    page = (REFERENCE / "errors.md").read_text()
    assert [code for code in REFUSALS if f"\n| `{code}` |" not in page] == []


def test_every_command_is_described() -> None:
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    page = "".join(found.read_text() for found in REFERENCE.glob("cli*.md"))
    assert [command for command in commands(group) if f"\n## `{command}`\n" not in page] == []


def test_every_public_name_of_the_sdk_is_described() -> None:
    page = (REFERENCE / "adapter-sdk.md").read_text()
    assert [name for name in sdk.__all__ if not re.search(rf"\b{name}\b", page)] == []


@pytest.mark.parametrize("readme", READMES, ids=name_of)
def test_a_readme_names_both_commands_and_they_exist(readme: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    shell = "".join(fenced(readme.read_text(), "sh"))
    named = set(re.findall(r"^make ([a-z]+)", shell, re.MULTILINE))
    assert {"demo", "test"} <= named <= targets


def test_the_worked_example_of_the_wire_format_verifies() -> None:
    page = (REFERENCE / "wire.md").read_text()
    texts = fenced(page, "text")
    bases = [text.removesuffix("\n").encode() for text in texts if text.startswith('"@')]
    keys = [text for text in texts if text.startswith("-----BEGIN PUBLIC KEY-----")]
    values = re.findall(r"^Signature: \w+=:(.*):$", page, re.MULTILINE)
    assert len(bases) == len(keys) == len(values) == 2
    for base, key, value in zip(bases, keys, values, strict=True):
        verifier = load_verifier(key, "ecdsa-p256-sha256")
        verifier.verify(b64decode(value), base)
        with pytest.raises(TrustError):
            verifier.verify(b64decode(value), base + b"\n")


def test_the_worked_example_has_the_digest_of_its_body() -> None:
    page = (REFERENCE / "wire.md").read_text()
    body = fenced(page, "json")[1].removesuffix("\n")
    assert f"sha-256=:{b64_encode(sha256(body.encode()))}:" in page
    assert f"Content-Length: {len(body.encode())}\n" in page
