# SPDX-License-Identifier: Apache-2.0
"""Whose code holds the loop is told while it does."""

import threading
import time

from gateway.registry import watchdog as watchdogs
from gateway.registry.scope import Ledger
from gateway.registry.watchdog import LOOK_S, LOOKS, Watchdog

LONG_S = 30.0


def watched(ledger: Ledger) -> tuple[Watchdog, list[str], threading.Event]:
    told: list[str] = []
    event = threading.Event()

    def tell(name: str) -> None:
        told.append(name)
        event.set()

    return Watchdog(ledger, tell), told, event


def test_a_step_that_lasts_is_told_once_by_name() -> None:
    ledger = Ledger()
    watchdog, told, event = watched(ledger)
    watchdog.start()
    ledger.step_count, ledger.running = 1, "desk"
    assert event.wait(LONG_S)
    time.sleep(LOOK_S * LOOKS)
    watchdog.stop()
    assert told == ["desk"]


def test_many_short_steps_are_none() -> None:
    ledger = Ledger()
    watchdog, told, _ = watched(ledger)
    ledger.running = "desk"
    watchdog.start()
    until_s = time.monotonic() + LOOK_S * LOOKS * 2
    while time.monotonic() < until_s:
        ledger.step_count += 1
        time.sleep(LOOK_S / 10)
    watchdog.stop()
    assert told == []


def test_other_code_is_nobodys() -> None:
    watchdog, told, _ = watched(Ledger())
    watchdog.start()
    time.sleep(LOOK_S * LOOKS * 2)
    watchdog.stop()
    assert told == []


def test_it_is_named_within_a_second() -> None:
    assert watchdogs.LOOK_S * (watchdogs.LOOKS + 1) < 1


def test_one_that_was_never_started_can_be_stopped() -> None:
    watched(Ledger())[0].stop()
