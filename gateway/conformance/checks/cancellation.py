# SPDX-License-Identifier: Apache-2.0
"""H: a call may be cancelled at every await, and leaves nothing behind."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from gateway.conformance.breach import Breach, demand
from gateway.conformance.check import WIRE, check
from gateway.conformance.checks.answers import demand_expected
from gateway.conformance.lab import ANSWER_S, Lab
from gateway.conformance.stepping import Cut, cancelled_at
from gateway.conformance.watch import Census, settled
from gateway.errors import Text
from gateway.sdk import Adapter, Deadline

#: Suspensions of one call that are looked at; a call that waits more often is cut this often.
_MAX_STEPS = 60


async def _cuts(make: Callable[[], Coroutine[Any, Any, object]]) -> list[Cut]:
    """Cancel a call at its first suspension, at its second, and so on until it ends before."""
    cuts = []
    for step in range(1, _MAX_STEPS):
        cut = await cancelled_at(step, make())
        if not cut.reached:
            break
        cuts.append(cut)
    return cuts


def _lookup(lab: Lab, adapter: Adapter[Any]) -> Coroutine[Any, Any, object]:
    return adapter.lookup(lab.query(lab.subject.found[0]), Deadline.after(ANSWER_S))


@check(
    "YZ-H01",
    Text("A lookup that is cancelled ends as cancelled, at every await", "查询在任一 await 处取消均以取消结束"),
    Text("Let asyncio.CancelledError pass: catch Exception, never BaseException.",
         "放行 asyncio.CancelledError：捕获 Exception，不捕获 BaseException。"),
)  # fmt: skip
async def lookup_obeys(lab: Lab) -> None:
    for step in range(1, _MAX_STEPS):  # on new connections
        async with lab.adapter() as adapter:
            cut = await cancelled_at(step, _lookup(lab, adapter))
        if not cut.reached:
            break
        _demand_clean(cut, step)
    async with lab.adapter() as adapter:  # on one that was used before
        await lab.ask(adapter, lab.subject.found[0])
        for number, cut in enumerate(await _cuts(lambda: _lookup(lab, adapter)), start=1):
            _demand_clean(cut, number)


@check(
    "YZ-H02",
    Text("After a cancelled lookup the next one is right", "取消之后的查询仍然正确"),
    Text("Give back slots, locks and connections in `finally` or `async with`.",
         "在 finally 或 async with 中归还名额、锁与连接。"),
)  # fmt: skip
async def next_is_right(lab: Lab) -> None:
    sample = lab.subject.found[0]
    for is_used in (False, True):
        async with lab.adapter() as adapter:
            if is_used:
                await lab.ask(adapter, sample)
            for step in range(1, _MAX_STEPS):
                cut = await cancelled_at(step, _lookup(lab, adapter))
                demand_expected(sample, await lab.ask(adapter, sample))
                if not cut.reached:
                    break


@check(
    "YZ-H03",
    Text("Cancelled lookups leave no task, thread or descriptor", "取消的查询不遗留任务、线程与描述符"),
    Text("Start tasks in a TaskGroup, and close what you open in `finally`.",
         "在 TaskGroup 中启动任务，并在 finally 中关闭资源。"),
)  # fmt: skip
async def nothing_is_left(lab: Lab) -> None:
    async with lab.adapter() as adapter:
        await lab.ask(adapter, lab.subject.found[0])  # what is made once is made
    before = await Census.at_rest()
    async with lab.adapter() as adapter:
        await _cuts(lambda: _lookup(lab, adapter))
    left = await settled(before)
    demand(not left, f"left behind: {left}")


@check(
    "YZ-H04",
    Text("A ping that is cancelled ends as cancelled and leaves nothing", "ping 可取消且不遗留资源"),
    Text("As for lookups: `ping` is given up after a second by the gateway.",
         "与查询相同：网关会在一秒后放弃 ping。"),
)  # fmt: skip
async def ping_obeys(lab: Lab) -> None:
    async with lab.adapter() as adapter:
        await lab.ping(adapter)
    before = await Census.at_rest()
    async with lab.adapter() as adapter:
        for number, cut in enumerate(await _cuts(adapter.ping), start=1):
            _demand_clean(cut, number)
    left = await settled(before)
    demand(not left, f"left behind: {left}")


@check(
    "YZ-H05",
    Text("An `open` that is cancelled can be closed and leaves nothing", "open 被取消后可关闭且不遗留资源"),
    Text("Keep in `self` what `open` has made so far, and close it in `aclose`.",
         "open 已建立的资源即时记入 self，并在 aclose 中关闭。"),
)  # fmt: skip
async def open_obeys(lab: Lab) -> None:
    async with lab.adapter():
        pass
    before = await Census.at_rest()
    for step in range(1, _MAX_STEPS):
        adapter = lab.make()
        cut = await cancelled_at(step, adapter.open(lab.context()))
        await adapter.aclose()
        if not cut.reached:
            break
    left = await settled(before)
    demand(not left, f"left behind: {left}")


@check(
    "YZ-H06",
    Text("Cancelled lookups leave no connection half-used", "取消的查询不遗留半途连接"),
    Text("Drop a connection whose answer was not read to its end.",
         "未读完答复的连接须丢弃。"),
    protocols=WIRE,
)  # fmt: skip
async def connections_end(lab: Lab) -> None:
    found, other = lab.subject.found[0], lab.subject.found[-1]
    with lab.line() as line:
        async with lab.adapter(line.subject) as adapter:
            await lab.ask(adapter, found)
            for step in range(1, _MAX_STEPS):
                cut = await cancelled_at(step, _lookup(lab, adapter))
                demand_expected(other, await lab.ask(adapter, other))
                if not cut.reached:
                    break
            demand_expected(found, await lab.ask(adapter, found))
        for _ in range(50):
            if not line.proxy.open_count:
                return
            await asyncio.sleep(0.02)
        demand(holds=False, otherwise=f"{line.proxy.open_count} connections were left open")


def _demand_clean(cut: Cut, number: int) -> None:
    if cut.error is None:
        raise Breach(f"cancelled at await {number}, it went on and returned")
    kind = type(cut.error).__name__
    demand(cut.is_clean, f"cancelled at await {number}, it raised {kind}")
