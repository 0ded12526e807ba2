# SPDX-License-Identifier: Apache-2.0
"""F: each failure of a department becomes the one error that callers and breakers rely on."""

from gateway.conformance.breach import Breach, demand
from gateway.conformance.check import FILES, HTTP, WIRE, check
from gateway.conformance.faults import (
    CLOSED,
    GARBAGE,
    RESET,
    Fault,
    http_flood,
    http_reply,
    soap_doctype,
    soap_fault,
)
from gateway.conformance.file_faults import OLD_AT_S, make_old, remove, spoil
from gateway.conformance.lab import ANSWER_S, Lab, described
from gateway.conformance.subject import Protocol
from gateway.errors import Text
from gateway.sdk import (
    AdapterContractBroken,
    AdapterRefused,
    AdapterUnavailable,
    Found,
    NotFound,
)

_SOAP: frozenset[Protocol] = frozenset({"soap"})
_AWAY = (AdapterUnavailable,)
_BROKEN = (AdapterContractBroken,)
_EITHER = (AdapterUnavailable, AdapterContractBroken)
_RETRY_AFTER_S = 7
_FLOOD_BYTES = 64 * 1024 * 1024


async def _demand_kind(lab: Lab, fault: Fault, kinds: tuple[type[Exception], ...]) -> None:
    """Demand one of these errors, on a new connection and on one that was used before."""
    sample = lab.subject.found[0]
    for is_used in (False, True):
        with lab.line() as line:
            async with lab.adapter(line.subject) as adapter:
                if is_used:
                    await lab.ask(adapter, sample)
                line.proxy.fault = fault
                demand_kind(await lab.outcome(adapter, sample), kinds)


def demand_kind(outcome: object, kinds: tuple[type[Exception], ...]) -> None:
    """Raise the breach unless this is one of these errors."""
    wanted = " or ".join(kind.__name__ for kind in kinds)
    if not isinstance(outcome, BaseException):
        raise Breach(f"{type(outcome).__name__} came instead of {wanted}")
    demand(isinstance(outcome, kinds), f"{described(outcome)} came instead of {wanted}")


@check(
    "YZ-F01",
    Text("No connection is AdapterUnavailable", "拒绝连接为 AdapterUnavailable"),
    Text("Map ConnectionRefusedError and its kin; the kits do.", "映射连接被拒绝等错误；套件已包含。"),
    protocols=WIRE,
)  # fmt: skip
async def refused_connection(lab: Lab) -> None:
    with lab.line() as line:
        line.proxy.go_away()
        async with lab.adapter(line.subject) as adapter:
            demand_kind(await lab.outcome(adapter, lab.subject.found[0]), _AWAY)


@check(
    "YZ-F02",
    Text("A connection that is reset is AdapterUnavailable", "连接被重置为 AdapterUnavailable"),
    Text("Map ConnectionResetError and its kin; the kits do.", "映射连接被重置等错误；套件已包含。"),
    protocols=WIRE,
)  # fmt: skip
async def reset_connection(lab: Lab) -> None:
    await _demand_kind(lab, RESET, _AWAY)


@check(
    "YZ-F03",
    Text("A connection that is closed without a byte is AdapterUnavailable",
         "未返回任何字节即关闭为 AdapterUnavailable"),
    Text("Map the client's error for an early end; the kits do.", "映射客户端的提前结束错误；套件已包含。"),
    protocols=WIRE,
)  # fmt: skip
async def closed_connection(lab: Lab) -> None:
    await _demand_kind(lab, CLOSED, _AWAY)


@check(
    "YZ-F04",
    Text("Bytes that are no protocol are AdapterContractBroken or AdapterUnavailable",
         "非协议字节为 AdapterContractBroken 或 AdapterUnavailable"),
    Text("Map the client's error for a malformed answer; the kits do.",
         "映射客户端的报文格式错误；套件已包含。"),
    protocols=WIRE,
)  # fmt: skip
async def garbage(lab: Lab) -> None:
    await _demand_kind(lab, GARBAGE, _EITHER)


