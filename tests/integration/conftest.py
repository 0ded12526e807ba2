# SPDX-License-Identifier: Apache-2.0
"""Citizens that nobody has asked about yet, and worlds that a test may break."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fixtures.citizens import Citizen
from fixtures.world import World

#: Tests that need somebody, whoever it is, take one of the first so many.
EVERYBODYS = 50


@pytest.fixture(scope="session")
def unasked(world: World) -> Iterator[Citizen]:
    """Citizens with an account, each given out once; the first ones are everybody's."""
    accounts = [citizen for citizen in world.citizens if citizen.housing_fund is not None]
    return iter(accounts[EVERYBODYS:])


@pytest.fixture
def citizen(unasked: Iterator[Citizen]) -> Citizen:
    """A citizen about whom no cache knows anything."""
    return next(unasked)


@pytest.fixture(scope="module")
def fragile_site(short_folder: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    """The departments of a module's own world, running, with its gateway at rest."""
    folder = short_folder / request.module.__name__.rpartition("_")[2]
    folder.mkdir()
    own = World(folder, workers=2)
    try:
        own.start_departments()
        yield own
    finally:
        own.stop()


@pytest.fixture
def fragile(fragile_site: World) -> Iterator[World]:
    """The same with a gateway that was just started; do with it what you like."""
    fragile_site.start_gateway()
    yield fragile_site
    fragile_site.gateway.stop()
    for department in (fragile_site.public_security, fragile_site.housing_fund):
        if not department.is_running:
            department.start()


@pytest.fixture
def make_site(tmp_path: Path) -> Callable[[], Path]:
    """Makes a complete site in which nothing runs."""

    def make() -> Path:
        return World(tmp_path).site

    return make
