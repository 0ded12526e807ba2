# SPDX-License-Identifier: Apache-2.0
"""`yizheng adapter dev`: the real pipeline around an adapter, anew at each change of a file."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from gateway.cli.main import app

BIN = Path(sys.executable).parent


class Dev:
    """The command, by what it prints."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.said: list[bytes] = []

    def next(self, member: str) -> dict[str, Any]:
        """The next document that has this member."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.said.append(line)
            document: dict[str, Any] = msgspec.json.decode(line)
            if member in document:
                return document
        raise AssertionError(f"it ended without {member}")


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dev") / "license"
    arguments = ["adapter", "new", "license", "--kit", "http", "--output", str(folder)]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    return folder


@contextmanager
def developing(folder: Path) -> Iterator[Dev]:
    command = [sys.executable, "-m", "gateway", "adapter", "dev", str(folder), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            yield Dev(process)
        finally:
            process.terminate()
            process.communicate()
    assert process.returncode == 0


def ask(command: str) -> subprocess.CompletedProcess[bytes]:
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["sh", "-c", command], env={**os.environ, "PATH": path}, capture_output=True, check=False
    )


def test_lookups_are_shown_masked_and_a_change_begins_a_new_life(adapter: Path) -> None:
    module = adapter / "gateway_adapter_license/adapter.py"
    with developing(adapter) as dev:
        lookups = dev.next("ready")["lookups"]
        assert ask(lookups[0]).returncode == 0
        assert dev.next("outcome") | {"time": "", "adapter_ms": 0} == {
            "time": "",
            "certificate": "license.certificate",
            "operation": "query",
            "holder": "140*************17",
            "outcome": "found",
            "code": None,
            "served_from": "source",
            "adapter_ms": 0,
        }
        module.write_text(
            module.read_text().replace("return Found(", "return NotFound() or Found(")
        )
        assert dev.next("restart")["changed"] == [str(module)]
        lookups = dev.next("ready")["lookups"]
        assert ask(lookups[1]).returncode == 1
        assert dev.next("outcome")["outcome"] == "not_found"
        assert b"140302190001010017" not in b"".join(
            line for line in dev.said if b"lookups" not in line
        )


def test_a_mistake_is_told_and_mended_without_starting_the_command_again(adapter: Path) -> None:
    module = adapter / "gateway_adapter_license/certificate.py"
    sound = module.read_text()
    with developing(adapter) as dev:
        dev.next("ready")
        module.write_text(sound + "(")
        dev.next("restart")
        module.write_text(sound)
        dev.next("restart")
        assert ask(dev.next("ready")["lookups"][-1]).returncode == 1
        assert dev.next("outcome")["outcome"] == "not_found"
