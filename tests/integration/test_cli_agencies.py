# SPDX-License-Identifier: Apache-2.0
"""Agencies and their keys by command, and what a running gateway makes of it."""

import os
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from fixtures.world import AGENCY, KEYIDS, World
from gateway.client import Refused
from gateway.crypto.keys import generate_private_key, public_jwk, public_pem
from tests.command import yizheng
from tests.integration.wire import lookup_body, send, sign
from tests.integration.workers import LOOKS, all_say

SCRIPT = Path(sys.executable).with_name("yizheng")
LIMIT_S = 60.0


def run(*arguments: str | Path) -> tuple[int, Any]:
    """Run a command with --json; returns its exit code and its document, or its error's code."""
    done = yizheng(*arguments, "--json")
    assert "Traceback" not in done.stderr
    if done.returncode:
        return done.returncode, msgspec.json.decode(done.stderr)["error"]["code"]
    return 0, msgspec.json.decode(done.stdout)


def write_key(folder: Path, name: str = "new.pub.pem") -> Path:
    file = folder / name
    file.write_text(public_pem(generate_private_key("ed25519")))
    return file


@pytest.fixture
def site(make_site: Callable[[], Path]) -> Path:
    return make_site()


def test_an_agency_comes_and_is_disabled_and_enabled(site: Path) -> None:
    at = ("--site", site)
    division = ("--division", "140300")
    assert run("agency", "add", "yq-mz", "--name", "民政", *division, *at)[0] == 0
    assert run("agency", "add", "yq-mz", "--name", "民政", *at) == (1, "AGENCY_DUPLICATE")
    for wrong in (
        ("../x", "--name", "x"),
        ("x", "--name", " "),
        ("x", "--name", "x", "--uscc", "1"),
    ):
        assert run("agency", "add", *wrong, *at) == (1, "AGENCY_MALFORMED")
    assert run("agency", "disable", "nobody", *at) == (1, "AGENCY_UNKNOWN")
    assert run("agency", "disable", "yq-mz", *at)[0] == 0
    assert [(a["id"], a["active"], a["keys"]) for a in run("agency", "list", *at)[1]] == [
        ("yq-gjj", True, 2),
        ("yq-mz", False, 0),
    ]
    assert run("agency", "enable", "yq-mz", *at)[0] == 0
    assert run("config", "check", *at)[1]["agencies"] == 2


def test_a_key_is_registered_once_rotated_and_revoked(site: Path, tmp_path: Path) -> None:
    at = ("--site", site)
    file, new = write_key(tmp_path), write_key(tmp_path, "newer.pub.pem")
    mode = (site / "agencies/yq-gjj.toml").stat().st_mode
    code, said = run("keys", "register", AGENCY, file, "--not-after", "2099-01-01T00:00:00Z", *at)
    keyid = said["registered"]
    assert code == 0
    assert run("keys", "register", AGENCY, file, "--keyid", "x", *at) == (1, "KEY_DUPLICATE")
    assert run("keys", "register", AGENCY, new, "--keyid", keyid, *at) == (1, "KEY_DUPLICATE")
    code, said = run("keys", "rotate", AGENCY, keyid, new, "--overlap", "7d", *at)
    assert (code, said["ending"]) == (0, keyid)
    rows = {row["keyid"]: row for row in run("keys", "list", *at)[1]}
    old, started = rows[keyid], rows[said["registered"]]
    overlap = datetime.fromisoformat(old["not_after"]) - datetime.fromisoformat(
        started["not_before"]
    )
    assert (overlap.days, old["state"], started["state"]) == (7, "active", "active")
    assert run("keys", "revoke", AGENCY, keyid, *at)[0] == 0
    assert run("keys", "revoke", AGENCY, "none", *at) == (1, "KEY_UNKNOWN")
    assert run("keys", "rotate", AGENCY, keyid, write_key(tmp_path, "n.pem"), "--overlap", "1d",
               *at) == (1, "KEY_INACTIVE")  # fmt: skip
    rows = {row["keyid"]: row["state"] for row in run("keys", "list", *at)[1]}
    assert rows[keyid] == "revoked"
    assert run("keys", "register", AGENCY, file, "--keyid", "x", *at) == (1, "KEY_DUPLICATE")
    assert (site / "agencies/yq-gjj.toml").stat().st_mode == mode
    assert [f.name for f in (site / "agencies").iterdir()] == ["yq-gjj.toml"]


