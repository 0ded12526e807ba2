# SPDX-License-Identifier: Apache-2.0
"""One of eight departments hangs: what that costs the other seven, and what still reaches it.

The seven are asked in a closed loop, one caller each, never from the cache, while the eighth works
and while its system is stopped (SIGSTOP: connections are accepted, and nothing is said), in turns.
The eighth is asked all the time, at an even pace, since a department that nobody asks hurts nobody.
What reaches it is counted in front of it, by a proxy that only it has.
"""

import asyncio
import os
import re
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from itertools import cycle
from typing import Final

import msgspec
import uvloop

from bench.system.processor import cores, pin
from bench.system.ratios import adjacent_ratios, percentile
from bench.system.requests import Writer, signed_writer
from bench.system.run import Run
from bench.system.stage import Stage, pin_gateway
from bench.system.target import WrongAnswer
from bench.system.world import SETTINGS
from fixtures.departments import ALL
from fixtures.hall import questions
from fixtures.world import HALL, World
from gateway.crypto.keys import load_signer
from gateway.model.lookup import HolderReference

HUNG: Final = "housing_fund"
#: Questions a second to the department that hangs.
PACE_PER_S: Final = 10.0
_RECOVERY_S: Final = 60.0
_LENGTH: Final = re.compile(rb"(?i)\r\ncontent-length: (\d+)")
_CODE: Final = re.compile(rb'"code":"(\w+)"')
_URL: Final = re.compile(r"http://127\.0\.0\.1:(\d+)")
_OK: Final = 200


class Shot(msgspec.Struct):
    """What one round heard.

    Attributes:
        times_ms: of the seven departments' answers.
        heard: instant and code of each answer about the eighth; `200` is one that it gave.
    """

    times_ms: list[float] = []
    heard: list[tuple[float, str]] = []


def measure(run: Run, _stage: Stage) -> None:
    """Well and hung in turns."""
    folder = run.folder / "hung"
    folder.mkdir()
    world = World(folder, settings=SETTINGS, departments=ALL)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_measure(run, world))


async def _measure(run: Run, world: World) -> None:
    async with _Front.before(world) as front:
        try:
            await asyncio.to_thread(_start, world)
            await _in_turns(run, world, front)
        finally:
            await asyncio.to_thread(world.stop)


def _start(world: World) -> None:
    world.start_departments()
    world.start_gateway()
    pin_gateway(world)
    pin([system.pid for system in world.departments.values()], cores()[1])


async def _in_turns(run: Run, world: World, front: "_Front") -> None:
    callers = _Callers(world)
    await callers.until_well()
    await callers.shoot(1.0)  # connections, tokens and pools are made
    order = [("well", await _p99_ms(run, callers))]
    for _ in range(run.sizes.side_rounds):
        run.gun.patience.wait()
        with _stopped(world.departments[HUNG].pid):
            began_s = time.monotonic()
            shot = await callers.shoot(run.sizes.hung_s)
            ended_s = time.monotonic()
        opened_s = _opened_s(shot, began_s)
        probes = [at_s for at_s in front.times_s if opened_s < at_s <= ended_s]
        order.append(("hung", percentile(sorted(shot.times_ms), 0.99)))
        run.findings.add("hung_breaker_open_s", [opened_s - began_s])
        run.findings.add("hung_probes_per_s", [_per_s(probes)])
        await callers.until_well()
        order.append(("well", await _p99_ms(run, callers)))
    run.findings.add("hung_p99_vs_well", adjacent_ratios(order, "hung", "well"))
    run.findings.add("hung_p99_ms", [figure for name, figure in order if name == "hung"])
    run.findings.add("well_p99_ms", [figure for name, figure in order if name == "well"])


async def _p99_ms(run: Run, callers: "_Callers") -> float:
    run.gun.patience.wait()
    shot = await callers.shoot(run.sizes.hung_s)
    if refused := [code for _, code in shot.heard if code != str(_OK)]:
        raise WrongAnswer(f"{HUNG} works, and was not asked: {refused[0]}")
    return percentile(sorted(shot.times_ms), 0.99)


def _opened_s(shot: Shot, began_s: float) -> float:
    """When a question to the department was first refused instead of waited for."""
    for at_s, code in sorted(shot.heard):
        if at_s > began_s and code == "PROVIDER_UNAVAILABLE":
            return at_s
    raise WrongAnswer(f"the breaker did not open: {shot.heard[-1:]}")


def _per_s(times_s: list[float]) -> float:
    """Their rate; of fewer than two it is nothing."""
    if len(times_s) < 2:
        return 0.0
    return (len(times_s) - 1) / (times_s[-1] - times_s[0])


