# SPDX-License-Identifier: Apache-2.0
"""D: a found record is what was promised, about whom was asked, and of its time."""

from collections.abc import MutableMapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from gateway.conformance.breach import Breach, demand, listed
from gateway.conformance.check import WIRE, check
from gateway.conformance.faults import Fault
from gateway.conformance.lab import Lab, described
from gateway.conformance.subject import Sample
from gateway.errors import AdapterContractBroken, Text
from gateway.sdk import Found, NotFound
from gateway.sdk.contract import check_answer

#: Clocks of two machines differ; an answer may be that much from the future.
_SKEW = timedelta(minutes=10)


@check(
    "YZ-D01",
    Text("A record has exactly the fields that are expected", "查到的记录与预期字段完全一致"),
    Text("Compare the mapping with the sample; a value that the source lacks is None.",
         "核对字段映射；来源没有的值为 None。"),
)  # fmt: skip
async def answers_as_expected(lab: Lab) -> None:
    async with lab.adapter() as adapter:
        for sample in lab.subject.found:
            demand_expected(sample, await lab.ask(adapter, sample))


def demand_expected(sample: Sample, answer: Found | NotFound) -> None:
    """Raise the breach unless this is the sample's answer; names fields, shows no value."""
    if not sample.fields:
        demand(isinstance(answer, NotFound), "a holder without a record was found")
        return
    if isinstance(answer, NotFound):
        raise Breach("a holder with a record was not found")
    names = set(sample.fields) | {n for n, value in answer.fields.items() if value is not None}
    wrong = {name for name in names if answer.fields.get(name) != sample.fields.get(name)}
    demand(not wrong, f"other than expected: {listed(wrong)}")


@check(
    "YZ-D02",
    Text("An answer keeps the declaration", "答复符合声明"),
    Text("Put each value into the form of its type, and give declared fields only.",
         "按字段类型整理取值，且只返回已声明的字段。"),
)  # fmt: skip
async def keeps_the_declaration(lab: Lab) -> None:
    async with lab.adapter() as adapter:
        for sample in lab.subject.samples:
            answer = await lab.outcome(adapter, sample)
            if isinstance(answer, BaseException):
                raise Breach(f"{described(answer)} came instead of an answer")
            try:
                check_answer(answer, lab.subject.certificate_of(sample), sample.holder)
            except AdapterContractBroken as error:
                raise Breach(error.cause) from None


@check(
    "YZ-D03",
    Text("`as_of` is aware and not in the future", "as_of 含时区且不晚于当前时间"),
    Text("Give the instant for which the source vouches, with its time zone, or None.",
         "填写来源所担保的时刻并带时区，或为 None。"),
)  # fmt: skip
async def as_of_is_past(lab: Lab) -> None:
    async with lab.adapter() as adapter:
        for sample in lab.subject.samples:
            as_of = (await lab.ask(adapter, sample)).as_of
            if as_of is not None:
                demand(as_of.utcoffset() is not None, "as_of has no time zone")
                demand(as_of <= datetime.now(UTC) + _SKEW, "as_of lies in the future")


@check(
    "YZ-D04",
    Text("A record of somebody else is refused", "他人的记录被拒绝"),
    Text("Declare the holder_field, or compare the number that comes back in the adapter.",
         "声明 holder_field，或在适配器中核对返回的号码。"),
    protocols=WIRE,
)  # fmt: skip
async def refuses_somebody_else(lab: Lab) -> None:
    sample = lab.subject.found[0]
    other = _other_number(sample.number)
    with lab.line() as line:
        async with lab.adapter(line.subject) as adapter:
            line.proxy.fault = Fault(swap=(sample.number.encode(), other.encode()))
            answer = await lab.outcome(adapter, sample)
            lab.require_swap(line)
            if isinstance(answer, BaseException):
                return
            try:
                check_answer(answer, lab.subject.certificate_of(sample), sample.holder)
            except AdapterContractBroken:
                return
            demand(isinstance(answer, NotFound), "a record of another number was passed on")
            raise Breach("a record of another number became not found")


def _other_number(number: str) -> str:
    """Text of the same length that is no number of anybody."""
    return number[:6] + "99999999" + number[14:]


@check(
    "YZ-D05",
    Text("Two answers share nothing", "答复之间不共享数据"),
    Text("Make a new mapping for each answer.", "每次答复都新建字段映射。"),
)  # fmt: skip
async def answers_share_nothing(lab: Lab) -> None:
    sample = lab.subject.found[0]
    async with lab.adapter() as adapter:
        first = await lab.ask(adapter, sample)
        if isinstance(first, Found) and isinstance(first.fields, MutableMapping):
            with suppress(TypeError):
                first.fields.clear()
        second = await lab.ask(adapter, sample)
        demand_expected(sample, second)
