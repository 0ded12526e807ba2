# SPDX-License-Identifier: Apache-2.0
"""The process tree: ready when it says so, drained at a stop, and whole again after any kill.

Every answer that is given on the way has its entry: no record, no answer.
"""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec
import pytest
from prometheus_client.mmap_dict import MmapedDict

from fixtures.world import CITIZENS_FILE, Process, World
from gateway.client import Refused, SignedAnswer
from gateway.config import LookupSection
from gateway.crypto.digest import sha256
from gateway.errors import GatewayError
from tests.integration.wire import asked_count, log_entries, lookup_body, send, sign

LIMIT_S = 60.0
#: Of a lookup, where a site says nothing else.
DEADLINE_S = LookupSection().deadline_s
ACCOUNT = {"certificate": "housing_fund.account", "fields": ("account_status",)}


async def until(holds: Callable[[], bool]) -> None:
    """Watch what another process does, which tells nobody when it is done."""
    async with asyncio.timeout(LIMIT_S):
        while not holds():  # noqa: ASYNC110 - what is awaited happens in another process
            await asyncio.sleep(0.01)


async def ask(world: World, **changes: Any) -> SignedAnswer:
    """One lookup over a connection of its own, straight from the source."""
    number = world.citizen_with_account().id_number
    async with world.client() as client:
        return await client.lookup(world.request(number, max_age_s=0, **changes))


async def ask_until_answered(world: World) -> tuple[SignedAnswer, list[Refused]]:
    """Ask until there is an answer; returns it with the refusals before it."""
    refusals: list[Refused] = []
    async with asyncio.timeout(LIMIT_S):
        while True:
            try:
                return await ask(world), refusals
            except Refused as refused:
                refusals.append(refused)


def assert_recorded(world: World, signed: SignedAnswer) -> None:
    (entry, *_) = log_entries(world, signed.receipt.index)
    assert entry.response.digest == sha256(signed.body).hex()


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    except OSError:
        return False
    return state != "Z"


def address_of(world: World) -> tuple[str, int]:
    parts = urlsplit(world.url)
    return parts.hostname or "", parts.port or 80


def found_by_process(world: World) -> dict[str, float]:
    """Lookups found, by the process that counted them."""
    counts: dict[str, float] = {}
    for file in (world.site / "var/metrics").glob("counter_*.db"):
        rows = MmapedDict.read_all_values_from_file(str(file))  # type: ignore[no-untyped-call] # none
        for key, value, *_ in rows:
            if '"found"' in key and value:
                counts[file.stem] = counts.get(file.stem, 0) + value
    return counts


