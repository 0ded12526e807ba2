# SPDX-License-Identifier: Apache-2.0
"""C: numbers are whole, valid and compared whole."""

from datetime import UTC, datetime

import msgspec

from gateway.conformance.breach import NotApplicable, demand, listed
from gateway.conformance.check import check
from gateway.conformance.lab import Lab
from gateway.conformance.subject import Sample
from gateway.errors import RequestError, Text
from gateway.model.ids import cn_id_check_digit, parse_holder
from gateway.model.lookup import HolderReference
from gateway.sdk import Found

_SEQUENCE = slice(14, 17)


@check(
    "YZ-C01",
    Text("The samples' numbers are valid and in normal form", "样例号码有效且为规范形式"),
    Text("Write 18 upper-case characters with the right check character.",
         "号码须为18位大写字符，校验码正确。"),
)  # fmt: skip
async def numbers_are_valid(lab: Lab) -> None:
    today = datetime.now(UTC).date()
    for sample in lab.subject.samples:
        try:
            holder = parse_holder(HolderReference(sample.scheme, sample.number), today=today)
        except RequestError as error:
            demand(holds=False, otherwise=error.detail)
        else:
            demand(holder.number == sample.number, "a number is not in its normal form")


@check(
    "YZ-C02",
    Text("Two holders or more are found", "至少两个样例可查到"),
    Text("Add a second holder to `found`: answers that are mixed up show only between two.",
         "在 found 中补充第二个主体；张冠李戴的错误只有在两者之间才能发现。"),
)  # fmt: skip
async def several_are_found(lab: Lab) -> None:
    demand(len({s.number for s in lab.subject.found}) > 1, "only one holder is found")


@check(
    "YZ-C03",
    Text("Every scheme of a certificate has a sample", "每种号码类型均有样例"),
    Text("Add a sample for the scheme, or take the scheme out of the certificate.",
         "为该号码类型补充样例，或从证照声明中删除。"),
)  # fmt: skip
async def schemes_are_shown(lab: Lab) -> None:
    for certificate in lab.subject.adapter.certificates:
        shown = {
            s.scheme for s in lab.subject.found if lab.subject.certificate_of(s) is certificate
        }
        missing = set(certificate.schemes) - shown
        demand(not missing, f"{certificate.name}: no sample is found by {listed(missing)}")
        demand(shown <= set(certificate.schemes), f"{certificate.name}: a sample of no scheme")


@check(
    "YZ-C04",
    Text("A neighbour's number is not answered with this record", "相邻号码不会得到本记录"),
    Text("Compare the whole number: no prefix, no LIKE, no date of birth instead.",
         "须整号比对，不得按前缀、模糊或出生日期匹配。"),
)  # fmt: skip
async def neighbours_differ(lab: Lab) -> None:
    sample = next((s for s in lab.subject.found if s.scheme == "cn-id"), None)
    if sample is None:
        raise NotApplicable("no sample is a citizen")
    known = {s.number for s in lab.subject.samples}
    async with lab.adapter() as adapter:
        for step in (1, 2, 500):
            neighbour = _neighbour(sample, step)
            if neighbour.number in known:
                continue
            answer = await lab.ask(adapter, neighbour)
            certificate = lab.subject.certificate_of(sample)
            same = isinstance(answer, Found) and all(
                answer.fields.get(name) == value
                for name, value in sample.fields.items()
                if name != certificate.holder_field
            )
            demand(not same, "another number got the same record")


def _neighbour(sample: Sample, step: int) -> Sample:
    sequence = (int(sample.number[_SEQUENCE]) + step) % 1000
    body = f"{sample.number[:14]}{sequence:03}"
    return msgspec.structs.replace(sample, number=body + cn_id_check_digit(body), name=None)
