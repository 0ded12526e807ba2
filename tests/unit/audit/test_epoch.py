# SPDX-License-Identifier: Apache-2.0
"""A process that serves over the end of a month, by a clock that the test moves."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from gateway.audit.epoch import CHECK_S, LiveEpochs
from gateway.crypto.identity import EpochCipher
from gateway.errors import SetupError

MIDNIGHT = datetime(2026, 11, 30, 16, tzinfo=UTC)  # in China


class Clock:
    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


class Keys:
    """Loads epochs, and notes which."""

    def __init__(self) -> None:
        self.loaded: list[str] = []
        self.is_broken = False

    def __call__(self, epoch: str) -> EpochCipher:
        if self.is_broken:
            raise SetupError("cannot be read", where="epochs.json")
        self.loaded.append(epoch)
        return EpochCipher(epoch, bytes(32))


def live(clock: Clock, keys: Keys) -> LiveEpochs:
    return LiveEpochs(keys, clock=clock, utc_offset_h=8)


async def test_the_next_epoch_is_ready_before_the_month_ends_and_taken_when_it_does() -> None:
    clock, keys = Clock(MIDNIGHT - timedelta(hours=2)), Keys()
    epochs = live(clock, keys)
    assert (await epochs.look(), keys.loaded) == (CHECK_S, ["2026-11"])
    clock.now = MIDNIGHT - timedelta(seconds=10)
    assert await epochs.look() == 10
    assert (epochs.current.epoch, keys.loaded) == ("2026-11", ["2026-11", "2026-12"])
    clock.now = MIDNIGHT
    assert await epochs.look() == CHECK_S
    assert (epochs.current.epoch, keys.loaded) == ("2026-12", ["2026-11", "2026-12"])


async def test_the_time_that_loading_takes_is_not_slept_again() -> None:
    clock = Clock(MIDNIGHT - timedelta(seconds=5))

    def load(epoch: str) -> EpochCipher:
        clock.now += timedelta(seconds=2)
        return EpochCipher(epoch, bytes(32))

    epochs = LiveEpochs(load, clock=clock, utc_offset_h=8)
    assert await epochs.look() == 1


async def test_a_look_comes_when_the_month_ends_not_half_a_minute_later() -> None:
    clock = Clock(MIDNIGHT - timedelta(milliseconds=2))
    epochs = live(clock, Keys())
    assert 0 < await epochs.look() <= 0.002
    clock.now = MIDNIGHT - timedelta(microseconds=1)
    assert await epochs.look() > 0


@pytest.mark.parametrize("step", [timedelta(days=-60), timedelta(days=400)])
async def test_a_step_of_the_clock_is_followed(step: timedelta) -> None:
    clock = Clock(MIDNIGHT)
    epochs = live(clock, Keys())
    clock.now += step
    await epochs.look()
    assert epochs.current.epoch == {-60: "2026-10", 400: "2028-01"}[step.days]


async def test_without_keys_the_last_good_ones_stay_and_readiness_tells() -> None:
    clock, keys = Clock(MIDNIGHT - timedelta(hours=2)), Keys()
    epochs = live(clock, keys)
    keys.is_broken, clock.now = True, MIDNIGHT
    assert await epochs.look() <= CHECK_S
    assert (epochs.current.epoch, epochs.state) == ("2026-11", "stale")
    keys.is_broken = False
    await epochs.look()
    assert (epochs.current.epoch, epochs.state) == ("2026-12", "ok")


async def test_it_follows_until_it_is_cancelled() -> None:
    clock = Clock(MIDNIGHT - timedelta(milliseconds=5))
    epochs = live(clock, Keys())
    task = asyncio.create_task(epochs.watch())
    clock.now = MIDNIGHT
    async with asyncio.timeout(5):
        while epochs.current.epoch != "2026-12":
            await asyncio.to_thread(len, "")  # lets the other task go on
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_a_process_does_not_start_without_keys() -> None:
    keys = Keys()
    keys.is_broken = True
    with pytest.raises(SetupError):
        live(Clock(MIDNIGHT), keys)
