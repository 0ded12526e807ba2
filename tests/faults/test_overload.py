# SPDX-License-Identifier: Apache-2.0
"""More than can be answered: refused early, and one agency's flood costs another one nothing.

One agency asks over many connections at once, again and again, and behind them all another one asks
one question. Who is refused sends the very same request again: a refusal has used up nothing of it.
"""

import asyncio
import os
import signal
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
#: So little work may wait that any machine can be asked for more, and enough that two agencies get
#: a place each where a lookup takes a millisecond of a core that others use.
MAX_WAIT_MS: Final = 3
CONNECTIONS: Final = 100
RUSHES: Final = 20
#: Rushes of which the quiet one may be a victim: the first, and one after a pause of the machine.
ROUGH: Final = 4
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
    """Both agencies, and what each was answered."""

    def __init__(self, world: World, flood: Signer) -> None:
        self._world, self._flood = world, flood
        self._worker = world.pids()["worker-1"]
        self._body = msgspec.json.encode(lookup_body(world, world.citizen_with_account().id_number))
        self.answered: list[tuple[Draft, Answer]] = []
        self.refused: list[Draft] = []
        self.flood_answers = self.quiet_answers = self.quiet_refusals = 0

    def draft(self) -> Draft:
        return sign(self._world, self._body)

    async def rush(self, lines: list[Line], quiet: Line, asked: Draft) -> bool:
        """A request on every connection, and behind them all the quiet one's; was it answered?

        They come in one turn of the worker's loop, since it stands still until all have been sent.
        """
        drafts = [sign(self._world, self._body, signer=self._flood) for _ in lines]
        os.kill(self._worker, signal.SIGSTOP)
        due = [line.ask(draft) for line, draft in zip(lines, drafts, strict=True)]
        last = quiet.ask(asked)
        os.kill(self._worker, signal.SIGCONT)
        for draft, answered in zip(drafts, due, strict=True):
            if self.take(draft, await answered):
                self.flood_answers += 1
            else:
                self.refused.append(draft)
        is_answered = self.take(asked, await last)
        self.quiet_answers += is_answered
        self.quiet_refusals += not is_answered
        return is_answered

    def take(self, draft: Draft, answer: Answer) -> bool:
        """Whether it was answered; there is one way to be refused."""
        if answer.status == 200:
            self.answered.append((draft, answer))
            return True
        assert (answer.status, answer.document["code"]) == (503, "GATEWAY_BUSY")
        assert answer.fields["retry-after"] == "1"
        assert not {"signature", "audit-receipt"} & answer.fields.keys()
        assert answer.fields.get("connection") != "close"
        return False


async def test_a_flood_takes_nothing_from_who_asks_quietly_and_uses_up_nothing(
    narrow: tuple[World, Signer],
) -> None:
    world, signer = narrow
    crowd = Crowd(world, signer)
    async with asyncio.timeout(_LIMIT_S):
        quiet = await Line.to(world)
        lines = [await Line.to(world) for _ in range(CONNECTIONS)]
        asked = crowd.draft()
        assert crowd.take(asked, await quiet.ask(asked))  # from now on the connection is known
        asked = crowd.draft()
        for _ in range(RUSHES):
            if await crowd.rush(lines, quiet, asked):
                asked = crowd.draft()  # who was refused asks the very same again
        for draft in crowd.refused:  # the flood has passed
            assert crowd.take(draft, await quiet.ask(draft))
        for line in (quiet, *lines):
            await line.close()

    assert crowd.flood_answers > 0
    assert len(crowd.refused) > RUSHES * CONNECTIONS / 2
    assert crowd.quiet_answers > RUSHES - ROUGH  # nobody knew yet that it would be too much

    # Every answer is one entry, no refusal is any, and no nonce was used up by one.
    entries = log_entries(world)
    ids = {answer.document["request_id"] for _, answer in crowd.answered}
    assert len(ids) == len(crowd.answered)
    assert sorted(entry.id for entry in entries) == sorted(ids)
    assert {entry.code for entry in entries} == {None}
    assert {entry.agency for entry in entries} == {AGENCY, FLOOD}
    for draft, answer in crowd.answered[::16]:
        verify_signed(world, draft, answer)
