# SPDX-License-Identifier: Apache-2.0
"""E: *not found* means that the department answered so. Whatever else happens is an error."""

from gateway.conformance.breach import Breach, demand
from gateway.conformance.check import FILES, HTTP, WIRE, check
from gateway.conformance.checks.answers import demand_expected
from gateway.conformance.faults import CLEAN, CLOSED, Fault, http_reply
from gateway.conformance.file_faults import cut, remove
from gateway.conformance.lab import Lab
from gateway.errors import Text
from gateway.sdk import Found, NotFound

#: Places of an answer at which it is cut, as parts of its length.
_CUTS = (0.02, 0.1, 0.25, 0.4, 0.55, 0.7, 0.8, 0.9, 0.95, 0.99)
_OTHER_SHAPES = (b"{}", b"null", b"[]", b'""', b"0", b'{"error":"x"}', b'{"data":null}')
_EMPTY_ENVELOPES = (
    b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"/>',
    b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body/></s:Envelope>',
)


@check(
    "YZ-E01",
    Text("A holder without a record is not found", "无记录的主体返回查无"),
    Text("Return NotFound when the department says that there is no record.",
         "部门明确答复无记录时返回 NotFound。"),
)  # fmt: skip
async def stranger_is_not_found(lab: Lab) -> None:
    async with lab.adapter() as adapter:
        for sample in lab.subject.not_found:
            answer = await lab.ask(adapter, sample)
            demand(isinstance(answer, NotFound), "a holder without a record was found")


@check(
    "YZ-E02",
    Text("A department that is away is not *not found*", "部门不可达不得视为查无"),
    Text("Raise AdapterUnavailable when there is no connection.", "无法连接时抛出 AdapterUnavailable。"),
    protocols=WIRE,
)  # fmt: skip
async def away_is_an_error(lab: Lab) -> None:
    with lab.line() as line:
        async with lab.adapter(line.subject) as adapter:
            line.proxy.go_away()
            for sample in lab.subject.samples:
                _demand_error(await lab.outcome(adapter, sample))


@check(
    "YZ-E03",
    Text("An answer that is cut off is not *not found*, wherever it is cut", "答复在任何位置中断均不得视为查无"),
    Text("Decode the whole answer strictly before reading anything of it.",
         "须完整且严格地解码答复后再读取内容。"),
    protocols=WIRE,
)  # fmt: skip
async def cut_answer_is_an_error(lab: Lab) -> None:
    sample = lab.subject.found[0]
    with lab.line() as line:
        async with lab.adapter(line.subject) as adapter:
            await lab.ask(adapter, sample)  # handshakes are over
            line.proxy.fault = CLEAN  # counts from here
            await lab.ask(adapter, sample)
            length = line.proxy.answer_bytes
            for part in _CUTS:
                line.proxy.fault = Fault(cut_after=max(1, int(length * part)))
                answer = await lab.outcome(adapter, sample)
                demand(not isinstance(answer, NotFound), "a cut answer became not found")
                if isinstance(answer, Found):
                    demand_expected(sample, answer)  # cut after all that matters


@check(
    "YZ-E04",
    Text("A connection that is closed without an answer is not *not found*", "未答复即断开不得视为查无"),
    Text("Raise AdapterUnavailable when nothing came.", "未收到答复时抛出 AdapterUnavailable。"),
    protocols=WIRE,
)  # fmt: skip
async def silence_is_an_error(lab: Lab) -> None:
    await _demand_error_under(lab, CLOSED)


@check(
    "YZ-E05",
    Text("A page without content is not *not found*", "空白页面不得视为查无"),
    Text("Demand the answer's form even when the status is 200.", "状态为200时仍须核对答复格式。"),
    protocols=HTTP,
)  # fmt: skip
async def empty_page_is_an_error(lab: Lab) -> None:
    for status in (200, 204):
        await _demand_error_under(lab, http_reply(status))


@check(
    "YZ-E06",
    Text("An answer of another form is not *not found*", "格式不符的答复不得视为查无"),
    Text("Decode into a type with required members; a missing one is AdapterContractBroken.",
         "解码到必填成员齐全的类型；缺少成员即 AdapterContractBroken。"),
    protocols=HTTP,
)  # fmt: skip
async def other_shape_is_an_error(lab: Lab) -> None:
    is_soap = lab.subject.department.protocol == "soap"
    kind = "text/xml; charset=utf-8" if is_soap else "application/json"
    own = await _not_found_body(lab)
    for body in _EMPTY_ENVELOPES if is_soap else _OTHER_SHAPES:
        if body != own:
            await _demand_error_under(lab, http_reply(200, body, kind))


async def _not_found_body(lab: Lab) -> bytes:
    """What the department itself says of a holder without a record: `[]` may be its own form."""
    with lab.line() as line:
        async with lab.adapter(line.subject) as adapter:
            await lab.ask(adapter, lab.subject.found[0])  # signed in
            line.proxy.fault = CLEAN  # counts from here
            await lab.ask(adapter, lab.subject.not_found[0])
        return bytes(line.proxy.answered).partition(b"\r\n\r\n")[2].strip()


@check(
    "YZ-E07",
    Text("A delivery that is missing is not *not found*", "缺失的文件不得视为查无"),
    Text("Raise AdapterUnavailable when the file is not there.", "文件不存在时抛出 AdapterUnavailable。"),
    protocols=FILES,
)  # fmt: skip
async def missing_file_is_an_error(lab: Lab) -> None:
    with lab.copied() as (subject, path):
        remove(path)
        async with lab.adapter(subject) as adapter:
            for sample in lab.subject.samples:
                _demand_error(await lab.outcome(adapter, sample))


@check(
    "YZ-E08",
    Text("A delivery that ends half-way is not *not found*", "不完整的文件不得视为查无"),
    Text("Check the delivery's digest or count of rows before it is used.",
         "使用前须核对文件摘要或记录数。"),
    protocols=FILES,
)  # fmt: skip
async def cut_file_is_an_error(lab: Lab) -> None:
    with lab.copied() as (subject, path):
        cut(path)
        async with lab.adapter(subject) as adapter:
            for sample in lab.subject.found:
                answer = await lab.outcome(adapter, sample)
                demand(not isinstance(answer, NotFound), "a cut file became not found")


@check(
    "YZ-E09",
    Text("A department that is back is found again", "部门恢复后无需重启即可查询"),
    Text("Connect for each call, or let the pool make new connections.",
         "每次调用时连接，或由连接池重新建立连接。"),
    protocols=WIRE,
)  # fmt: skip
async def comes_back(lab: Lab) -> None:
    sample = lab.subject.found[0]
    with lab.line() as line:
        async with lab.adapter(line.subject) as adapter:
            await lab.ask(adapter, sample)
            line.proxy.go_away()
            _demand_error(await lab.outcome(adapter, sample))
            line.proxy.come_back()
            demand_expected(sample, await lab.ask(adapter, sample))


async def _demand_error_under(lab: Lab, fault: Fault) -> None:
    """Demand an error under a fault, on a new connection and on one that was used before."""
    for is_used in (False, True):
        with lab.line() as line:
            async with lab.adapter(line.subject) as adapter:
                if is_used:
                    await lab.ask(adapter, lab.subject.found[0])
                line.proxy.fault = fault
                for sample in (lab.subject.found[0], lab.subject.not_found[0]):
                    _demand_error(await lab.outcome(adapter, sample))


def _demand_error(outcome: object) -> None:
    if isinstance(outcome, NotFound):
        raise Breach("it became not found")
    if isinstance(outcome, Found):
        raise Breach("a record was answered although the department gave none")
