# SPDX-License-Identifier: Apache-2.0
"""From a spreadsheet to the public page and to what a lookup is allowed, in a running gateway."""

import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import msgspec
import pytest

from fixtures.world import World
from gateway.client import Refused
from tests.integration.test_cli_agencies import run
from tests.integration.workers import all_say

CODE = "yq-gjj-001"


async def get(world: World, path: str, **fields: str) -> tuple[int, str, bytes]:
    """Ask on a connection of its own, so that any worker may answer."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{world.url}{path}", headers=fields) as reply,
    ):
        return reply.status, reply.headers.get("ETag", ""), await reply.read()


async def after_signal(world: World, holds: Callable[[], Awaitable[bool]]) -> None:
    os.kill(world.gateway.pid, signal.SIGHUP)
    await all_say(True, holds)


async def test_clause_7_1_1_a_spreadsheet_is_published_and_ended_in_a_running_gateway(
    fragile: World, tmp_path: Path
) -> None:
    site, sheet = ("--site", fragile.site), tmp_path / "清单.xlsx"
    number = fragile.citizen_with_account().id_number

    async def shows_version_2() -> bool:
        _, _, body = await get(fragile, f"/v1/items/{CODE}")
        return bool(msgspec.json.decode(body).get("version") == 2)

    async def is_gone() -> bool:
        return (await get(fragile, f"/v1/items/{CODE}"))[0] == 404

    async with fragile.client() as client:
        await client.lookup(fragile.request(number))
    _, tag, _ = await get(fragile, "/v1/items")
    assert (await get(fragile, "/v1/items", **{"If-None-Match": tag}))[::2] == (304, b"")
    assert run("item", "export", sheet, *site)[0] == 0
    text = (fragile.site / "items/housing_fund.toml").read_text()
    changed = tmp_path / "next.toml"
    changed.write_text(text.replace("3个工作日", "2个工作日"))
    assert run("item", "import", sheet, "--by", "zhang", *site)[1]["drafts"] == 0
    assert run("item", "import", changed, "--by", "zhang", *site)[1]["drafts"] == 1
    assert run("item", "review", CODE, "--by", "li", *site)[0] == 0
    assert run("item", "publish", CODE, "--by", "wang", *site)[0] == 0
    assert not await shows_version_2()  # before the signal
    await after_signal(fragile, shows_version_2)
    async with fragile.client() as client:
        await client.lookup(fragile.request(number))
    assert run("item", "retire", CODE, "--by", "wang", *site)[0] == 0
    await after_signal(fragile, is_gone)
    async with fragile.client() as client:
        with pytest.raises(Refused, match="ITEM_UNKNOWN"):
            await client.lookup(fragile.request(number))