@contextmanager
def _stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


class _Callers:
    """Who asks; each question is signed when it is sent."""

    def __init__(self, world: World) -> None:
        authority = world.url.removeprefix("http://")
        key = (world.folder / f"agency/{HALL}.pem").read_bytes()
        self._port: Final = int(authority.rpartition(":")[2])
        self._write: Final[Writer] = signed_writer(load_signer(key, HALL), authority)
        asked = {
            question.department: msgspec.structs.replace(question.request, max_age_s=0)
            for question in questions()
            if question.outcome == "found"
        }
        of_hung = asked.pop(HUNG)
        self._bodies: Final = [msgspec.json.encode(request) for request in asked.values()]
        # Of people in turn: who asks about the same one at the same time shares a call.
        self._hung_bodies: Final = cycle(
            msgspec.json.encode(
                msgspec.structs.replace(
                    of_hung,
                    holder=HolderReference("cn-id", citizen.id_number),
                    attribution=msgspec.structs.replace(
                        of_hung.attribution, case=f"YQ20261122-{number:04}"
                    ),
                )
            )
            for number, citizen in enumerate(world.citizens, start=100)
            if citizen.housing_fund is not None
        )

    async def shoot(self, seconds: float) -> Shot:
        """All departments for so long; who still waits for the eighth at the end is not heard."""
        shot = Shot()
        until_s = time.monotonic() + seconds
        async with asyncio.TaskGroup() as group:
            pacing = group.create_task(self._ask_paced(shot))
            loops = [group.create_task(self._ask_on(body, until_s, shot)) for body in self._bodies]
            await asyncio.wait(loops)
            pacing.cancel()
        return shot

    async def until_well(self) -> None:
        """Return when the eighth answers, and answers again."""
        answers = 0
        async with asyncio.timeout(_RECOVERY_S):
            while answers < 3:
                status, _ = await self._ask_once(next(self._hung_bodies))
                answers = answers + 1 if status == _OK else 0
                await asyncio.sleep(0.2)

    async def _ask_on(self, body: bytes, until_s: float, shot: Shot) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            while time.monotonic() < until_s:
                request = self._write(body, int(time.time()))
                began_s = time.perf_counter()
                status, said = await _exchange(reader, writer, request)
                shot.times_ms.append((time.perf_counter() - began_s) * 1e3)
                if status != _OK:
                    raise WrongAnswer(f"{status} {said[:300]!r}")
        finally:
            writer.close()

    async def _ask_paced(self, shot: Shot) -> None:
        async with asyncio.TaskGroup() as group:
            while True:
                group.create_task(self._hear(shot))
                await asyncio.sleep(1 / PACE_PER_S)

    async def _hear(self, shot: Shot) -> None:
        status, said = await self._ask_once(next(self._hung_bodies))
        code = _CODE.search(said)
        shot.heard.append((time.monotonic(), code[1].decode() if code else str(status)))

    async def _ask_once(self, body: bytes) -> tuple[int, bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            return await _exchange(reader, writer, self._write(body, int(time.time())))
        finally:
            writer.close()


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
) -> tuple[int, bytes]:
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = _LENGTH.search(head)
    if length is None:
        raise WrongAnswer("an answer does not state its length")
    return int(head.split(b" ", 2)[1]), await reader.readexactly(int(length[1]))


class _Front:
    """A proxy before one department, which notes when a request passes.

    Attributes:
        times_s: monotonic instants.
    """

    def __init__(self, port: int) -> None:
        self.times_s: Final[list[float]] = []
        self._port: Final = port

    @classmethod
    @asynccontextmanager
    async def before(cls, world: World) -> AsyncIterator["_Front"]:
        """Stand between the gateway and the department, by the adapter's settings."""
        file = world.site / f"adapters/{HUNG}.toml"
        text = file.read_text()
        found = _URL.search(text)
        assert found is not None, "the department is asked over HTTP"
        front = cls(int(found[1]))
        server = await asyncio.start_server(front._serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        file.write_text(_URL.sub(f"http://127.0.0.1:{port}", text))
        try:
            yield front
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            there, onward = await asyncio.open_connection("127.0.0.1", self._port)
            back = asyncio.create_task(_pump(there, writer))
            try:
                while chunk := await reader.read(1 << 16):
                    if chunk.startswith((b"GET ", b"POST ")):
                        self.times_s.append(time.monotonic())
                    onward.write(chunk)
            finally:
                back.cancel()
                onward.close()
        writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await reader.read(1 << 16):
            writer.write(chunk)
    writer.close()
