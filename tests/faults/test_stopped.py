# SPDX-License-Identifier: Apache-2.0
"""F-19 for the log: the sequencer hangs, or its file is taken from under it. No data leaves then.

YIZHENG_STOPPED_S is how long it hangs: 3 s in CI, 30 s for the full run. From 15 s on the
supervisor kills it and starts another, so that a full run sees service return meanwhile.
"""

import asyncio
import os
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from urllib.request import urlopen

from fixtures.world import World
from gateway.audit.store.reader import DATABASE
from tests.faults.asking import OF_OTHERS, Answered, Asking
from tests.faults.conftest import WAIT_LIMIT_S
from tests.integration.tsa import told

STOPPED_S = float(os.environ.get("YIZHENG_STOPPED_S", "3"))
HANGS_S = 15.0
RECOVERY_LIMIT_S = 10.0
CALLERS = 8


async def until_answered(asking: Asking) -> float:
    """Seconds until there is an answer to a question that was asked from now on."""
    now_s = time.monotonic()
    return await asking.until(
        lambda: bool(asking.answers) and asking.answers[-1].sent_at_s > now_s, 30
    )


async def test_a_sequencer_that_hangs_lets_nothing_out_and_comes_back(
    tough: World, record_property: Callable[[str, object], None]
) -> None:
    asking = Asking(tough)
    pid = tough.pids()["sequencer"]
    async with asking.by(CALLERS):
        await until_answered(asking)
        stopped_at_s = time.monotonic()
        os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(STOPPED_S)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
        back_s = await until_answered(asking)
    # What was under way at the stop may still come in; nothing that was asked later may.
    hung_until_s = stopped_at_s + min(STOPPED_S, HANGS_S)
    begun_s = stopped_at_s + 0.1
    assert not [
        answer
        for answer in asking.answers
        if begun_s < answer.sent_at_s and answer.sent_at_s + answer.seconds < hung_until_s
    ]
    # Once it has gone on, a department may be too slow for what time is left.
    refused = [
        each
        for each in asking.refusals
        if begun_s < each.sent_at_s and each.sent_at_s + each.seconds < hung_until_s
    ]
    assert {each.code for each in refused} - OF_OTHERS == {"AUDIT_UNAVAILABLE"}
    assert max(each.seconds for each in refused) <= WAIT_LIMIT_S
    assert back_s <= RECOVERY_LIMIT_S
    assert (tough.pids()["sequencer"] != pid) == (STOPPED_S > HANGS_S + 2)
    asking.check()
    first_s = min(each.sent_at_s for each in asking.answers if each.sent_at_s > begun_s)
    record_property("stopped_s", STOPPED_S)
    record_property("refused_meanwhile", len(refused))
    record_property("refused_max_s", round(max(each.seconds for each in refused), 2))
    record_property("answered_again_after_stop_s", round(first_s - stopped_at_s, 2))
    record_property("back_after_continue_s", round(back_s, 2))


async def test_a_log_that_is_taken_away_is_missed_and_found_again(
    tough: World, record_property: Callable[[str, object], None]
) -> None:
    asking = Asking(tough)
    folder = tough.site / "var/audit"
    kept = folder.with_name("kept")
    kept.mkdir(exist_ok=True)
    older = kept / "older"
    first = await asking.ask_once()
    assert isinstance(first, Answered)
    shutil.copy(folder / DATABASE, older)

    for replace in (lambda: None, lambda: shutil.copy(older, folder / DATABASE)):
        refused = len(asking.refusals)
        async with asking.by(CALLERS):
            await until_answered(asking)
            (folder / DATABASE).rename(kept / DATABASE)
            replace()
            taken_at_s = time.monotonic()
            await asking.until(lambda before=refused: len(asking.refusals) > before + 50)  # type: ignore[misc] # a default
            (kept / DATABASE).rename(folder / DATABASE)
            returned_at_s = time.monotonic()
            back_s = await until_answered(asking)
        assert not [
            answer
            for answer in asking.answers
            if taken_at_s < answer.sent_at_s and answer.sent_at_s + answer.seconds < returned_at_s
        ]
        assert back_s <= RECOVERY_LIMIT_S
        asking.check()
        record_property("back_after_s", round(back_s, 2))
    assert asking.codes_of_the_log == {"AUDIT_UNAVAILABLE"}


def told_of_the_disk(world: World) -> tuple[str, str]:
    """By readiness, and by metrics."""
    state = told(world.url)["disk"]
    with urlopen(f"{world.url}/metrics") as page:
        return state, page.read().decode()


def used_percent(metrics: str) -> float:
    return float(metrics.partition("\nyizheng_audit_used_percent ")[2].partition("\n")[0])


def test_readiness_and_metrics_tell_of_the_disk(tough: World) -> None:
    """This world is told to raise the alarm from 1 % on; metrics tell what was so a second ago."""
    until_s = time.monotonic() + 30
    state, metrics = told_of_the_disk(tough)
    while state != f"alarm {used_percent(metrics):.0f} %":
        assert time.monotonic() < until_s, state
        state, metrics = told_of_the_disk(tough)
    assert "\nyizheng_audit_space_alarm 1.0\n" in metrics
    assert "\nyizheng_audit_free_bytes " in metrics
