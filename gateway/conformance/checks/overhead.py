# SPDX-License-Identifier: Apache-2.0
"""N: what an adapter costs the gateway. Advisory: the figures are those of this machine, now.

Both are times of the processor, not of the clock, so that a busy machine changes them little.
"""

import asyncio
import time
from statistics import median

from gateway.conformance.breach import demand
from gateway.conformance.check import check
from gateway.conformance.effects import effects_of_import
from gateway.conformance.lab import Lab
from gateway.errors import Text

#: Seconds of the processor that importing the adapter may take, its kit included.
_IMPORT_S = 1.0
#: Processor time of a lookup, in exchanges of 256 bytes for 1 KiB over asyncio's streams.
_RATIO = 25.0
_ROUNDS = 40


@check(
    "YZ-N01",
    Text("Importing takes less than a second of the processor", "导入耗费处理器时间少于一秒"),
    Text("Import heavy libraries inside the functions that need them.",
         "在需要处再导入大型库。"),
    level="advisory",
)  # fmt: skip
async def imports_fast(lab: Lab) -> None:
    found = await asyncio.to_thread(effects_of_import, lab.subject.adapter)
    demand(found.processor_s < _IMPORT_S, f"it took {found.processor_s:.2f} s")


@check(
    "YZ-N02",
    Text("A lookup costs at most 25 bare exchanges over a socket", "一次查询的开销不超过25次裸套接字往返"),
    Text("Make clients and compiled decoders once in `open`, not for each lookup.",
         "客户端与解码器在 open 中建立一次，不要每次查询新建。"),
    level="advisory",
)  # fmt: skip
async def lookups_are_cheap(lab: Lab) -> None:
    bare_s = await _bare_exchange_s()
    sample = lab.subject.found[0]
    async with lab.adapter() as adapter:
        await lab.ask(adapter, sample)
        spent = []
        for _ in range(_ROUNDS):
            before_s = time.thread_time()
            await lab.ask(adapter, sample)
            spent.append(time.thread_time() - before_s)
    ratio = median(spent) / bare_s
    demand(ratio <= _RATIO, f"{ratio:.0f} bare exchanges; {median(spent) * 1e6:.0f} µs a lookup")


async def _bare_exchange_s() -> float:
    """Processor time of one exchange between two streams of this loop, both ends counted."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(256):
            writer.write(b"x" * 1024)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    spent = []
    for _ in range(_ROUNDS):
        before_s = time.thread_time()
        writer.write(b"x" * 256)
        await reader.readexactly(1024)
        spent.append(time.thread_time() - before_s)
    writer.close()
    await writer.wait_closed()
    server.close()
    await server.wait_closed()
    return max(median(spent), 1e-6)
