# SPDX-License-Identifier: Apache-2.0
"""K: no number, no name, no value and no secret where it does not belong."""

import re
from urllib.parse import quote, unquote

from gateway.conformance.breach import Breach, NotApplicable, demand
from gateway.conformance.check import FILES, HTTP, WIRE, check
from gateway.conformance.faults import CLOSED, GARBAGE, RESET, SILENT, Fault, http_reply
from gateway.conformance.file_faults import cut, remove, spoil
from gateway.conformance.lab import SHORT_S, Lab
from gateway.errors import Text
from gateway.model.ids import cn_id_check_digit

_NUMBER = re.compile(r"(?<![0-9])[1-8][0-9]{16}[0-9Xx](?![0-9])")


async def _live_through_all(lab: Lab) -> None:
    """Good answers, strangers, and every fault, so that whatever is ever said is said."""
    async with lab.adapter() as adapter:
        for sample in lab.subject.samples:
            await lab.outcome(adapter, sample)
        await lab.ping(adapter)
    if lab.subject.department.protocol in FILES:
        for fault in (remove, cut, spoil):
            with lab.copied() as (subject, path):
                fault(path)
                async with lab.adapter(subject) as adapter:
                    await lab.outcome(adapter, lab.subject.found[0])
        return
    for spoilt in _faults(lab):
        with lab.line() as line:
            async with lab.adapter(line.subject) as adapter:
                await lab.outcome(adapter, lab.subject.found[0])
                line.proxy.fault = spoilt
                await lab.outcome(adapter, lab.subject.found[0], SHORT_S)
                line.proxy.go_away()
                await lab.outcome(adapter, lab.subject.found[0], SHORT_S)


def _faults(lab: Lab) -> list[Fault]:
    number = lab.subject.found[0].number.encode()
    faults = [RESET, CLOSED, SILENT, GARBAGE, Fault(cut_after=40)]
    faults.append(Fault(swap=(number, number[:6] + b"99999999" + number[14:])))
    if lab.subject.department.protocol in HTTP:
        body = b'{"message":"no row for ' + number + b'"}'
        faults += [http_reply(status, body) for status in (200, 400, 403, 500, 503)]
    return faults


def _demand_silence(lab: Lab, text: str, where: str) -> None:
    words = lab.telling_words()
    told = sum(word in text for word in words)
    demand(not told, f"{told} of the samples' numbers, names or values stand in {where}")


@check(
    "YZ-K01",
    Text("No number, name or value in the log", "日志中无号码、姓名与字段值"),
    Text("Log outcomes and durations; never a record, a request or a foreign exception.",
         "只记录结果与耗时；不记录数据、请求或外部异常。"),
)  # fmt: skip
async def logs_tell_nothing(lab: Lab) -> None:
    await _live_through_all(lab)
    _demand_silence(lab, lab.watch.logged(), "log records")


@check(
    "YZ-K02",
    Text("No number, name or value on the console or in warnings", "控制台与警告中无号码、姓名与字段值"),
    Text("Take out `print` and debugging output.", "删除 print 与调试输出。"),
)  # fmt: skip
async def console_tells_nothing(lab: Lab) -> None:
    await _live_through_all(lab)
    _demand_silence(lab, lab.watch.printed(), "console output")


@check(
    "YZ-K03",
    Text("No number, name or value in exceptions", "异常中无号码、姓名与字段值"),
    Text("Raise with technical words and `from None`: a chained exception may quote the record.",
         "异常只写技术用语并使用 from None；链接的异常可能引用数据。"),
)  # fmt: skip
async def exceptions_tell_nothing(lab: Lab) -> None:
    await _live_through_all(lab)
    _demand_silence(lab, lab.watch.raised(), "exceptions")


@check(
    "YZ-K04",
    Text("No number, name or value in a request target", "请求地址中无号码、姓名与字段值"),
    Text("Ask by POST with the number in the body: targets stand in every log on the way.",
         "以 POST 正文传递号码；请求地址会写入沿途日志。"),
    protocols=HTTP,
)  # fmt: skip
async def targets_tell_nothing(lab: Lab) -> None:
    with lab.line() as line:
        async with lab.adapter(line.subject) as adapter:
            for sample in lab.subject.samples:
                await lab.ask(adapter, sample)
        targets = line.proxy.targets
    demand(bool(targets), "no request came past, so nothing can be said")
    text = "\n".join(targets)
    _demand_silence(lab, f"{text}\n{unquote(text)}", "request targets")
    demand(not any(quote(word) in text for word in lab.telling_words()), "a name is in a target")


@check(
    "YZ-K05",
    Text("A ping is about nobody", "ping 不涉及任何主体"),
    Text("Ask for the health of the system, or for no row; never for a known person.",
         "查询系统状态或空结果，不得查询具体个人。"),
    protocols=WIRE,
)  # fmt: skip
async def ping_is_about_nobody(lab: Lab) -> None:
    with lab.line() as line:
        async with lab.adapter(line.subject) as adapter:
            await lab.ping(adapter)
        sent = bytes(line.proxy.sent).decode("latin-1")
    numbers = [n for n in _NUMBER.findall(sent) if cn_id_check_digit(n[:17]) == n[17].upper()]
    demand(not numbers, "the ping held a citizen's number")
    demand(not any(s.number in sent for s in lab.subject.samples), "the ping held a number")


@check(
    "YZ-K06",
    Text("No secret in logs, exceptions or representations", "日志、异常与对象表示中无密钥"),
    Text("Keep secrets in objects whose repr hides them, and raise `from None`.",
         "密钥放入隐藏表示的对象，异常使用 from None。"),
)  # fmt: skip
async def secrets_stay_secret(lab: Lab) -> None:
    secrets = [secret for secret in lab.subject.secrets.values() if secret]
    if not secrets:
        raise NotApplicable("the adapter has no secret")
    await _live_through_all(lab)
    async with lab.adapter() as adapter:
        shown = f"{adapter!r} {adapter!s} {adapter.settings!r}"
    said = lab.watch.logged() + lab.watch.printed() + lab.watch.raised() + shown
    if any(secret in said for secret in secrets):
        raise Breach("a secret was shown")
