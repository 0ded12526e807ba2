# SPDX-License-Identifier: Apache-2.0
"""Adapters of a running site: listed with their states, and one in a process of its own."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fixtures.world import World
from gateway.client import Refused, SignedAnswer
from tests.command import yizheng

pytestmark = pytest.mark.integration

SCRIPT = Path(sys.executable).with_name("yizheng")
LIMIT_S = 60.0


def listed(site: Path) -> dict[str, dict[str, Any]]:
    done = yizheng("adapter", "list", "--site", site, "--json", check=True)
    return {row["adapter"]: row for row in msgspec.json.decode(done.stdout)}


async def ask(world: World) -> SignedAnswer:
    number = world.citizen_with_account().id_number
    async with world.client() as client, asyncio.timeout(LIMIT_S):
        while True:
            try:
                return await client.lookup(world.request(number, max_age_s=0))
            except Refused as refused:
                assert refused.problem.code == "PROVIDER_UNAVAILABLE"  # noqa: PT017 - each time
                await asyncio.sleep(0.25)  # the breaker counts each


async def ask_until_mended(world: World, exits: int) -> dict[str, Any]:
    """Ask until the adapter serves in both workers after so many exits; returns its row.

    Workers tell their figures once a second, and a breaker that opened closes with a few answers.
    """
    async with asyncio.timeout(LIMIT_S):
        while True:
            assert (await ask(world)).answer.outcome == "found"
            row = (await asyncio.to_thread(listed, world.site))["public_security"]
            if row["state"] == {"closed": 2} and row["harm"] == {"exited": exits}:
                return row
            await asyncio.sleep(0.25)


def children_of(world: World) -> set[int]:
    """Processes that workers have started."""
    found: set[int] = set()
    for name, pid in world.pids().items():
        if name.startswith("worker"):
            found |= {int(c) for c in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}
    return found


def test_a_site_at_rest_lists_what_its_adapters_answer(make_site: Callable[[], Path]) -> None:
    found = listed(make_site())
    assert found["housing_fund"]["certificates"] == ["housing_fund.account"]
    assert found["housing_fund"]["isolation"] == "none"
    assert found["housing_fund"]["state"] == {}


async def test_an_adapter_in_a_process_of_its_own_may_die(fragile_site: World) -> None:
    file = fragile_site.site / "adapters/public_security.toml"
    file.write_text('isolation = "process"\n' + file.read_text())
    fragile_site.start_gateway()
    try:
        assert (await ask(fragile_site)).answer.outcome == "found"
        workers = {name: pid for name, pid in fragile_site.pids().items() if "worker" in name}
        for pid in children_of(fragile_site):
            os.kill(pid, signal.SIGKILL)
        row = await ask_until_mended(fragile_site, exits=2)
        assert row["calls"]["answered"] >= 2
        assert {
            name: pid for name, pid in fragile_site.pids().items() if "worker" in name
        } == workers
    finally:
        children = children_of(fragile_site)
        fragile_site.gateway.stop()
    assert [pid for pid in children if Path(f"/proc/{pid}").exists()] == []  # noqa: ASYNC240
