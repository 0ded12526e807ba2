# SPDX-License-Identifier: Apache-2.0
"""What `yizheng adapter dev` shows of the log that it follows: look-ups; nothing else ends it."""

import asyncio
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.audit.log import Log
from gateway.audit.store.sqlite import SqliteStore
from gateway.cli import dev_life
from gateway.cli.dev_life import Life
from gateway.model.act import Act, Event
from gateway.model.record import format_record
from tests.unit.audit.samples import KEY, SIGNER, entry_bytes

ACT = Act(
    id="0" * 32,
    salt="x" * 22,
    time="2026-11-22T08:00:00.000Z",
    action="search",
    actor="auditor-a",
    keyid="auditor-a",
    signature="y" * 86,
)
EVENT = Event(
    id="1" * 32, salt="x" * 22, time="2026-11-22T08:00:00.000Z", event="clock_step", detail=""
)


async def test_acts_and_events_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(SqliteStore.open(tmp_path / "var/audit", KEY)) as store:
        Log(store, SIGNER).append([format_record(ACT), format_record(EVENT), entry_bytes(0)])
    shown: list[Any] = []
    stop = asyncio.Event()

    def show(facts: object) -> None:
        shown.append(facts)
        stop.set()

    monkeypatch.setattr(dev_life, "print_json", show)
    gateway: Any = SimpleNamespace(returncode=None)
    async with asyncio.timeout(30):
        await Life(tmp_path, 0, as_json=True)._follow(tmp_path, 0, stop, gateway)
    assert [facts["certificate"] for facts in shown] == ["public_security.identity"]