async def get(world: World, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(world.url + path) as response:
        return response.status, await response.text()


@pytest.fixture
def slow_register(fragile: World) -> Iterator[World]:
    """The register with a second of latency, where the usual one was, not asked yet."""
    fragile.public_security.stop()
    config = (fragile.site / "adapters/public_security.toml").read_text()
    port = int(config.partition("http://127.0.0.1:")[2].partition('"')[0])
    slow = Process(
        "slow",
        [
            "gateway_adapter_public_security.simulator",
            f"--citizens={CITIZENS_FILE}",
            f"--port={port}",
            f"--secret-file={fragile.site / 'keys/public_security.secret'}",
            "--latency-ms=1000",
        ],
        fragile.logs / "slow.log",
    )
    slow.start()
    yield fragile
    slow.stop()


async def test_it_is_ready_when_it_says_so_and_says_how_long_that_took(
    fragile_site: World,
) -> None:
    began_s = time.monotonic()
    said = fragile_site.start_gateway()
    took_s = time.monotonic() - began_s
    try:
        assert (said["ready"], said["url"]) == (True, fragile_site.url)
        assert 0 < said["ready_s"] <= took_s  # bench/bench_start.py says whether that is soon
        assert_recorded(fragile_site, await ask(fragile_site))  # at once, and by the first try
    finally:
        fragile_site.gateway.stop()


async def test_a_stop_lets_a_request_in_flight_finish(slow_register: World) -> None:
    world = slow_register
    lookup = asyncio.create_task(ask(world))
    await until(lambda: asked_count(world) == 1)
    assert not lookup.done()
    code = await asyncio.to_thread(world.gateway.stop)
    signed = await lookup
    assert (code, signed.answer.outcome) == (0, "found")
    assert_recorded(world, signed)
    assert not (world.site / "var/processes.json").exists()


async def test_both_workers_serve_and_metrics_are_their_sum(fragile: World) -> None:
    count = 0
    async with asyncio.timeout(LIMIT_S):
        while len(found_by_process(fragile)) < 2:
            await ask(fragile)
            count += 1
    sum_of_both = f'yizheng_replies_total{{outcome="found"}} {float(count)}'
    page = ""
    async with asyncio.timeout(LIMIT_S):
        while sum_of_both not in page:
            await asyncio.sleep(0.1)  # the other worker hands over what it counted once a second
            status, page = await get(fragile, "/metrics")
            assert status == 200
    assert sum(found_by_process(fragile).values()) == count
    citizen = fragile.citizen_with_account()
    assert citizen.id_number not in page
    assert citizen.name not in page


async def test_a_killed_worker_is_replaced(fragile: World) -> None:
    before = fragile.pids()
    os.kill(before["worker-1"], signal.SIGKILL)
    await until(lambda: fragile.pids().get("worker-1") not in {None, before["worker-1"]})
    for _ in range(8):
        assert_recorded(fragile, await ask(fragile))
    after = fragile.pids()
    assert is_alive(after["worker-1"])
    assert {**after, "worker-1": 0} == {**before, "worker-1": 0}


async def test_who_has_ended_is_not_named_until_it_is_back(fragile: World) -> None:
    async with asyncio.timeout(LIMIT_S):
        # Killed before it serves, it is started again ever later.
        while (pid := fragile.pids().get("worker-1")) is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            await asyncio.sleep(0.01)
    await until(lambda: "worker-1" in fragile.pids())


async def test_a_state_file_that_cannot_be_written_ends_nothing(fragile: World) -> None:
    before = fragile.pids()
    log = fragile.gateway.log.read_text
    blocked = fragile.site / "var/processes.new"
    blocked.mkdir()  # which stops root as well
    try:
        os.kill(before["worker-1"], signal.SIGKILL)
        await until(lambda: "processes.json cannot be written" in log())
        for _ in range(8):
            assert_recorded(fragile, await ask(fragile))
        assert fragile.pids() == before
    finally:
        blocked.rmdir()
    # It is written as soon as it can be, without another's end.
    await until(lambda: fragile.pids().get("worker-1") not in {None, before["worker-1"]})
    assert {**fragile.pids(), "worker-1": 0} == {**before, "worker-1": 0}


async def test_without_a_sequencer_nothing_is_answered_until_it_is_back(fragile: World) -> None:
    before = fragile.pids()["sequencer"]
    size = len(log_entries(fragile))
    os.kill(before, signal.SIGKILL)
    signed, refusals = await ask_until_answered(fragile)
    assert fragile.pids()["sequencer"] != before
    for refused in refusals:
        assert (refused.problem.status, refused.code) == (503, "AUDIT_UNAVAILABLE")
        assert refused.problem.retryable
    assert signed.receipt.index >= size
    assert_recorded(fragile, signed)


async def test_a_sequencer_that_hangs_is_waited_for_until_the_deadline(fragile: World) -> None:
    pid = fragile.pids()["sequencer"]
    size = len(log_entries(fragile))
    os.kill(pid, signal.SIGSTOP)
    began_s = time.monotonic()
    try:
        with pytest.raises(Refused) as caught:
            await ask(fragile)
        took_s = time.monotonic() - began_s
        assert len(log_entries(fragile)) == size
        assert (await get(fragile, "/healthz"))[0] == 200
        status, page = await get(fragile, "/readyz")
        assert (status, '"audit":"AUDIT_UNAVAILABLE"' in page) == (503, True)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert (caught.value.problem.status, caught.value.code) == (503, "AUDIT_UNAVAILABLE")
    assert (caught.value.is_signed, caught.value.receipt) == (True, None)
    assert took_s < 2 * DEADLINE_S  # with room for a machine that stands still
    signed, _ = await ask_until_answered(fragile)
    assert_recorded(fragile, signed)


async def test_children_do_not_outlive_a_killed_supervisor(fragile: World) -> None:
    children = [pid for name, pid in fragile.pids().items() if name != "supervisor"]
    address = address_of(fragile)
    fragile.gateway.stop(signal.SIGKILL)
    await until(lambda: not any(map(is_alive, children)))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)
    with socket.socket() as sock:
        sock.bind(address)
    fragile.start_gateway()
    assert_recorded(fragile, await ask(fragile))


