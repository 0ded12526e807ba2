# SPDX-License-Identifier: Apache-2.0
"""M: `__init__` does nothing, `open` builds and connects to nothing, `aclose` always works."""

import asyncio

import msgspec

from gateway.conformance.breach import Breach, NotApplicable, demand, listed
from gateway.conformance.check import FILES, WIRE, check
from gateway.conformance.effects import effects_of, effects_of_import
from gateway.conformance.file_faults import remove
from gateway.conformance.lab import Lab, described
from gateway.conformance.watch import Census, settled
from gateway.errors import SetupError, Text
from gateway.sdk import Adapter, AdapterContext

_ROUNDS = 20


@check(
    "YZ-M01",
    Text("`__init__` has no side effect", "__init__ 无副作用"),
    Text("Only keep the settings there; build clients in `open`.",
         "__init__ 只保存配置；客户端在 open 中建立。"),
)  # fmt: skip
async def init_is_pure(lab: Lab) -> None:
    try:
        effects = await asyncio.to_thread(effects_of, lab.make)
    except Exception as error:  # noqa: BLE001 - adapters are foreign code
        raise Breach(f"{described(error)} outside a running loop") from None
    demand(not effects, f"it did {listed(effects)}")


@check(
    "YZ-M02",
    Text("Importing the adapter has no side effect", "导入模块无副作用"),
    Text("Take connections, threads, processes and writing out of the module's own level.",
         "模块级别不得建立连接、线程、进程或写文件。"),
)  # fmt: skip
async def import_is_pure(lab: Lab) -> None:
    found = await asyncio.to_thread(effects_of_import, lab.subject.adapter)
    demand(not found.effects, f"it did {listed(found.effects)}")


@check(
    "YZ-M03",
    Text("A department that is away does not stop `open`", "部门不可用不妨碍 open"),
    Text("Build clients and pools in `open`; connect at the first lookup.",
         "open 只建立客户端与连接池；首次查询时再连接。"),
)  # fmt: skip
async def opens_without_department(lab: Lab) -> None:
    if lab.subject.department.protocol in FILES:
        with lab.copied() as (subject, path):
            remove(path)
            await _demand_opens(lab, subject.at(str(path)))
        return
    with lab.line() as line:
        line.proxy.go_away()
        await _demand_opens(lab, line.subject)


async def _demand_opens(lab: Lab, subject: object) -> None:
    adapter = lab.make(subject)  # type: ignore[arg-type]
    try:
        await adapter.open(lab.context(subject))  # type: ignore[arg-type]
    except Exception as error:  # noqa: BLE001 - adapters are foreign code
        raise Breach(f"{described(error)} came from open") from None
    finally:
        await adapter.aclose()


@check(
    "YZ-M04",
    Text("`open` connects to nothing", "open 不建立连接"),
    Text("Connect at the first lookup: a start must not depend on a department.",
         "首次查询时再连接；启动不得依赖部门系统。"),
    protocols=WIRE,
)  # fmt: skip
async def open_connects_to_nothing(lab: Lab) -> None:
    with lab.line() as line:
        async with lab.adapter(line.subject):
            await asyncio.sleep(0.05)
        count = line.proxy.connection_count
    demand(not count, f"{count} connections were made")


@check(
    "YZ-M05",
    Text("`aclose` works without `open`, after a failed one, and twice", "aclose 可在未打开、打开失败及重复时调用"),
    Text("Let `aclose` close what there is: set clients to None in `__init__`.",
         "aclose 只关闭已有资源；在 __init__ 中将客户端置为 None。"),
)  # fmt: skip
async def close_always_works(lab: Lab) -> None:
    never = lab.make()
    await _demand_closes(never, "without `open`")
    failed = lab.make()
    try:
        await failed.open(AdapterContext("conformance", _no_secret))
    except Exception as error:  # noqa: BLE001 - adapters are foreign code
        lab.watch.errors.append(error)
    await _demand_closes(failed, "after a failed `open`")
    twice = lab.make()
    await twice.open(lab.context())
    await _demand_closes(twice, "once")
    await _demand_closes(twice, "twice")


async def _demand_closes(adapter: Adapter[msgspec.Struct], when: str) -> None:
    try:
        async with asyncio.timeout(10):
            await adapter.aclose()
    except Exception as error:  # noqa: BLE001 - adapters are foreign code
        raise Breach(f"{type(error).__name__} came from `aclose` {when}") from None


def _no_secret(_reference: str) -> str:
    raise SetupError("the secret is not there", remedy="put it there.")


@check(
    "YZ-M06",
    Text("20 times opened and closed leave nothing", "打开关闭20次不遗留资源"),
    Text("Close in `aclose` whatever `open` and lookups took, and await its end.",
         "aclose 须关闭 open 与查询占用的资源并等待结束。"),
)  # fmt: skip
async def nothing_is_left(lab: Lab) -> None:
    async with lab.adapter() as adapter:
        await lab.ask(adapter, lab.subject.found[0])  # what is made once is made
    before = await Census.at_rest()
    for _ in range(_ROUNDS):
        async with lab.adapter() as adapter:
            await lab.ask(adapter, lab.subject.found[0])
    left = await settled(before)
    demand(not left, f"left behind: {left}")


@check(
    "YZ-M07",
    Text("A secret that is not there is a SetupError at `open`", "密钥缺失在 open 时报 SetupError"),
    Text("Resolve secrets in `open`, and let the error pass.", "在 open 中解析密钥，不拦截其错误。"),
)  # fmt: skip
async def missing_secret_is_named(lab: Lab) -> None:
    if not lab.subject.secrets:
        raise NotApplicable("the adapter has no secret")
    adapter = lab.make()
    try:
        await adapter.open(AdapterContext("conformance", _no_secret))
    except SetupError:
        return
    except Exception as error:  # noqa: BLE001 - adapters are foreign code
        raise Breach(f"{described(error)} came instead of SetupError") from None
    finally:
        await adapter.aclose()
    demand(holds=False, otherwise="`open` went on without its secret")
