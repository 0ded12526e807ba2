# SPDX-License-Identifier: Apache-2.0
"""Keys of a gateway that serves: the month's end, another KEK, another sealing key."""

import asyncio
import secrets
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from fixtures.world import World
from gateway import keyring
from gateway.app import check_site
from gateway.client import GatewayClient
from gateway.config import load_site
from gateway.errors import SetupError
from gateway.model.epoch import epoch_at, epoch_end
from tests.command import yizheng
from tests.integration.wire import log_entries

FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")
#: After the month's end, the next epoch is in use within so many seconds.
TURN_S = 0.25
NEAR_S = 60.0
#: Of the department that does not look at its caller's clock.
ACCOUNT = {"certificate": "housing_fund.account", "fields": ("name", "balance")}


def run(world: World, *arguments: str) -> Any:
    done = yizheng(*arguments, "--site", world.site, "--json", check=True)
    return msgspec.json.decode(done.stdout)


async def ask(client: GatewayClient, world: World, number: int = 0) -> str:
    citizen = world.citizen_with_account(number)
    request = world.request(citizen.id_number, max_age_s=0, **ACCOUNT)
    answer = await client.lookup(request)
    return answer.answer.outcome


async def jwks(world: World) -> dict[str, str]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{world.url}/.well-known/jwks.json") as response,
    ):
        return {key["kid"]: key["x"] for key in (await response.json())["keys"]}


@contextmanager
def serving(world: World) -> Iterator[None]:
    world.start_gateway()
    try:
        yield
    finally:
        world.gateway.stop()


async def test_keys_are_replaced_while_the_gateway_serves_and_taken_when_it_restarts(
    fragile_site: World,
) -> None:
    world, config = fragile_site, fragile_site.site / "gateway.toml"
    kek = "file:keys/audit-2.kek"
    with serving(world):
        sealing = await jwks(world)
        first = await asyncio.to_thread(run, world, "keys", "rotate-kek", kek)
        assert (first["complete"], first["epochs"]) == (False, 1)
        said = await asyncio.to_thread(run, world, "keys", "rotate-seal", "public_security")
        assert said["retired"] in sealing
        async with world.client() as client:
            assert await ask(client, world) == "found"
    before = config.read_text()
    config.write_text(f'{before}\n[audit]\nkek = "{kek}"\n')
    with serving(world):
        assert (await asyncio.to_thread(run, world, "keys", "rotate-kek", kek))["complete"]
        async with world.client() as client:
            assert await ask(client, world) == "found"
        now = await jwks(world)
    assert sealing.items() < now.items()
    assert len(now) == len(sealing) + 1

    site = load_site(world.site)
    for entry in log_entries(world):
        assert entry.holder is not None
        cipher = keyring.epoch_cipher(site, entry.holder.epoch)
        assert cipher.reveal_holder(entry.holder, entry.id)
    config.write_text(before)
    with pytest.raises(SetupError, match="does not open with this key"):
        keyring.epoch_cipher(load_site(world.site), keyring.kept_epochs(site)[0])
    config.write_text(f'{before}\n[audit]\nkek = "{kek}"\n')


def test_a_kek_is_made_for_its_owner_only_or_comes_from_the_environment(
    make_site: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    site = load_site(make_site())
    keyring.prepare_epoch(site, datetime.now(UTC))
    path = site.keys / "other.kek"
    assert keyring.rotate_kek(site, "file:keys/other.kek") == (1, False)
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    with pytest.raises(SetupError, match="can be read by others"):
        keyring.rotate_kek(site, "file:keys/other.kek")
    with pytest.raises(SetupError, match="not in the environment"):
        keyring.rotate_kek(site, "env:YIZHENG_KEK_2")
    monkeypatch.setenv("YIZHENG_KEK_2", "c2hvcnQ=")
    with pytest.raises(SetupError, match="env:YIZHENG_KEK_2: does not hold 32 bytes"):
        keyring.rotate_kek(site, "env:YIZHENG_KEK_2")
    monkeypatch.setenv("YIZHENG_KEK_2", b64encode(secrets.token_bytes(32)).decode())
    assert keyring.rotate_kek(site, "env:YIZHENG_KEK_2") == (1, False)


def test_a_retired_key_under_another_name_is_found_before_serving(
    make_site: Callable[[], Path],
) -> None:
    site = make_site()
    retired = keyring.rotate_seal(load_site(site), "public_security")
    check_site(load_site(site))
    for _ in range(8):  # thumbprints have hyphens, too
        keyring.rotate_seal(load_site(site), "public_security")
    assert len(keyring.seal_public_keys(load_site(site))) == 2 + 9
    file = site / f"keys/retired/{retired}.pub.pem"
    file.rename(file.with_name("seal-public_security-00000000.pub.pem"))
    with pytest.raises(SetupError, match="not the public key that it is named after"):
        check_site(load_site(site))


def _later(ahead_s: float) -> Callable[[], float]:
    return lambda: time.time() + ahead_s


@asynccontextmanager
async def near_the_months_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[GatewayClient, datetime, float]]:
    """A gateway whose clock is about to reach the month's end; client, end, and seconds ahead."""
    end = epoch_end(epoch_at(datetime.now(UTC), 8), 8)
    left_s = 5.0
    while True:
        ahead_s = end.timestamp() - left_s - time.time()
        with monkeypatch.context() as patch:
            patch.setenv("LD_PRELOAD", str(FAKETIME))
            patch.setenv("FAKETIME", f"{ahead_s:+.3f}s")
            patch.setenv("DONT_FAKE_MONOTONIC", "1")
            world.start_gateway()
        try:
            if time.time() + ahead_s < end.timestamp() - 1.5:
                async with world.client(clock=_later(ahead_s)) as client:
                    yield client, end, ahead_s
                return
        finally:
            world.gateway.stop()
        left_s *= 2  # the machine is slow today


@pytest.mark.skipif(not FAKETIME.exists(), reason="libfaketime is not installed")
async def test_over_the_months_end_each_record_is_under_the_key_of_its_month(
    fragile_site: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = fragile_site
    async with near_the_months_end(world, monkeypatch) as (client, end, ahead_s):
        pids = world.pids()
        began_s = 0.0
        while began_s < end.timestamp() + 1:  # so the last one is under the new key
            began_s = time.time() + ahead_s
            assert await ask(client, world) == "found"
        assert world.pids() == pids
    months: dict[str, set[str]] = {"before": set(), "after": set()}
    for entry in log_entries(world):
        late_s = datetime.fromisoformat(entry.time).timestamp() - end.timestamp()
        if abs(late_s) < NEAR_S and not 0 <= late_s < TURN_S:
            assert entry.holder is not None
            assert entry.holder.epoch == entry.request.epoch
            months["before" if late_s < 0 else "after"].add(entry.request.epoch)
    assert months == {
        "before": {epoch_at(datetime.now(UTC), 8)},
        "after": {epoch_at(end, 8)},
    }
