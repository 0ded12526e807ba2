# SPDX-License-Identifier: Apache-2.0
"""One desk for all tests of the kit: its service as a process, its file as it was delivered."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.integration.conformance.desk import write_notes

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def desk_port() -> Iterator[int]:
    """The port of the desk's service."""
    command = [sys.executable, "-m", "tests.integration.conformance.desk_simulator"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield msgspec.json.decode(process.stdout.readline())["port"]
        finally:
            process.terminate()


@pytest.fixture(scope="session")
def notes_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The desk's notes as they were delivered."""
    file = tmp_path_factory.mktemp("desk") / "notes.csv"
    write_notes(file)
    return file
