# SPDX-License-Identifier: Apache-2.0
"""I and J: many at once, and again and again, give the same answers."""

import asyncio
from itertools import cycle, islice

from gateway.conformance.breach import Breach, demand
from gateway.conformance.check import WIRE, check
from gateway.conformance.checks.answers import demand_expected
from gateway.conformance.lab import Lab
from gateway.conformance.subject import Sample
from gateway.errors import Text
from gateway.sdk import Adapter, Deadline, Found

PARALLEL_COUNT = 200
_PARALLEL_S = 30.0


@check(
    "YZ-I01",
    Text("200 lookups at once each get their own answer", "200个并发查询各得其答"),
    Text("Keep nothing about a question in `self`; one connection serves one question at a time.",
         "不在 self 中保存查询状态；一条连接同一时刻只服务一个查询。"),
)  # fmt: skip
async def no_cross_talk(lab: Lab) -> None:
    async with lab.adapter() as adapter:
        await _ask_all(lab, adapter, list(islice(cycle(lab.subject.samples), PARALLEL_COUNT)))


@check(
    "YZ-I02",
    Text("Cancelling half of the lookups does not touch the others", "取消部分查询不影响其余查询"),
    Text("Share no future between questions, or shield it from whoever goes away.",
         "查询之间不共享 Future，或对离开者加以隔离。"),
)  # fmt: skip
async def cancelled_do_not_touch(lab: Lab) -> None:
    samples = list(islice(cycle(lab.subject.samples), PARALLEL_COUNT // 2))
    async with lab.adapter() as adapter:
        doomed = [
            asyncio.create_task(lab.outcome(adapter, sample, _PARALLEL_S)) for sample in samples
        ]
        kept = asyncio.create_task(_ask_all(lab, adapter, samples))
        await asyncio.sleep(0)
        for task in doomed:
            task.cancel()
        await asyncio.wait(doomed)
        await kept


@check(
    "YZ-I03",
    Text("Two adapters of one class do not know each other", "同类的两个实例互不影响"),
    Text("Keep clients in the instance, never in the class or the module.",
         "客户端保存在实例中，不放在类或模块中。"),
    protocols=WIRE,
)  # fmt: skip
async def instances_are_apart(lab: Lab) -> None:
    sample = lab.subject.found[0]
    with lab.line() as line:
        async with lab.adapter() as first, lab.adapter(line.subject) as second:
            line.proxy.go_away()
            demand_expected(sample, await lab.ask(first, sample))
            outcome = await lab.outcome(second, sample)
            demand(isinstance(outcome, Exception), "it asked the other one's department")
        async with lab.adapter() as third:
            demand_expected(sample, await lab.ask(third, sample))


async def _ask_all(lab: Lab, adapter: Adapter[object], samples: list[Sample]) -> None:  # type: ignore[type-var]
    limit = Deadline.after(_PARALLEL_S)
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(lab.outcome(adapter, sample, limit.remaining_s)) for sample in samples
        ]
    for sample, task in zip(samples, tasks, strict=True):
        if task.cancelled():
            raise Breach("it was cancelled although nobody cancelled it")
        answer = task.result()
        if isinstance(answer, BaseException):
            raise Breach(f"{type(answer).__name__} came for one of {len(samples)}")
        demand_expected(sample, answer)  # type: ignore[arg-type]


@check(
    "YZ-J01",
    Text("The same question twice gets the same answer", "同一问题两次得到相同答复"),
    Text("Order the rows that the source may return; take nothing from the last question.",
         "对可能的多行排序；不沿用上次查询的内容。"),
)  # fmt: skip
async def twice_the_same(lab: Lab) -> None:
    async with lab.adapter() as adapter:
        for sample in lab.subject.samples:
            first, second = await lab.ask(adapter, sample), await lab.ask(adapter, sample)
            demand(_content(first) == _content(second), "the second answer differs")


@check(
    "YZ-J02",
    Text("Questions in any order get their own answers", "任意顺序的查询各得其答"),
    Text("Take nothing from the last question.", "不沿用上次查询的内容。"),
)  # fmt: skip
async def any_order(lab: Lab) -> None:
    samples = lab.subject.samples
    async with lab.adapter() as adapter:
        for sample in (*samples, *reversed(samples), *samples[1:], *samples):
            demand_expected(sample, await lab.ask(adapter, sample))


@check(
    "YZ-J03",
    Text("A closed and newly opened adapter answers the same", "关闭后重新打开的答复相同"),
    Text("Keep nothing in the class or the module; make in `open` what `aclose` releases.",
         "不在类或模块中保存状态；open 建立、aclose 释放。"),
)  # fmt: skip
async def again_after_close(lab: Lab) -> None:
    sample = lab.subject.found[0]
    for _ in range(3):
        async with lab.adapter() as adapter:
            demand_expected(sample, await lab.ask(adapter, sample))


def _content(answer: object) -> object:
    return dict(answer.fields) if isinstance(answer, Found) else type(answer)
