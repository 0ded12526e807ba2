# SPDX-License-Identifier: Apache-2.0
"""What a start costs: `yizheng serve`, until it says that it is ready; and importing all of it.

The demand is two seconds of `ready_s` on an idle machine, with two workers.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from fixtures.world import World

ROUNDS = 5


@pytest.fixture
def departments() -> Iterator[World]:
    """A site whose departments run, and whose gateway does not."""
    with tempfile.TemporaryDirectory(prefix="yz-") as folder:
        world = World(Path(folder), workers=2)
        try:
            world.start_departments()
            yield world
        finally:
            world.stop()


def test_serve_until_ready(benchmark: BenchmarkFixture, departments: World) -> None:
    def at_rest() -> None:
        departments.gateway.stop()

    said = benchmark.pedantic(  # type: ignore[no-untyped-call] # the library has no type here
        departments.start_gateway, setup=at_rest, rounds=ROUNDS, iterations=1
    )
    assert said["ready"] is True
    benchmark.extra_info["ready_s"] = said["ready_s"]  # without what the command itself imports


def test_import_of_everything_that_serves(benchmark: BenchmarkFixture) -> None:
    command = [sys.executable, "-c", "import gateway.app"]
    benchmark.pedantic(  # type: ignore[no-untyped-call] # the library has no type here
        subprocess.run, (command,), {"check": True}, rounds=ROUNDS, iterations=1
    )
