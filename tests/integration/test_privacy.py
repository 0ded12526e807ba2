# SPDX-License-Identifier: Apache-2.0
"""Whatever happens, nobody can be read from what the gateway leaves behind.

1. Neither a citizen's number nor a citizen's name lies in any file of state, in any log, or on any
   page that is not an answer to the agency that asked.
2. The log knows who was asked about all the same: a number is in its entry's `holder.ct`, for who
   has the key of the epoch.
"""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import aiohttp
import msgspec
import pytest
import pytest_asyncio

from fixtures.citizens import Citizen
from fixtures.demo import NOBODY
from fixtures.world import World
from gateway.client import Refused
from gateway.config import load_site
from gateway.errors import GatewayError
from gateway.keyring import epoch_cipher
from tests.integration.refusals import CASES, VARIANTS
from tests.integration.wire import log_entries, send

ACCOUNT = {"certificate": "housing_fund.account", "fields": ("name", "balance")}
LIMIT_S = 60.0


class Traces(msgspec.Struct, frozen=True):
    """What a run left behind.

    Attributes:
        pages: what was printed or served to whoever asks.
        asked: numbers that identified callers asked about, as often as they did.
    """

    pages: dict[str, bytes]
    asked: list[str]


def is_in(content: bytes, citizens: tuple[Citizen, ...]) -> bool:
    """Whether a number or a name of one of them is there, in UTF-8 or escaped as JSON does it."""
    words = {c.id_number.encode() for c in citizens} | {c.name.encode() for c in citizens}
    escaped = {c.name.encode("unicode_escape") for c in citizens}
    return any(word in content for word in words | escaped)


def files_of(world: World) -> Iterator[Path]:
    for folder in (world.site / "var", world.logs):
        yield from (file for file in folder.rglob("*") if file.is_file())


def found_in_files(world: World) -> set[str]:
    """Names of the files that tell of somebody."""
    return {f.name for f in files_of(world) if is_in(f.read_bytes(), world.citizens)}


async def ask_everything(world: World) -> list[str]:
    """Each outcome that a signed request can have; returns the numbers that were asked about."""
    first, second = world.citizen_with_account(0), world.citizen_with_account(1)
    me = first.id_number
    verify = {"operation": "verify", "fields": ()}
    requests = [
        world.request(me),
        world.request(me),
        world.request(second.id_number, **ACCOUNT),
        world.request(me, claims={"name": first.name}, **verify),
        world.request(me, claims={"name": second.name}, **verify),
        world.request(NOBODY),
        world.request(me, fields=("household_address",)),
    ]
    async with world.client() as client:
        for request in requests:
            with suppress(Refused):
                await client.lookup(request)
    return [request.holder.number for request in requests]


async def break_everything(world: World) -> None:
    """Kill what can be killed while somebody asks, then take both departments away."""
    people = [c.id_number for c in world.citizens[:24]]
    for name in ("worker-1", "sequencer"):
        os.kill(world.pids()[name], signal.SIGKILL)
        for number in people:
            with suppress(GatewayError):
                async with world.client() as client:
                    await client.lookup(world.request(number, max_age_s=0))
    world.public_security.stop()
    world.housing_fund.stop()
    async with asyncio.timeout(LIMIT_S), world.client() as client:
        seen: set[str] = set()
        while "PROVIDER_UNAVAILABLE" not in seen:
            try:
                await client.lookup(world.request(people[0], max_age_s=0))
            except GatewayError as error:
                seen.add(error.code)
        with suppress(Refused):
            await client.lookup(world.request(people[0], max_age_s=0, **ACCOUNT))


async def pages_of(world: World) -> dict[str, bytes]:
    pages = {}
    async with aiohttp.ClientSession() as session:
        for path in ("/metrics", "/readyz", "/healthz", "/.well-known/jwks.json"):
            async with session.get(world.url + path) as response:
                pages[path] = await response.read()
    who = world.auditing()
    for command in (
        ("tail", "--json", "-n", "10000", *who),
        ("tail", *who),
        ("search", "--json", "--limit", "10000", *who),
        ("verify", "--json"),
    ):
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "gateway", "audit", *command, "--site", str(world.site)],
            capture_output=True,
            check=True,
            timeout=LIMIT_S,
        )
        pages[" ".join(command[:2])] = done.stdout + done.stderr
    return pages


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def traces(fragile_site: World) -> Traces:
    """A mixed run on a world of its own, whose gateway is still running afterwards."""
    fragile_site.start_gateway()
    asked = await ask_everything(fragile_site)
    citizen = fragile_site.citizen_with_account()
    for case in (*CASES, *VARIANTS):
        await asyncio.to_thread(send, fragile_site, case.make(fragile_site, citizen))
    await break_everything(fragile_site)
    return Traces(await pages_of(fragile_site), asked)


def test_a_running_gateway_leaves_nobody_in_files(fragile_site: World, traces: Traces) -> None:
    names = {file.name for file in files_of(fragile_site)}
    assert {"audit.sqlite3", "audit.sqlite3-wal", "processes.json", "gateway.log"} <= names
    assert any(name.endswith(".db") for name in names)
    assert found_in_files(fragile_site) == set()


def test_the_run_met_every_kind_of_outcome(fragile_site: World, traces: Traces) -> None:
    entries = [e for e in log_entries(fragile_site) if e.outcome != "done"]  # no acts
    assert {"found", "not_found", "match", "mismatch", "refused", "unavailable"} == {
        entry.outcome for entry in entries
    }
    codes = {entry.code for entry in entries}
    assert {case.code for case in CASES if case.known} | {"PROVIDER_UNAVAILABLE"} <= codes
    assert b'"process ended"' in (fragile_site.logs / "gateway.log").read_bytes()


def test_no_page_and_no_command_tells_of_anybody(fragile_site: World, traces: Traces) -> None:
    assert len(traces.pages["tail --json"]) > 10_000
    assert len(traces.pages["search --json"]) > 10_000
    assert [name for name, page in traces.pages.items() if is_in(page, fragile_site.citizens)] == []


def test_who_has_the_key_can_read_whom_an_entry_is_about(
    fragile_site: World, traces: Traces
) -> None:
    site = load_site(fragile_site.site)
    told = [
        epoch_cipher(site, entry.holder.epoch).reveal_holder(entry.holder, entry.id)
        for entry in log_entries(fragile_site)
        if entry.holder is not None
    ]
    assert told[: len(traces.asked)] == traces.asked
    assert set(told) <= {c.id_number for c in fragile_site.citizens} | {NOBODY}


@pytest.mark.parametrize("escape", [str.encode, lambda text: text.encode("unicode_escape")])
@pytest.mark.parametrize("member", ["id_number", "name"])
def test_the_search_finds_what_is_there(
    fragile_site: World, traces: Traces, member: str, escape: object
) -> None:
    assert callable(escape)
    planted = fragile_site.site / "var/planted.bin"
    word = escape(getattr(fragile_site.citizens[100], member))
    planted.write_bytes(b"\0" * 5000 + word + b"\0" * 5000)
    try:
        assert found_in_files(fragile_site) == {"planted.bin"}
    finally:
        planted.unlink()


def test_a_stopped_gateway_leaves_nobody_in_files(fragile_site: World, traces: Traces) -> None:
    assert fragile_site.gateway.stop() == 0
    assert found_in_files(fragile_site) == set()
