# SPDX-License-Identifier: Apache-2.0
"""Monitoring over a running gateway: cases, its log, its office store, and the clerk's duty."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fixtures.world import World
from gateway.errors import GatewayError
from gateway.model.act import Event
from gateway.monitoring import MonitorDuty
from gateway.web.cases import format_target
from tests.integration.test_cases import body_of, put
from tests.integration.test_search import run
from tests.integration.test_supervision import (
    command,
    complain,
    look_up,
    records,
    wait_for_index,
)
from tests.integration.wire import send, sign

WAIT_S = 30.0
SHARED = "居民身份证复印件"


@pytest.fixture(scope="module")
def own(short_folder: Path) -> Iterator[World]:
    folder = short_folder / "monitoring"
    folder.mkdir()
    with World(folder) as world:
        yield world


def register(world: World, case: str, *, days_ago: int = 0) -> None:
    opened_at = datetime.now(UTC) - timedelta(days=days_ago, seconds=1)
    body = body_of(world.citizens[0].id_number, opened_at=opened_at.isoformat())
    assert put(world, case, body).status == 200


def close(world: World, case: str, **how: Any) -> None:
    draft = sign(world, msgspec.json.encode(how), target=f"{format_target(case)}/close")
    assert send(world, draft).status == 200


def findings(world: World, case: str) -> dict[str, dict[str, Any]]:
    return {
        each["about"]["rule"]: each
        for each in command(world, "monitor", "list")
        if each["about"]["case"] == case
    }


def settle_what_is_red(world: World) -> None:
    """Red findings fail a check until each is settled with a reason."""
    check = ("monitor", "list", "--level", "red", "--check", "--site", str(world.site), "--json")
    failed = run(*check)
    assert failed.returncode == 1
    reds = msgspec.json.decode(failed.stdout)
    for each in reds:
        settle = ("monitor", "settle", each["id"], "--words", "已督促办结", "--by", "监督科")
        assert command(world, *settle)["state"] == "settled"
    passed = run(*check)
    assert (passed.returncode, msgspec.json.decode(passed.stdout)) == (0, [])
    assert command(world, "monitor", "show", reds[0]["id"])["steps"][-1]["by"] == "监督科"
    event = [each for each in records(world) if isinstance(each, Event)][-1]
    assert event.event == "finding_settled"
    assert event.detail.startswith(f"id={reds[-1]['id']} rule=")


def monitor(world: World) -> Any:
    wait_for_index(world)
    return command(world, "monitor", "run")


def test_clause_8_1_1_what_the_log_and_the_office_tell_is_found_once_and_settled_with_a_reason(
    own: World,
) -> None:
    late, refused, reasoned = "YQ-2026-8111", "YQ-2026-8112", "YQ-2026-8113"
    register(own, late, days_ago=40)
    for case, reason in ((refused, ""), (reasoned, "不符合提取条件")):
        register(own, case)
        look_up(own, case)
        close(own, case, result="refused", reason=reason)
    complain(own, refused, "户口簿原件")
    first = monitor(own)
    assert first["case_count"] >= 3
    assert {rule: each["level"] for rule, each in findings(own, late).items()} == {
        "step_overdue": "red",
        "limit_overdue": "red",
    }
    assert {rule: each["level"] for rule, each in findings(own, refused).items()} == {
        "refusal_unreasoned": "yellow",
        "demand_outside_list": "yellow",
    }
    assert findings(own, reasoned) == {}
    again = monitor(own)
    assert (again["found"], again["raised"]) == ([], [])
    said = [each for each in records(own) if isinstance(each, Event) and each.event == "monitored"]
    assert [each.detail for each in said] == [
        f"cases={first['case_count']} found={len(first['found'])} raised=0"
    ]
    settle_what_is_red(own)
    assert monitor(own)["found"] == []


def test_clause_8_1_3_what_was_asked_for_again_although_shareable_is_ranked(own: World) -> None:
    look_up(own, "YQ-2026-8131")  # the department answers
    for case in ("YQ-2026-8132", "YQ-2026-8133"):
        register(own, case)
        close(own, case, result="done")
    complain(own, "YQ-2026-8134", SHARED)
    wait_for_index(own)
    found = command(own, "monitor", "repeated")
    line = next(each for each in found if each["material"] == SHARED)
    assert (line["item"], line["agency"]) == ("yq-gjj-001", "yq-gjj")
    assert {"YQ-2026-8132", "YQ-2026-8133", "YQ-2026-8134"} <= set(line["cases"])
    assert line["case_count"] >= 2
    assert line["complaint_count"] >= 1
    assert command(own, "monitor", "repeated", "--month", "2025-01") == []


async def test_clause_8_1_1_the_clerks_duty_finds_it_by_itself(own: World) -> None:
    own.public_security.stop()
    case = "YQ-2026-8141"
    await asyncio.to_thread(register, own, case)
    with pytest.raises(GatewayError):
        await asyncio.to_thread(look_up, own, case)
    await asyncio.to_thread(close, own, case, result="done")
    await asyncio.to_thread(wait_for_index, own)
    duty, quit_event = MonitorDuty(own.site, pause_s=0.05), asyncio.Event()
    async with asyncio.timeout(WAIT_S), asyncio.TaskGroup() as group:
        group.create_task(duty.run(quit_event))
        while True:
            found = await asyncio.to_thread(findings, own, case)
            if found:
                break
            await asyncio.sleep(0.05)
        quit_event.set()
    assert found["accepted_incomplete"]["about"]["subject"] == SHARED
