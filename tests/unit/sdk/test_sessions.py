# SPDX-License-Identifier: Apache-2.0
"""A credential that the platform gives for a while: fetched once, renewed, given up once."""

import asyncio
import time
from collections.abc import Iterator
from itertools import count

import pytest

from gateway.errors import AdapterTimeout, AdapterUnavailable, SetupError
from gateway.sdk import Deadline
from gateway.sdk.kits.sessions import Credential, FixedSignIn, RenewedSignIn
from gateway.sdk.kits.signin import Bearer, Call, LegacyMd5SignIn, TifSignIn

CALL = Call("POST", "/q")
LONG_S = 10.0


class Platform:
    """Gives `t-1`, `t-2` and so on."""

    def __init__(self, life_s: float = 1800, delay_s: float = 0) -> None:
        self._numbers: Iterator[int] = count(1)
        self._life_s = life_s
        self._delay_s = delay_s
        self.given_count = 0
        self.is_down = False

    async def fetch(self, deadline: Deadline) -> Credential:
        await asyncio.sleep(self._delay_s)
        if self.is_down:
            raise AdapterUnavailable("down")
        self.given_count += 1
        return Credential(f"t-{next(self._numbers)}", self._life_s)


async def token(sign_in: RenewedSignIn) -> str:
    headers = await sign_in.headers(CALL, Deadline.after(LONG_S))
    return headers["Authorization"].removeprefix("Bearer ")


async def test_it_is_fetched_when_it_is_first_needed_and_kept() -> None:
    platform = Platform()
    sign_in = RenewedSignIn(platform.fetch, Bearer)
    assert platform.given_count == 0
    assert [await token(sign_in) for _ in range(3)] == ["t-1"] * 3


async def test_all_who_wait_get_the_same() -> None:
    platform = Platform(delay_s=0.01)
    sign_in = RenewedSignIn(platform.fetch, Bearer)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(token(sign_in)) for _ in range(20)]
    assert {task.result() for task in tasks} == {"t-1"}
    assert platform.given_count == 1


async def test_one_who_gives_up_does_not_take_it_from_the_others() -> None:
    platform = Platform(delay_s=0.05)
    sign_in = RenewedSignIn(platform.fetch, Bearer)
    first, second = asyncio.create_task(token(sign_in)), asyncio.create_task(token(sign_in))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == "t-1"


async def test_one_who_waits_for_anothers_fetch_waits_no_longer_than_its_own_deadline() -> None:
    platform = Platform(delay_s=LONG_S)
    sign_in = RenewedSignIn(platform.fetch, Bearer)
    patient = asyncio.create_task(token(sign_in))
    await asyncio.sleep(0)
    with pytest.raises(AdapterTimeout):
        await sign_in.headers(CALL, Deadline.after(0.02))
    assert not patient.done()
    patient.cancel()


async def test_it_is_renewed_before_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    platform = Platform(life_s=1800)
    sign_in = RenewedSignIn(platform.fetch, Bearer)
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    assert await token(sign_in) == "t-1"
    monkeypatch.setattr(time, "monotonic", lambda: now + 1769)
    assert await token(sign_in) == "t-1"
    monkeypatch.setattr(time, "monotonic", lambda: now + 1771)  # half a minute is left
    assert await token(sign_in) == "t-2"


async def test_a_refusal_gives_an_old_one_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    platform = Platform()
    sign_in = RenewedSignIn(platform.fetch, Bearer)
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    assert await token(sign_in) == "t-1"
    monkeypatch.setattr(time, "monotonic", lambda: now + 60)
    assert sign_in.renew(began_s=now + 59)
    assert await token(sign_in) == "t-2"
    assert sign_in.renew(began_s=now + 59)  # another call that was refused with the old one
    assert await token(sign_in) == "t-2"


async def test_one_that_was_just_fetched_is_not_fetched_again() -> None:
    platform = Platform()
    sign_in = RenewedSignIn(platform.fetch, Bearer)
    await token(sign_in)
    assert not sign_in.renew(began_s=time.monotonic())


async def test_a_platform_that_is_down_fails_the_call_and_is_asked_again() -> None:
    platform = Platform()
    platform.is_down = True
    sign_in = RenewedSignIn(platform.fetch, Bearer)
    with pytest.raises(AdapterUnavailable):
        await token(sign_in)
    platform.is_down = False
    assert await token(sign_in) == "t-1"


async def test_a_fixed_secret_signs_with_now_and_a_fresh_nonce() -> None:
    sign_in = FixedSignIn(TifSignIn("app", "secret"))
    first, second = [await sign_in.headers(CALL, Deadline.after(LONG_S)) for _ in range(2)]
    assert abs(int(first["x-tif-timestamp"]) - time.time()) < 60
    assert first["x-tif-nonce"] != second["x-tif-nonce"]
    assert not sign_in.renew(began_s=0)


def test_a_weak_dialect_needs_the_sites_word() -> None:
    with pytest.raises(SetupError):
        FixedSignIn(LegacyMd5SignIn("app", "secret"))
    FixedSignIn(LegacyMd5SignIn("app", "secret"), insecure=True)


def test_a_credential_is_in_no_repr() -> None:
    assert "hush" not in repr(Credential("hush", 60))
