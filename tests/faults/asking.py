# SPDX-License-Identifier: Apache-2.0
"""Callers of a gateway who ask as fast as they are answered, and a journal of what they received.

Raw HTTP/1.1, so that the callers cost less than the gateway. Of the answers, each stands in the
journal with the digest of its very bytes; of one in `SAMPLE`, the signature is verified afterwards.
"""

import asyncio
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, suppress
from typing import Any
from urllib.parse import urlsplit

import msgspec

from fixtures.world import KEYIDS, World
from gateway.audit.store.reader import LogReader
from gateway.audit.verify import verify_log
from gateway.config import load_site
from gateway.crypto.digest import sha256
from gateway.crypto.keys import load_signer
from gateway.keyring import log_verifier
from gateway.model.entry import Entry
from gateway.model.record import parse_record
from tests.integration.wire import Answer, Draft, lookup_body, sign, verify_signed

SAMPLE = 16
#: A caller waits a little after a refusal, as it is told to.
PAUSE_S = 0.01
#: What may be said while the log is away; anything else that is about the log is a fault.
EXPECTED = {"AUDIT_UNAVAILABLE", "OVERLOADED", "connection lost"}
#: What a machine that others use makes a department or the door say; no matter of the log's.
OF_OTHERS = {"PROVIDER_TIMEOUT", "PROVIDER_UNAVAILABLE", "GATEWAY_BUSY"}
_LIMIT_S = 60.0
_RECEIPT = re.compile(rb"index=(\d+)")
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: (\d+)")
_REQUEST_ID = re.compile(rb'"request_id":"([^"]+)"')
_CODE = re.compile(rb'"code":"(\w+)"')


class Answered(msgspec.Struct, frozen=True):
    """One answer with somebody's data."""

    request_id: str
    index: int
    body_digest: str
    sent_at_s: float
    seconds: float


class Refusal(msgspec.Struct, frozen=True):
    """One refusal, or a connection that ended."""

    code: str
    sent_at_s: float
    seconds: float
    head: bytes


class Asking:
    """What so many callers asked and heard.

    Args:
        clock: UNIX seconds as callers believe them to be.
        changes: of each request, as for `World.request`.
    """

    def __init__(
        self, world: World, *, clock: Callable[[], float] = time.time, **changes: Any
    ) -> None:
        self.answers: list[Answered] = []
        self.refusals: list[Refusal] = []
        self._world = world
        self._clock = clock
        self._signer = load_signer(world.agency_key().read_bytes(), KEYIDS["ecdsa-p256-sha256"])
        self._bodies = [
            msgspec.json.encode(lookup_body(world, citizen.id_number, **changes))
            for citizen in world.citizens
            if citizen.housing_fund is not None
        ]
        self._samples: list[tuple[Draft, Answer]] = []
        self._heard = asyncio.Event()
        self._stopped = False

    @property
    def codes(self) -> Counter[str]:
        """Refusals by code."""
        return Counter(refusal.code for refusal in self.refusals)

    @property
    def codes_of_the_log(self) -> set[str]:
        """What was refused for its sake."""
        return self.codes.keys() - OF_OTHERS

    @asynccontextmanager
    async def by(self, callers: int) -> AsyncIterator[None]:
        """So many callers, for as long as this lasts."""
        self._stopped = False
        async with asyncio.TaskGroup() as tasks:
            for number in range(callers):
                tasks.create_task(self._ask_on(number))
            try:
                yield
            finally:
                self._stopped = True

    async def until(self, holds: Callable[[], bool], limit_s: float = _LIMIT_S) -> float:
        """Seconds until it holds; looked at whenever a caller has heard something."""
        began_s = time.monotonic()
        async with asyncio.timeout(limit_s):
            while not holds():
                self._heard.clear()
                await self._heard.wait()
        return time.monotonic() - began_s

    async def ask_once(self, number: int = 0) -> Answered | Refusal:
        """One question over a connection of its own."""
        reader, writer = await self._connect()
        try:
            return await self._ask(reader, writer, number)
        finally:
            writer.close()

    def check(self) -> int:
        """Every answer stands in the log, once, as it was received; returns the log's size."""
        with closing(LogReader.open(self._world.site / "var/audit")) as reader:
            report = verify_log(reader, log_verifier(load_site(self._world.site)))
            records = [parse_record(line) for _, line in reader.entries()]
        for answered in self.answers:
            entry = records[answered.index]
            assert isinstance(entry, Entry)
            assert entry.id == answered.request_id
            assert entry.response.digest == answered.body_digest
        ids = [record.id for record in records]
        assert len(ids) == len(set(ids)) == report.size
        assert len({answered.index for answered in self.answers}) == len(self.answers)
        for draft, answer in self._samples:
            verify_signed(self._world, draft, answer)
        return report.size

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        parts = urlsplit(self._world.url)
        return await asyncio.open_connection(parts.hostname, parts.port)

    async def _ask_on(self, number: int) -> None:
        while not self._stopped:
            try:
                reader, writer = await self._connect()
            except OSError:
                await asyncio.sleep(PAUSE_S)
                continue
            try:
                while not self._stopped:
                    number += 1
                    if isinstance(await self._ask(reader, writer, number), Refusal):
                        await asyncio.sleep(PAUSE_S)
            except (OSError, EOFError):
                self._refused("connection lost", time.monotonic(), b"")
            finally:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()

    async def _ask(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> Answered | Refusal:
        body = self._bodies[number % len(self._bodies)]
        draft = sign(self._world, body, signer=self._signer, created=int(self._clock()))
        sent_at_s = time.monotonic()
        writer.write(draft.encode())
        head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        assert length is not None
        said = await reader.readexactly(int(length[1]))
        if not head.startswith(b"HTTP/1.1 200 "):
            code = _CODE.search(said)
            assert code is not None
            return self._refused(code[1].decode(), sent_at_s, head)
        return self._answered(draft, sent_at_s, head, said)

    def _refused(self, code: str, sent_at_s: float, head: bytes) -> Refusal:
        refusal = Refusal(code, sent_at_s, time.monotonic() - sent_at_s, head)
        self.refusals.append(refusal)
        self._heard.set()
        return refusal

    def _answered(self, draft: Draft, sent_at_s: float, head: bytes, body: bytes) -> Answered:
        receipt, request_id = _RECEIPT.search(head), _REQUEST_ID.search(body)
        assert receipt is not None
        assert request_id is not None
        answered = Answered(
            request_id[1].decode(),
            int(receipt[1]),
            sha256(body).hex(),
            sent_at_s,
            time.monotonic() - sent_at_s,
        )
        if len(self.answers) % SAMPLE == 0:
            lines = (line.split(": ", 1) for line in head.decode("latin-1").split("\r\n")[1:-2])
            fields = {name.lower(): value for name, value in lines}
            self._samples.append((draft, Answer(200, fields, body, head + body)))
        self.answers.append(answered)
        self._heard.set()
        return answered