@check(
    "YZ-F05",
    Text("An answer that is cut off is AdapterUnavailable or AdapterContractBroken",
         "答复中断为 AdapterUnavailable 或 AdapterContractBroken"),
    Text("Map the client's error for an incomplete answer; the kits do.",
         "映射客户端的答复不完整错误；套件已包含。"),
    protocols=WIRE,
)  # fmt: skip
async def cut_off(lab: Lab) -> None:
    await _demand_kind(lab, Fault(cut_after=5), _EITHER)


@check(
    "YZ-F06",
    Text("HTTP 500 is an error of the department", "HTTP 500 为部门侧错误"),
    Text("Look at the status before the body.", "先判断状态码，再读取正文。"),
    protocols=HTTP,
)  # fmt: skip
async def http_500(lab: Lab) -> None:
    await _demand_kind(lab, http_reply(500, b"{}"), _EITHER)


@check(
    "YZ-F07",
    Text("HTTP 503 is AdapterUnavailable", "HTTP 503 为 AdapterUnavailable"),
    Text("Map 503; the kits do.", "映射503；套件已包含。"),
    protocols=HTTP,
)  # fmt: skip
async def http_503(lab: Lab) -> None:
    await _demand_kind(lab, http_reply(503, b"{}"), _AWAY)


@check(
    "YZ-F08",
    Text("HTTP 429 is AdapterUnavailable and keeps Retry-After",
         "HTTP 429 为 AdapterUnavailable 并保留 Retry-After"),
    Text("Pass `retry_after_s` on, so that callers wait as long as the department asks.",
         "传递 retry_after_s，使调用方按部门要求等待。"),
    protocols=HTTP,
)  # fmt: skip
async def http_429(lab: Lab) -> None:
    fault = http_reply(429, b"{}", "application/json", f"Retry-After: {_RETRY_AFTER_S}")
    with lab.line(fault) as line:
        async with lab.adapter(line.subject) as adapter:
            outcome = await lab.outcome(adapter, lab.subject.found[0])
    demand_kind(outcome, _AWAY)
    kept = getattr(outcome, "retry_after_s", None)
    demand(kept == _RETRY_AFTER_S, f"retry_after_s is {kept} instead of {_RETRY_AFTER_S}")


@check(
    "YZ-F09",
    Text("HTTP 401 and 403 are AdapterRefused", "HTTP 401、403 为 AdapterRefused"),
    Text("Map both: a retry does not help, a person must.", "映射两者：重试无用，须人工处理。"),
    protocols=HTTP,
)  # fmt: skip
async def http_401_403(lab: Lab) -> None:
    for status in (401, 403):
        await _demand_kind(lab, http_reply(status, b"{}"), (AdapterRefused,))


@check(
    "YZ-F10",
    Text("A redirect is not followed", "不跟随重定向"),
    Text("Turn redirects off: a question about a person goes where the settings say.",
         "关闭重定向：个人信息查询只发往配置的地址。"),
    protocols=HTTP,
)  # fmt: skip
async def redirect(lab: Lab) -> None:
    with lab.line() as line, lab.line() as elsewhere:
        async with lab.adapter(line.subject) as adapter:
            for status in (302, 307):
                location = f"Location: http://{elsewhere.proxy.address}/"
                line.proxy.fault = http_reply(status, b"", "text/plain", location)
                demand_kind(await lab.outcome(adapter, lab.subject.found[0]), _EITHER)
        demand(not elsewhere.proxy.connection_count, "the redirect was followed")


@check(
    "YZ-F11",
    Text("A page for people is AdapterContractBroken", "网页形式的答复为 AdapterContractBroken"),
    Text("Decode strictly; a maintenance page comes with status 200.",
         "严格解码；维护页面常以200返回。"),
    protocols=HTTP,
)  # fmt: skip
async def maintenance_page(lab: Lab) -> None:
    page = "<!doctype html><title>系统维护</title><p>Maintenance".encode()
    await _demand_kind(lab, http_reply(200, page, "text/html; charset=utf-8"), _EITHER)


@check(
    "YZ-F12",
    Text("An answer without an end is refused before it fills the memory", "超大答复须及时拒绝"),
    Text("Limit the bytes of an answer; the kits do (max_answer_bytes).",
         "限制答复字节数；套件以 max_answer_bytes 实现。"),
    protocols=HTTP,
)  # fmt: skip
async def flood(lab: Lab) -> None:
    with lab.line(http_flood(_FLOOD_BYTES)) as line:
        async with lab.adapter(line.subject) as adapter:
            demand_kind(await lab.outcome(adapter, lab.subject.found[0]), _EITHER)
        demand(line.proxy.answer_bytes < _FLOOD_BYTES, f"all {_FLOOD_BYTES} bytes were read")


