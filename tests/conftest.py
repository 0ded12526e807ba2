# SPDX-License-Identifier: Apache-2.0
"""What all tests share: markers by folder, the profile of hypothesis, one running world.

1. Whatever needs processes is marked by where it lies, so that nobody has to remember it.
2. `world` is one for the whole session: who breaks something takes a world of its own
   (tests/integration/conftest.py).
3. Under CI hypothesis repeats the same examples; elsewhere it looks for new ones. No example has a
   deadline: a machine that stands still is no counterexample.
4. What was skipped is told once for each reason. Checks of the conformance kit that do not apply to
   a department (hundreds, and as they should be) are told by their number.
"""

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from fixtures.world import World

HERE = Path(__file__).parent
MARKERS = {"integration": "integration", "e2e": "integration", "faults": "faults"}

settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("anywhere", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "anywhere")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            folder = item.path.relative_to(HERE).parts[0]
            if folder in MARKERS:
                item.add_marker(MARKERS[folder])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reasons = Counter(map(_reason, terminalreporter.stats.get("skipped", ())))
    for reason, count in sorted(reasons.items()):
        terminalreporter.write_line(f"SKIPPED [{count}] {reason}")


def _reason(report: pytest.TestReport) -> str:
    assert isinstance(report.longrepr, tuple)
    reason = report.longrepr[2].removeprefix("Skipped: ")
    kind, _, _ = reason.partition(":")
    return "not_applicable: checks of the conformance kit" if kind == "not_applicable" else reason


@pytest.fixture(scope="session")
def short_folder() -> Iterator[Path]:
    """A folder whose path leaves room for Unix sockets, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="yz-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def world(short_folder: Path) -> Iterator[World]:
    """One running world. To be left as it was found."""
    folder = short_folder / "world"
    folder.mkdir()
    with World(folder) as running:
        yield running
