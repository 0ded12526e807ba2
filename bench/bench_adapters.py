# SPDX-License-Identifier: Apache-2.0
"""What kit and guard cost over a bare client's call to the same department, and the SDK's import.

The figure to hold is `overhead_p50_us` of `test_overhead_over_a_bare_call`: at most 200. Both sides
ask one server in a process of its own, in turns, in one run (bench/README.md).
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
import uvloop
from pytest_benchmark.fixture import BenchmarkFixture

from gateway.model.answer import Found
from gateway.model.site import AdapterSite
from gateway.registry.directory import Departments
from gateway.sdk import Adapter, Deadline
from tests.faults.departments import RECORD, Quiet, Register, Settings
from tests.faults.test_departments import question
from tests.unit.exchange.rooms import IDENTITY, NUMBER

ROUNDS = 300
SERVER = """
import asyncio, sys, uvloop
BODY = sys.argv[1].encode()
ANSWER = b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(BODY) + BODY
class Server(asyncio.Protocol):
    def connection_made(self, transport): self.transport = transport
    def data_received(self, chunk): self.transport.write(ANSWER)
async def main():
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
uvloop.run(main())
"""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A department that answers every request with the same record, in one packet each."""
    body = msgspec.json.encode(RECORD).decode()
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, body],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.terminate()


def departments(adapter: type[Adapter[Any]], **changes: Any) -> Departments:
    site = msgspec.convert({"plugin": "register", "name": "register", **changes}, AdapterSite)
    return Departments([(site, adapter)], folder=Path())


async def in_turns(*sides: Callable[[], Awaitable[object]]) -> list[list[float]]:
    """Seconds of each side's calls, one after the other, in turns."""
    times: list[list[float]] = [[] for _ in sides]
    for _ in range(ROUNDS):
        for side, took in zip(sides, times, strict=True):
            began_s = time.perf_counter()
            await side()
            took.append(time.perf_counter() - began_s)
    return times


def show(benchmark: BenchmarkFixture, name: str, base: list[float], ours: list[float]) -> None:
    median = statistics.median
    benchmark.extra_info[f"{name}_base_p50_us"] = round(median(base) * 1e6, 1)
    benchmark.extra_info[f"{name}_p50_us"] = round((median(ours) - median(base)) * 1e6, 1)


def test_overhead_over_a_bare_call(benchmark: BenchmarkFixture, port: int) -> None:
    """Kit and guard over aiohttp and a JSON decoder."""
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    found = departments(Register, settings={"port": port})

    async def compare() -> None:
        await found.open()
        async with aiohttp.ClientSession() as session:

            async def bare() -> object:
                async with session.post(
                    f"http://127.0.0.1:{port}/lookup", data=msgspec.json.encode(NUMBER)
                ) as response:
                    return decode(await response.read())

            async def guarded() -> object:
                return await found.lookup(question(), Deadline.after(5))

            assert await bare() == RECORD
            assert await guarded() == Found(RECORD)
            show(benchmark, "overhead", *await in_turns(bare, guarded))
        await found.aclose()

    benchmark.pedantic(lambda: uvloop.run(compare()), rounds=1)  # type: ignore[no-untyped-call] # the library has no type here


@pytest.mark.parametrize("isolation", ["none", "process"])
def test_the_guard_alone(benchmark: BenchmarkFixture, isolation: str) -> None:
    """The guard over an adapter that answers at once, in the worker and in a child."""
    found = departments(Quiet, isolation=isolation)
    bare = Quiet(Settings())

    async def compare() -> None:
        await found.open()
        asked = question(IDENTITY)

        async def direct() -> object:
            return await bare.lookup(asked, Deadline.after(5))

        async def guarded() -> object:
            return await found.lookup(asked, Deadline.after(5))

        assert await guarded() == await direct()
        show(benchmark, "guard", *await in_turns(direct, guarded))
        await found.aclose()

    benchmark.pedantic(lambda: uvloop.run(compare()), rounds=1)  # type: ignore[no-untyped-call] # the library has no type here


def test_importing_the_sdk(benchmark: BenchmarkFixture) -> None:
    """An interpreter that imports `gateway.sdk` and ends, over one that only ends."""

    # Compiled modules are kept, as they are wherever the package is installed.
    kept = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def run(code: str) -> float:
        began_s = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, env=kept)
        return time.perf_counter() - began_s

    def compare() -> None:
        pairs = [(run("pass"), run("import gateway.sdk")) for _ in range(10)]
        benchmark.extra_info["import_ms"] = round(
            1e3 * (min(ours for _, ours in pairs) - min(base for base, _ in pairs)), 1
        )

    benchmark.pedantic(compare, rounds=1)  # type: ignore[no-untyped-call] # the library has no type here