@check(
    "YZ-F13",
    Text("A SOAP fault is an error of the department", "SOAP Fault 为部门侧错误"),
    Text("Read the fault; a fault of the server is AdapterUnavailable or AdapterContractBroken.",
         "解析 Fault；服务端 Fault 为 AdapterUnavailable 或 AdapterContractBroken。"),
    protocols=_SOAP,
)  # fmt: skip
async def soap_faults(lab: Lab) -> None:
    await _demand_kind(lab, soap_fault("Server"), _EITHER)
    await _demand_kind(lab, soap_fault("Client"), (*_EITHER, AdapterRefused))


@check(
    "YZ-F14",
    Text("An envelope with a DOCTYPE is refused", "含 DOCTYPE 的报文被拒绝"),
    Text("Refuse any document type: entities can read files and fill the memory.",
         "拒绝任何 DOCTYPE：实体可读取文件或耗尽内存。"),
    protocols=_SOAP,
)  # fmt: skip
async def doctype(lab: Lab) -> None:
    await _demand_kind(lab, soap_doctype(), _BROKEN)


@check(
    "YZ-F15",
    Text("A delivery of other content is AdapterContractBroken or AdapterUnavailable",
         "内容损坏的文件为 AdapterContractBroken 或 AdapterUnavailable"),
    Text("Map errors of decoding and parsing; the kits do.", "映射解码与解析错误；套件已包含。"),
    protocols=FILES,
)  # fmt: skip
async def spoilt_file(lab: Lab) -> None:
    with lab.copied() as (subject, path):
        spoil(path)
        async with lab.adapter(subject) as adapter:
            demand_kind(await lab.outcome(adapter, lab.subject.found[0]), _EITHER)


@check(
    "YZ-F16",
    Text("An old delivery is as old as it is", "陈旧文件如实标明时间"),
    Text("Give the delivery's own time as `as_of`, or refuse it as AdapterUnavailable.",
         "as_of 填写文件自身时间，或以 AdapterUnavailable 拒绝。"),
    protocols=frozenset({"file"}),
)  # fmt: skip
async def old_file(lab: Lab) -> None:
    with lab.copied() as (subject, path):
        make_old(path)
        async with lab.adapter(subject) as adapter:
            answer = await lab.outcome(adapter, lab.subject.found[0])
        if not isinstance(answer, Found | NotFound):
            return demand_kind(answer, _EITHER)
        demand(answer.as_of is not None, "as_of is not stated, so the answer counts as of now")
        assert answer.as_of is not None
        is_shown_old = answer.as_of.timestamp() <= OLD_AT_S
        is_of_content = not is_shown_old and answer == await _asked(lab)
        demand(is_shown_old or is_of_content, "as_of is younger than the delivery")
    return None


async def _asked(lab: Lab) -> Found | NotFound:
    """The answer from the delivery as it was: whose time stands inside it does not grow old."""
    async with lab.adapter() as adapter:
        return await lab.ask(adapter, lab.subject.found[0])


@check(
    "YZ-F17",
    Text("A ping tells that the department is away", "ping 能反映部门不可用"),
    Text("Ask the department's system in `ping` and raise as `lookup` does.",
         "ping 须真正访问部门系统，并与 lookup 一样抛出错误。"),
)  # fmt: skip
async def ping_tells(lab: Lab) -> None:
    if lab.subject.department.protocol in FILES:
        with lab.copied() as (subject, path):
            remove(path)
            async with lab.adapter(subject) as adapter:
                demand_kind(await lab.ping(adapter), _EITHER)
        return
    with lab.line() as line:
        async with lab.adapter(line.subject) as adapter:
            sound = await lab.ping(adapter, ANSWER_S)
            demand(sound is None, f"{described(sound)} came from a ping of a sound department")
            line.proxy.go_away()
            demand_kind(await lab.ping(adapter), _AWAY)
