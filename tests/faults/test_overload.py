# SPDX-License-Identifier: Apache-2.0
"""More than can be answered: refused early, and one agency's flood costs another one nothing.

An open loop of one agency over many connections, while another one asks one question after the
other. Who is refused sends the very same request again: a refusal has used up nothing of it.
"""

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit

import msgspec
import pytest

from fixtures.world import AGENCY, World
from gateway.crypto.keys import Signer, load_signer
from gateway.keyring import write_key_pair
from tests.faults.sender import parse_answer
from tests.integration.wire import (
    Answer,
    Draft,
    log_entries,
    lookup_body,
    sign,
    verify_signed,
)

FLOOD: Final = "yq-flood"
#: So little work may wait that any machine can be asked for more.
MAX_WAIT_MS: Final = 1
CONNECTIONS: Final = 100
#: Refusals that the flood must meet, and questions of the quiet one meanwhile.
REFUSALS: Final = 500
QUESTIONS: Final = 50
_PAUSE_S: Final = 0.005
_LIMIT_S: Final = 60.0


def add_agency(world: World, agency: str) -> Signer:
    """One more agency that may ask what the demo's may."""
    key = world.folder / f"agency/{agency}.pem"
    write_key_pair(key, "ecdsa-p256-sha256")
    public = key.with_suffix(".pub.pem").read_text()
    (world.site / f"agencies/{agency}.toml").write_text(
        f'id = "{agency}"\nname = "另一单位（演示）"\ndivision = "140300"\n'
        f'\n[[keys]]\nid = "{agency}-1"\nalgorithm = "ecdsa-p256-sha256"\n'
        f"public = '''\n{public}'''\n"
        '\n[[operators]]\nid = "yq-0417"\nname = "测试经办"\n'
    )
    grants = (world.site / "grants/demo.toml").read_text()
    (world.site / f"grants/{agency}.toml").write_text(grants.replace(AGENCY + '"', f'{agency}"')
        .replace(f'id = "{AGENCY}', f'id = "{agency}'))  # fmt: skip
    return load_signer(key.read_bytes(), f"{agency}-1")


@pytest.fixture(scope="module")
def narrow(short_folder: Path) -> Iterator[tuple[World, Signer]]:
    folder = short_folder / "overload"
    folder.mkdir()
    world = World(folder)
    config = world.site / "gateway.toml"
    config.write_text(
        config.read_text().replace("[http]\n", f"[http]\nmax_wait_ms = {MAX_WAIT_MS}\n")
    )
    signer = add_agency(world, FLOOD)
    with world as running:
        yield running, signer


class Line:
    """A connection on which one may ask again before one was answered; answers come in order."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._asked: deque[tuple[Draft, asyncio.Future[Answer]]] = deque()
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def to(cls, world: World) -> Self:
        parts = urlsplit(world.url)
        return cls(*await asyncio.open_connection(parts.hostname, parts.port))

    def ask(self, draft: Draft) -> "asyncio.Future[Answer]":
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._asked.append((draft, answered))
        self._writer.write(draft.encode())
        return answered

    async def close(self) -> None:
        self._listening.cancel()
        await asyncio.wait({self._listening})
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()

    async def _listen(self) -> None:
        while True:
            head = await self._reader.readuntil(b"\r\n\r\n")
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            body = await self._reader.readexactly(int(length))
            self._asked.popleft()[1].set_result(parse_answer(head + body))


class Crowd:
    """Both agencies, what each was answered, and what has to be asked again."""

    def __init__(self, world: World, flood: Signer) -> None:
        self._world, self._flood = world, flood
        self._body = msgspec.json.encode(lookup_body(world, world.citizen_with_account().id_number))
        self.answered: list[tuple[Draft, Answer]] = []
        self.refused: list[tuple[Draft, Answer]] = []
        self.quiet_refusals = self.quiet_answers = 0

    async def flood(self, lines: list[Line]) -> None:
        """One more request on every connection, whatever has been answered, until enough is."""
        due: list[tuple[Draft, asyncio.Future[Answer]]] = []
        while len(self.refused) < REFUSALS:
            drafts = [sign(self._world, self._body, signer=self._flood) for _ in lines]
            due += [(draft, line.ask(draft)) for line, draft in zip(lines, drafts, strict=True)]
            await asyncio.sleep(_PAUSE_S)
            for draft, answered in due:
                if answered.done():
                    self._sort(draft, answered.result())
            due = [(draft, answered) for draft, answered in due if not answered.done()]
        for draft, answered in due:
            self._sort(draft, await answered)

    async def ask_quietly(self, line: Line) -> None:
        """One question after the other; who is refused asks the same again."""
        while self.quiet_answers < QUESTIONS or len(self.refused) < REFUSALS:
            draft = sign(self._world, self._body)
            while (answer := await line.ask(draft)).status != 200:
                self._sort(draft, answer)
                self.refused.pop()  # asked again at once, so not left over
                self.quiet_refusals += 1
            self.quiet_answers += 1
            self.answered.append((draft, answer))
            await asyncio.sleep(_PAUSE_S)

    async def ask_the_rest(self, line: Line) -> None:
        """Everything that was refused, byte by byte the same, when the flood has passed."""
        for draft, _ in self.refused:
            answer = await line.ask(draft)
            assert answer.status == 200, answer.document
            self.answered.append((draft, answer))

    def _sort(self, draft: Draft, answer: Answer) -> None:
        if answer.status == 200:
            self.answered.append((draft, answer))
            return
        assert (answer.status, answer.document["code"]) == (503, "GATEWAY_BUSY")
        assert answer.fields["retry-after"] == "1"
        assert not {"signature", "audit-receipt"} & answer.fields.keys()
        assert answer.fields.get("connection") != "close"
        self.refused.append((draft, answer))


async def test_a_flood_takes_nothing_from_who_asks_quietly_and_uses_up_nothing(
    narrow: tuple[World, Signer],
) -> None:
    world, signer = narrow
    crowd = Crowd(world, signer)
    quiet = await Line.to(world)
    first = sign(world, crowd._body)
    crowd.answered.append((first, await quiet.ask(first)))  # from now on the connection is known
    lines = [await Line.to(world) for _ in range(CONNECTIONS)]
    async with asyncio.timeout(_LIMIT_S):
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(crowd.flood(lines))
            tasks.create_task(crowd.ask_quietly(quiet))
        flood_answers = len(crowd.answered) - crowd.quiet_answers - 1
        await crowd.ask_the_rest(lines[0])
    for line in (quiet, *lines):
        await line.close()

    # Nothing keeps the quiet one from being the first to be too much; its share of refusals tells.
    quiet_share = crowd.quiet_refusals / (crowd.quiet_refusals + crowd.quiet_answers)
    flood_share = len(crowd.refused) / (len(crowd.refused) + flood_answers)
    assert crowd.quiet_answers >= QUESTIONS
    assert quiet_share < flood_share / 2

    # Every answer is one entry, no refusal is any, and no nonce was used up by one.
    entries = log_entries(world)
    ids = {answer.document["request_id"] for _, answer in crowd.answered}
    assert len(ids) == len(crowd.answered)
    assert sorted(entry.id for entry in entries) == sorted(ids)
    assert {entry.code for entry in entries} == {None}
    assert {entry.agency for entry in entries} == {AGENCY, FLOOD}
    for draft, answer in crowd.answered[::16]:
        verify_signed(world, draft, answer)
