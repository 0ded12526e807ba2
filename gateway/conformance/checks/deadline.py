# SPDX-License-Identifier: Apache-2.0
"""G and L: a call ends in time whatever the department does, and never stops the loop."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from gateway.conformance.breach import Breach, demand
from gateway.conformance.check import FILES, WIRE, check
from gateway.conformance.checks.answers import demand_expected
from gateway.conformance.checks.errors import demand_kind
from gateway.conformance.faults import CLEAN, ONE_BYTE, SILENT, SLOW_BODY, Fault
from gateway.conformance.lab import ANSWER_S, GRACE_S, SHORT_S, Lab
from gateway.errors import DepartmentError, Text
from gateway.sdk import AdapterTimeout, Found, NotFound

_LATE = Fault(delay_s=3.0)
_IN_TIME = Fault(delay_s=0.2)
#: Longest that one step may keep the loop from everybody else.
_BLOCK_S = 0.05
#: Time on the processor and time of waiting for one, in nanoseconds (proc(5)).
_SCHEDULED = Path("/proc/thread-self/schedstat")
#: Whatever blocks does so each time; a busy machine does not.
_ROUNDS = 4


async def _demand_timeout(lab: Lab, fault: Fault) -> None:
    sample = lab.subject.found[0]
    for is_used in (False, True):
        with lab.line() as line:
            async with lab.adapter(line.subject) as adapter:
                if is_used:
                    await lab.ask(adapter, sample)
                line.proxy.fault = fault
                began_s = time.monotonic()
                outcome = await lab.outcome(adapter, sample, SHORT_S)
                late_s = time.monotonic() - began_s - SHORT_S
                demand_kind(outcome, (AdapterTimeout,))
                demand(late_s < GRACE_S, f"it ended {late_s:.1f} s after the deadline")


@check(
    "YZ-G01",
    Text("A silent department ends at the deadline", "部门无响应时在时限内结束"),
    Text("Bound every wait by `deadline.remaining_s` and raise AdapterTimeout.",
         "所有等待以 deadline.remaining_s 为限，超时抛出 AdapterTimeout。"),
    protocols=WIRE,
)  # fmt: skip
async def silent(lab: Lab) -> None:
    await _demand_timeout(lab, SILENT)


@check(
    "YZ-G02",
    Text("A late answer ends at the deadline", "答复过迟时在时限内结束"),
    Text("Bound every wait by `deadline.remaining_s` and raise AdapterTimeout.",
         "所有等待以 deadline.remaining_s 为限，超时抛出 AdapterTimeout。"),
    protocols=WIRE,
)  # fmt: skip
async def late(lab: Lab) -> None:
    await _demand_timeout(lab, _LATE)


@check(
    "YZ-G03",
    Text("An answer that trickles ends at the deadline", "缓慢返回的答复在时限内结束"),
    Text("Bound the whole call, not the time between two bytes.", "限制整个调用的时间，而非字节间隔。"),
    protocols=WIRE,
)  # fmt: skip
async def trickling(lab: Lab) -> None:
    await _demand_timeout(lab, SLOW_BODY)


@check(
    "YZ-G04",
    Text("A slow answer in time is the right one", "时限内的慢答复仍然正确"),
    Text("Wait as long as the deadline allows, with no shorter limit for the answer.",
         "在时限内等待，不另设更短的读取时限。"),
    protocols=WIRE,
)  # fmt: skip
async def slow_in_time(lab: Lab) -> None:
    await _demand_right(lab, _IN_TIME)


@check(
    "YZ-G05",
    Text("An answer that comes byte by byte is the right one", "逐字节返回的答复仍然正确"),
    Text("Read until the end, not once.", "须读取至结束，不得只读一次。"),
    protocols=WIRE,
)  # fmt: skip
async def byte_by_byte(lab: Lab) -> None:
    await _demand_right(lab, ONE_BYTE)


async def _demand_right(lab: Lab, fault: Fault) -> None:
    with lab.line(fault) as line:
        async with lab.adapter(line.subject) as adapter:
            for sample in (lab.subject.found[0], lab.subject.not_found[0]):
                demand_expected(sample, await lab.ask(adapter, sample))


@check(
    "YZ-G06",
    Text("A deadline that has passed ends the call at once", "时限已过时立即结束"),
    Text("Bound the call by `deadline.remaining_s`, which is 0 then.",
         "以 deadline.remaining_s 为限，此时为0。"),
)  # fmt: skip
async def passed(lab: Lab) -> None:
    async with lab.adapter() as adapter:
        began_s = time.monotonic()
        outcome = await lab.outcome(adapter, lab.subject.found[0], 0.0)
        demand(time.monotonic() - began_s < GRACE_S, "it went on after its deadline")
        known = isinstance(outcome, Found | NotFound | DepartmentError)
        demand(known, f"{type(outcome).__name__} came, which is no department error")


@check(
    "YZ-L01",
    Text("A lookup never blocks the loop for 50 ms", "查询不阻塞事件循环超过50毫秒"),
    Text("Use an asynchronous client; put work of the processor into a thread or a process.",
         "使用异步客户端；耗费处理器的工作放入线程或进程。"),
)  # fmt: skip
async def lookup_does_not_block(lab: Lab) -> None:
    if lab.subject.department.protocol in FILES:
        async with lab.adapter() as adapter:
            await _demand_flow(lambda: lab.outcome(adapter, lab.subject.found[0]))
        return
    with lab.line(_IN_TIME) as line:
        async with lab.adapter(line.subject) as adapter:
            await _demand_flow(lambda: lab.outcome(adapter, lab.subject.found[0]))


@check(
    "YZ-L02",
    Text("A ping never blocks the loop for 50 ms", "ping 不阻塞事件循环超过50毫秒"),
    Text("Use the same client as `lookup` does.", "使用与 lookup 相同的异步客户端。"),
)  # fmt: skip
async def ping_does_not_block(lab: Lab) -> None:
    if lab.subject.department.protocol in FILES:
        async with lab.adapter() as adapter:
            await _demand_flow(lambda: lab.ping(adapter))
        return
    with lab.line(CLEAN) as line:
        async with lab.adapter(line.subject) as adapter:
            line.proxy.fault = _IN_TIME
            await _demand_flow(lambda: lab.ping(adapter, ANSWER_S))


async def _demand_flow(call: Callable[[], Coroutine[Any, Any, object]]) -> None:
    """Demand that in one round of several nothing held the loop; a busy machine is no breach."""
    shortest_s = min([await _longest_step_s(call) for _ in range(_ROUNDS)])
    if shortest_s > _BLOCK_S:
        raise Breach(f"the loop stood still for {shortest_s * 1000:.0f} ms")


async def _longest_step_s(call: Callable[[], Coroutine[Any, Any, object]]) -> float:
    """The longest time between two turns of the loop while the call runs."""
    longest_s = 0.0
    last_s = _own_s()

    async def turn() -> None:
        nonlocal longest_s, last_s
        while True:
            await asyncio.sleep(0.001)
            now_s = _own_s()
            longest_s = max(longest_s, now_s - last_s)
            last_s = now_s

    turning = asyncio.create_task(turn())
    await asyncio.sleep(0)
    await call()
    turning.cancel()
    return max(longest_s, _own_s() - last_s)


def _own_s() -> float:
    """The clock without the time for which this thread could run and got no processor.

    What sleeps, or waits for a disk or a socket, holds the loop; who waits for its turn on a busy
    machine does not.
    """
    try:
        waited_ns = int(_SCHEDULED.read_text(encoding="ascii").split()[1])
    except (OSError, IndexError, ValueError):
        waited_ns = 0  # the system does not tell
    return time.monotonic() - waited_ns / 1e9
