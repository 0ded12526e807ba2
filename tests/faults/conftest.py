# SPDX-License-Identifier: Apache-2.0
"""One world for all tests that ill-treat the sequencer of a running gateway; each finds it well."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fixtures.world import World

#: Seconds from the door to the answer: what waits for the log is given up soon.
DEADLINE_S = 1
#: Seconds from a question to its answer, as callers see it who share two cores with the gateway;
#: 1.5 is the figure for a quiet machine: the deadline of the door and what is under way then.
WAIT_LIMIT_S = float(os.environ.get("YIZHENG_WAIT_S", "5"))
_AUDIT = "\n[audit]\nalarm_used_percent = 1\n"


@contextmanager
def tough_world(deadline_s: float = DEADLINE_S) -> Iterator[World]:
    """Two workers and departments that run, with the gateway at rest."""
    with tempfile.TemporaryDirectory(prefix="yz-") as folder:
        world = World(Path(folder), workers=2, settings=_AUDIT)
        config = world.site / "gateway.toml"
        config.write_text(
            config.read_text().replace("deadline_s = 5", f"deadline_s = {deadline_s}")
        )
        grants = world.site / "grants/demo.toml"  # 500 kills take longer than a day's cap lasts
        grants.write_text(grants.read_text().replace("daily_cap = 100000", "daily_cap = 100000000"))
        try:
            world.start_departments()
            yield world
        finally:
            world.stop()


@pytest.fixture(scope="session")
def _tough() -> Iterator[World]:
    with tough_world() as world:
        yield world


@pytest.fixture
def tough(_tough: World) -> World:
    """Two workers, little patience, and a gateway that runs. The log is that of all such tests."""
    if not _tough.gateway.is_running:
        _tough.start_gateway()
    return _tough