def test_what_must_not_be_registered_is_refused_and_changes_nothing(
    site: Path, tmp_path: Path
) -> None:
    at = ("--site", site)
    before = (site / "agencies/yq-gjj.toml").read_bytes()
    good, private, jwk = write_key(tmp_path), tmp_path / "p.pem", tmp_path / "d.jwk"
    private.write_bytes(generate_private_key("ed25519"))
    jwk.write_bytes(
        msgspec.json.encode(public_jwk(public_pem(private.read_bytes()), "k") | {"d": "AA"})
    )
    for arguments, code in (
        ((AGENCY, private), "KEY_PRIVATE"),
        ((AGENCY, jwk), "KEY_PRIVATE"),
        ((AGENCY, SCRIPT), "KEY_UNUSABLE"),
        (("nobody", good), "AGENCY_UNKNOWN"),
        ((AGENCY, good, "--keyid", 'a"b'), "AGENCY_MALFORMED"),
        ((AGENCY, good, "--not-after", "2020-01-01T00:00:00Z"), "PERIOD_INVALID"),
        ((AGENCY, good, "--not-before", "2099-01-01"), "PERIOD_INVALID"),
    ):
        assert run("keys", "register", *arguments, *at) == (1, code)
    assert run("keys", "register", AGENCY, tmp_path / "none", *at) == (78, "SETUP_INVALID")
    assert (site / "agencies/yq-gjj.toml").read_bytes() == before


def test_commands_at_the_same_time_lose_nothing(site: Path, tmp_path: Path) -> None:
    files = [write_key(tmp_path, f"{number}.pem") for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        codes = pool.map(lambda f: run("keys", "register", AGENCY, f, "--site", site)[0], files)
        assert list(codes) == [0] * 4
    assert len(run("keys", "list", "--site", site)[1]) == 6


async def readiness(world: World) -> str:
    async with aiohttp.ClientSession() as session, session.get(f"{world.url}/readyz") as response:
        document = msgspec.json.decode(await response.read())
        return f"{response.status} {document['dependencies']['site']}"


def statuses(world: World) -> set[int]:
    """What both workers answer, as far as so many connections meet both."""
    body = msgspec.json.encode(lookup_body(world, world.citizen_with_account().id_number))
    return {send(world, sign(world, body)).status for _ in range(LOOKS)}


def until(holds: Callable[[], bool]) -> None:
    until_s = time.monotonic() + LIMIT_S
    while not holds():
        assert time.monotonic() < until_s
        time.sleep(0.02)


async def test_a_broken_file_leaves_the_last_good_one_and_holds_nobody_back(
    fragile: World,
) -> None:
    """Another agency's broken file must not keep a revoked key alive."""
    broken = fragile.site / "agencies/yq-mz.toml"
    broken.write_text("id = ")
    assert (
        run("keys", "revoke", AGENCY, KEYIDS["ecdsa-p256-sha256"], "--site", fragile.site)[0] == 0
    )
    until(lambda: statuses(fragile) == {401})
    await all_say("200 stale", lambda: readiness(fragile))
    assert "agencies/yq-mz.toml" in fragile.gateway.log.read_text()
    async with fragile.client("ed25519") as client:
        await client.lookup(fragile.request(fragile.citizens[0].id_number))
    broken.unlink()
    file = fragile.site / "agencies/yq-gjj.toml"
    file.write_text(file.read_text().replace("revoked = true\n", ""))
    until(lambda: statuses(fragile) == {200})
    await all_say("200 ok", lambda: readiness(fragile))


async def test_a_signal_takes_grants_all_or_nothing(fragile: World) -> None:
    grants = fragile.site / "grants/demo.toml"
    before = grants.read_text()
    number = fragile.citizen_with_account().id_number
    log = fragile.gateway.log.read_text
    try:
        grants.write_text(before.replace("public_security.identity", "public_security.nothing"))
        seen = log().count("change not taken")
        os.kill(fragile.gateway.pid, signal.SIGHUP)
        until(lambda: log().count("change not taken") == seen + 2)
        await all_say("200 stale", lambda: readiness(fragile))
        assert statuses(fragile) == {200}
        grants.write_text("grants = []\n")
        os.kill(fragile.gateway.pid, signal.SIGHUP)
        until(lambda: statuses(fragile) == {403})
        killed = fragile.pids()["worker-1"]
        os.kill(killed, signal.SIGKILL)  # its successor knows the new grants
        until(lambda: fragile.pids().get("worker-1") not in {None, killed})
        until(lambda: statuses(fragile) == {403})
        await all_say("200 ok", lambda: readiness(fragile))
        async with fragile.client() as client:
            with pytest.raises(Refused, match="NOT_GRANTED"):
                await client.lookup(fragile.request(number))
    finally:
        grants.write_text(before)
