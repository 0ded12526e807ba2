# SPDX-License-Identifier: Apache-2.0
"""D: a found record is what was promised, about whom was asked, and of its time."""

from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.conformance.breach import Breach, demand, listed
from gateway.conformance.check import WIRE, check
from gateway.conformance.faults import Fault
from gateway.conformance.lab import ANSWER_S, Lab, described
from gateway.conformance.subject import Sample
from gateway.errors import AdapterContractBroken, Text
from gateway.model.certificate import FieldType
from gateway.sdk import Adapter, Deadline, Found, NotFound, Value, Verified
from gateway.sdk.contract import check_answer, check_verified

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


@check(
    "YZ-D06",
    Text("A verification agrees with the record", "核验结果与记录一致"),
    Text("Compare each claim with the value that `lookup` answers, or return None.",
         "逐项与 lookup 的取值比对，或返回 None 由网关比对。"),
)  # fmt: skip
async def verifies_as_it_answers(lab: Lab) -> None:
    async with lab.adapter() as adapter:
        for sample in lab.subject.found:
            certificate = lab.subject.certificate_of(sample)
            true = {n: v for n, v in sample.fields.items() if n != certificate.holder_field}
            await _demand_results(lab, adapter, sample, true, wrong=None)
            for name in true.keys() - set(certificate.key_fields):
                types = {field.name: field.type for field in certificate.fields}
                claims = true | {name: _other_value(true[name], types[name])}
                await _demand_results(lab, adapter, sample, claims, wrong=name)


async def _demand_results(
    lab: Lab, adapter: Adapter[Any], sample: Sample, claims: Mapping[str, Value], wrong: str | None
) -> None:
    answer = await _verified(lab, adapter, sample, claims)
    if answer is None:
        return  # the gateway compares
    if isinstance(answer, NotFound):
        raise Breach("a holder with a record was not found by `verify`")
    for name, result in answer.results.items():
        expected = "mismatch" if name == wrong else "match"
        demand(result == expected, f"`{name}` is a {result}, and `lookup` says {expected}")


async def _verified(
    lab: Lab, adapter: Adapter[Any], sample: Sample, claims: Mapping[str, Value]
) -> Verified | NotFound | None:
    try:
        answer = await adapter.verify(lab.query(sample, claims), claims, Deadline.after(ANSWER_S))
    except Exception as error:  # noqa: BLE001 - adapters are foreign code
        lab.watch.errors.append(error)
        raise Breach(f"{described(error)} came from `verify`") from None
    try:
        return check_verified(answer, claims)
    except AdapterContractBroken as error:
        raise Breach(error.cause) from None


def _other_value(value: Value, kind: FieldType) -> Value:
    """A value of the same type that is not this one."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    others: dict[FieldType, str] = {"date": "1800-01-01", "month": "1800-01", "decimal": "9000001"}
    return others.get(kind, f"{value}零")


@check(
    "YZ-D07",
    Text("Nobody is verified who has no record", "无记录的主体不得核验通过"),
    Text("Return NotFound from `verify` as from `lookup`.", "verify 与 lookup 一样返回 NotFound。"),
)  # fmt: skip
async def stranger_is_not_verified(lab: Lab) -> None:
    async with lab.adapter() as adapter:
        for sample in lab.subject.not_found:
            certificate = lab.subject.certificate_of(sample)
            same = (s for s in lab.subject.found if lab.subject.certificate_of(s) is certificate)
            fields = next((sample.fields for sample in same), {})
            claims = {n: v for n, v in fields.items() if n != certificate.holder_field}
            answer = await _verified(lab, adapter, sample, claims | sample.claims)
            is_denied = answer is None or isinstance(answer, NotFound)
            demand(is_denied, "a holder without a record was compared")


@check(
    "YZ-D08",
    Text("Many questions in one call get the answers that each gets alone", "批量查询与逐个查询结果一致"),
    Text("Return one outcome for each query, in their order.", "按查询顺序逐一返回结果。"),
)  # fmt: skip
async def many_are_as_one(lab: Lab) -> None:
    samples = [*lab.subject.samples, *reversed(lab.subject.samples)]
    async with lab.adapter() as adapter:
        queries = [lab.query(sample) for sample in samples]
        answers = await adapter.lookup_many(queries, Deadline.after(ANSWER_S))
    demand(len(answers) == len(samples), f"{len(answers)} outcomes for {len(samples)} queries")
    for sample, answer in zip(samples, answers, strict=True):
        if isinstance(answer, BaseException):
            raise Breach(f"{described(answer)} came for one of them")
        demand_expected(sample, answer)