async def test_a_site_has_one_gateway(fragile: World) -> None:
    """The second one refuses, and the first does not notice."""
    await ask(fragile)
    before = fragile.pids()
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "gateway", "serve", f"--site={fragile.site}", "--port=0"],
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )
    assert done.returncode == 78
    assert "Remedy" in done.stderr
    assert "Traceback" not in done.stderr
    assert fragile.pids() == before
    # What the first one counted is still there; a worker hands it over once a second.
    await until(lambda: sum(found_by_process(fragile).values()) == 1)
    assert '"found"} 1.0' in (await get(fragile, "/metrics"))[1]
    assert_recorded(fragile, await ask(fragile))


async def test_a_port_has_one_gateway(fragile: World, tmp_path: Path) -> None:
    """Two of one user could share it, and agencies would speak to now one log, now the other."""
    other = tmp_path / "site"
    shutil.copytree(fragile.site, other, ignore=shutil.ignore_patterns("var"))
    port = address_of(fragile)[1]
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "gateway", "serve", f"--site={other}", f"--port={port}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )
    assert done.returncode == 78
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
    assert_recorded(fragile, await ask(fragile))


async def test_a_department_that_is_away_is_told_and_hurts_no_other(fragile: World) -> None:
    away = "adapter:public_security"
    fragile.public_security.stop()
    status, told = 0, {"dependencies": {away: "ok"}}
    async with asyncio.timeout(LIMIT_S):
        while status != 200 or told["dependencies"][away] == "ok":  # until the next ping
            status, page = await get(fragile, "/readyz")
            told = msgspec.json.decode(page)
    assert told["dependencies"].pop("index").startswith(("ok", "behind ", "none"))
    assert told == {
        "ready": True,
        "dependencies": {
            "audit": "ok",
            "disk": "ok",
            "epoch": "ok",
            "site": "ok",
            "office": "ok",
            "ladder": "normal",
            "adapter:housing_fund": "ok",
            away: "PROVIDER_UNAVAILABLE",
        },
    }
    with pytest.raises(Refused) as caught:
        await ask(fragile)
    assert (caught.value.problem.status, caught.value.code) == (503, "PROVIDER_UNAVAILABLE")
    assert caught.value.problem.attribution == "provider"
    assert_recorded(fragile, await ask(fragile, **ACCOUNT))
    assert caught.value.receipt is not None
    entry = log_entries(fragile, caught.value.receipt.index)[0]
    assert (entry.outcome, entry.decision.result) == ("unavailable", "permit")


async def test_a_sequencer_that_is_away_is_seen_in_readiness(fragile: World) -> None:
    """It comes back at once; so only readiness while it is away may say otherwise."""
    os.kill(fragile.pids()["sequencer"], signal.SIGKILL)
    states = set()
    async with asyncio.timeout(LIMIT_S):
        while (200, True) not in states:
            status, page = await get(fragile, "/readyz")
            states.add((status, msgspec.json.decode(page)["ready"]))
    assert states <= {(200, True), (503, False)}


def test_a_nonce_is_known_to_all_workers(fragile: World) -> None:
    """Each copy comes over a connection of its own, so both workers see some."""
    number = fragile.citizen_with_account().id_number
    draft = sign(fragile, msgspec.json.encode(lookup_body(fragile, number)))
    statuses = [send(fragile, draft).status for _ in range(12)]
    assert statuses == [200, *[401] * 11]


async def test_who_asks_a_stopped_gateway_is_told_that_it_cannot_be_reached(
    fragile: World,
) -> None:
    fragile.gateway.stop()
    with pytest.raises(GatewayError) as caught:
        await ask(fragile)
    assert caught.value.code == "GATEWAY_UNREACHABLE"
