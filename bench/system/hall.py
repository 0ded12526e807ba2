# SPDX-License-Identifier: Apache-2.0
"""The integrated window: eight departments, one of which is about to do harm to the other seven.

The seven are asked in a closed loop, one caller each, never from the cache. The eighth is asked all
the time, at an even pace, since a department that nobody asks hurts nobody. What reaches it is
counted in front of it, by a proxy that only it has, and which can make its answers slow.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from itertools import cycle
from pathlib import Path
from typing import Final

import msgspec

from bench.system.processor import cores, pin
from bench.system.ratios import percentile
from bench.system.requests import Writer, signed_writer
from bench.system.run import Run
from bench.system.stage import pin_gateway
from bench.system.target import WrongAnswer
from bench.system.world import SETTINGS
from fixtures.departments import ALL
from fixtures.hall import questions
from fixtures.world import HALL, World
from gateway.crypto.keys import load_signer
from gateway.model.lookup import HolderReference, LookupRequest

EIGHTH: Final = "housing_fund"
OK: Final = "200"
#: Questions a second to the eighth department.
PACE_PER_S: Final = 10.0
_RECOVERY_S: Final = 60.0
#: Seconds between two bytes of a slow answer: some hundred of them last longer than any deadline.
_DRIBBLE_S: Final = 0.05
_LENGTH: Final = re.compile(rb"(?i)\r\ncontent-length: (\d+)")
_CODE: Final = re.compile(rb'"code":"(\w+)"')
_TIMEOUT: Final = re.compile(r"(?m)^timeout_s = .*$")
_PATIENT_S: Final = 10.0
_URL: Final = re.compile(r"http://127\.0\.0\.1:(\d+)")


class Heard(msgspec.Struct, frozen=True):
    """One answer about the eighth department.

    Attributes:
        at_s: monotonic.
        took_ms: since the question was sent.
        code: of the problem; `OK` is an answer that it gave.
    """

    at_s: float
    took_ms: float
    code: str


class Shot(msgspec.Struct):
    """What one round heard.

    Attributes:
        times_ms: of the seven departments' answers.
        heard: of the eighth's, as they came.
    """

    times_ms: list[float] = []
    heard: list[Heard] = []

    def p99_ms(self) -> float:
        """Of the seven."""
        return percentile(sorted(self.times_ms), 0.99)

    def first(self, code: str, since_s: float) -> float:
        """When the eighth's answer was first this.

        Raises:
            WrongAnswer: it never was.
        """
        for heard in sorted(self.heard, key=lambda heard: heard.at_s):
            if heard.at_s > since_s and heard.code == code:
                return heard.at_s
        raise WrongAnswer(f"never {code}: {self.heard[-1:]}")


class Hall:
    """The eight departments, the gateway, and who asks; each question is signed when it is sent.

    Attributes:
        world: running.
        front: stands before the eighth.
    """

    def __init__(self, world: World, front: "Front") -> None:
        self.world: Final = world
        self.front: Final = front
        authority = world.url.removeprefix("http://")
        key = (world.folder / f"agency/{HALL}.pem").read_bytes()
        self._port: Final = int(authority.rpartition(":")[2])
        self._write: Final[Writer] = signed_writer(load_signer(key, HALL), authority)
        asked = {
            question.department: msgspec.structs.replace(question.request, max_age_s=0)
            for question in questions()
            if question.outcome == "found"
        }
        self._of_eighth: Final = asked.pop(EIGHTH)
        self._bodies: Final = [msgspec.json.encode(request) for request in asked.values()]
        # Of people in turn: who asks about the same one at the same time shares a call.
        self._people: Final = cycle(
            (f"YQ20261122-{number:04}", citizen.id_number)
            for number, citizen in enumerate(world.citizens, start=100)
            if citizen.housing_fund is not None
        )

    @classmethod
    @asynccontextmanager
    async def open(
        cls, folder: Path, prepare: Callable[[World], None] = lambda _: None
    ) -> AsyncIterator["Hall"]:
        """Start everything, and stop it at the end.

        Args:
            folder: made, with a short path.
            prepare: changes the site before it is started.
        """
        world = _made(folder)
        async with Front.before(world) as front:
            try:
                prepare(world)
                await asyncio.to_thread(_start, world)
                hall = cls(world, front)
                await hall.until_well()
                await hall.shoot(1.0)  # connections, tokens and pools are made
                yield hall
            finally:
                await asyncio.to_thread(world.stop)

    async def shoot(self, seconds: float, *, purpose: str | None = None) -> Shot:
        """All departments for so long; who still waits for the eighth at the end is not heard.

        Args:
            seconds: of the closed loops.
            purpose: that questions to the eighth state, instead of a true one.

        Raises:
            WrongAnswer: one of the seven was not answered.
        """
        shot = Shot()
        until_s = time.monotonic() + seconds
        try:
            async with asyncio.TaskGroup() as group:
                pacing = group.create_task(self._ask_paced(shot, purpose))
                loops = [
                    group.create_task(self._ask_on(body, until_s, shot)) for body in self._bodies
                ]
                await asyncio.wait(loops)
                pacing.cancel()
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return shot

    async def well_p99_ms(self, run: Run, seconds: float) -> float:
        """The seven's p99 in a round in which the eighth answers every question.

        Raises:
            WrongAnswer: it did not.
        """
        run.gun.patience.wait()
        shot = await self.shoot(seconds)
        if refused := [heard.code for heard in shot.heard if heard.code != OK]:
            health = await self.health()
            raise WrongAnswer(f"{EIGHTH} works, and was not asked: {refused[0]}, {health}")
        return shot.p99_ms()

    async def until_well(self) -> None:
        """Return when the eighth answers, and answers again."""
        answers = 0
        async with asyncio.timeout(_RECOVERY_S):
            while answers < 3:
                answers = answers + 1 if (await self.ask()).code == OK else 0
                await asyncio.sleep(0.2)

    async def ask(self, purpose: str | None = None) -> Heard:
        """Ask about the eighth, once."""
        case, number = next(self._people)
        attribution = msgspec.structs.replace(
            self._of_eighth.attribution,
            case=case,
            purpose=purpose or self._of_eighth.attribution.purpose,
        )
        request: LookupRequest = msgspec.structs.replace(
            self._of_eighth, holder=HolderReference("cn-id", number), attribution=attribution
        )
        began_s = time.monotonic()
        status, said = await self._ask_once(
            self._write(msgspec.json.encode(request), int(time.time()))
        )
        ended_s = time.monotonic()
        code = _CODE.search(said)
        return Heard(ended_s, (ended_s - began_s) * 1e3, code[1].decode() if code else str(status))

    async def health(self) -> str:
        """What the gateway says of the eighth's adapter."""
        _, said = await self._ask_once(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        states: dict[str, str] = msgspec.json.decode(said)["dependencies"]
        return states[f"adapter:{EIGHTH}"]

    async def _ask_on(self, body: bytes, until_s: float, shot: Shot) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            while time.monotonic() < until_s:
                request = self._write(body, int(time.time()))
                began_s = time.perf_counter()
                status, said = await _exchange(reader, writer, request)
                shot.times_ms.append((time.perf_counter() - began_s) * 1e3)
                if str(status) != OK:
                    raise WrongAnswer(f"{status} {said[:300]!r}")
        finally:
            writer.close()

    async def _ask_paced(self, shot: Shot, purpose: str | None) -> None:
        async def hear() -> None:
            shot.heard.append(await self.ask(purpose))

        async with asyncio.TaskGroup() as group:
            while True:
                group.create_task(hear())
                await asyncio.sleep(1 / PACE_PER_S)

    async def _ask_once(self, request: bytes) -> tuple[int, bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            return await _exchange(reader, writer, request)
        finally:
            writer.close()


def _made(folder: Path) -> World:
    folder.mkdir()
    world = World(folder, settings=SETTINGS, departments=ALL)
    for file in (world.site / "adapters").glob("*.toml"):
        if file.stem != EIGHTH:  # on a busy machine they are slow, and right all the same
            text = file.read_text()
            file.write_text(_TIMEOUT.sub(f"timeout_s = {_PATIENT_S}", text))
    return world


def _start(world: World) -> None:
    world.start_departments()
    world.start_gateway()
    pin_gateway(world)
    pin([system.pid for system in world.departments.values()], cores()[1])


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
) -> tuple[int, bytes]:
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = _LENGTH.search(head)
    if length is None:
        raise WrongAnswer("an answer does not state its length")
    return int(head.split(b" ", 2)[1]), await reader.readexactly(int(length[1]))


class Front:
    """A proxy before one department, which notes when a request passes.

    Attributes:
        times_s: monotonic instants.
        is_slow: answers go on byte by byte, and take longer than anybody waits.
        delay_s: that each piece of an answer comes later.
    """

    def __init__(self, port: int) -> None:
        self.times_s: Final[list[float]] = []
        self.is_slow = False
        self.delay_s = 0.0
        self._port: Final = port

    @classmethod
    @asynccontextmanager
    async def before(cls, world: World) -> AsyncIterator["Front"]:
        """Stand between the gateway and the department, by the adapter's settings."""
        file = world.site / f"adapters/{EIGHTH}.toml"
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
            back = asyncio.create_task(self._answer(there, writer))
            try:
                while chunk := await reader.read(1 << 16):
                    if chunk.startswith((b"GET ", b"POST ")):
                        self.times_s.append(time.monotonic())
                    onward.write(chunk)
            finally:
                back.cancel()
                onward.close()
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await reader.read(1 << 16):
                if not self.is_slow:
                    if self.delay_s:
                        await asyncio.sleep(self.delay_s)
                    writer.write(chunk)
                    continue
                for byte in chunk:
                    writer.write(bytes([byte]))
                    await asyncio.sleep(_DRIBBLE_S)
        writer.close()
