# SPDX-License-Identifier: Apache-2.0
"""F-10: whatever two parsers might read differently is refused, and the connection ends there."""

import socket
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import aiohttp
import msgspec
import pytest

from fixtures.world import World
from tests.faults.malformed import FRAMED, Case, refused
from tests.integration.wire import log_entries, lookup_body, sign

CORPUS = tuple(refused())
LIMIT_S = 5.0


class Sender:
    """Fills templates and speaks them over connections of their own."""

    def __init__(self, world: World) -> None:
        parts = urlsplit(world.url)
        self.world = world
        self.address = (parts.hostname or "", parts.port or 80)
        number = world.citizen_with_account().id_number
        self._body = msgspec.json.encode(lookup_body(world, number))

    def fill(self, template: str) -> bytes:
        draft = sign(self.world, self._body)
        signed = {name: value for name, value in draft.fields.items() if name != "Host"}
        parts = {
            "<HOST>": draft.fields["Host"],
            "<SIGNED>": "".join(f"{name}: {value}\r\n" for name, value in signed.items()),
            "<LEN>": str(len(self._body)),
            "<BODY>": self._body.decode(),
            "<CHUNKED>": f"{len(self._body):x}\r\n{self._body.decode()}\r\n0\r\n\r\n",
        }
        for mark, text in parts.items():
            template = template.replace(mark, text)
        return template.encode()

    def converse(self, template: str, *, answers: int, ends: bool = False) -> tuple[bytes, bool]:
        """Everything that comes back, until that many answers or the end; and whether it ended."""
        received = bytearray()
        with socket.create_connection(self.address, LIMIT_S) as sock:
            try:
                sock.sendall(self.fill(template))
                if ends:
                    sock.settimeout(0.1)
                while part := self._receive(sock, ends=ends):
                    received += part
                    if len(_heads(received)) > answers:
                        return bytes(received), False
            except ConnectionResetError:
                pass
            except TimeoutError:
                return bytes(received), False
        return bytes(received), True

    @staticmethod
    def _receive(sock: socket.socket, *, ends: bool) -> bytes:
        try:
            return sock.recv(65536)
        except TimeoutError:
            if not ends:
                raise
            sock.settimeout(LIMIT_S)  # it waits for more, of which there is none
            sock.shutdown(socket.SHUT_WR)
            return sock.recv(65536)


def _heads(received: bytes | bytearray) -> list[bytes]:
    """The head of each answer, framed by Content-Length, which all of ours have."""
    heads, rest = [], bytes(received)
    while rest.startswith(b"HTTP/1.1 "):
        head, end, rest = rest.partition(b"\r\n\r\n")
        if not end:
            break
        heads.append(head)
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        rest = rest[length:]
    assert not rest or rest.startswith(b"HTTP/1.1 "), rest[:80]
    return heads


def _status(head: bytes) -> int:
    return int(head.split(b" ", 2)[1])


@pytest.fixture(scope="module")
def sender(world: World) -> Sender:
    return Sender(world)


@pytest.fixture(autouse=True)
def nothing_is_recorded(world: World) -> Iterator[None]:
    """Whoever comes past admission leaves an entry, permitted or not."""
    size = len(log_entries(world))
    yield
    assert log_entries(world, size) == []


def test_the_corpus_is_large() -> None:
    assert len({case.raw for case in CORPUS}) == len(CORPUS) >= 200


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: ascii(case.name))
def test_it_is_refused_and_the_connection_ends(sender: Sender, case: Case) -> None:
    received, ended = sender.converse(case.raw, answers=1, ends=case.ends)
    heads = _heads(received)
    assert ended
    assert len(heads) <= 1
    assert heads or case.ends
    for head in heads:
        assert 400 <= _status(head) < 500
        assert b"\r\nConnection: close" in head
        assert b"\r\nContent-Type: application/problem+json" in head


@pytest.mark.parametrize(("name", "raw", "statuses"), FRAMED, ids=[row[0] for row in FRAMED])
def test_it_is_framed_as_everybody_would(
    sender: Sender, name: str, raw: str, statuses: tuple[int, ...]
) -> None:
    received, ended = sender.converse(raw, answers=3)
    assert ended
    assert tuple(map(_status, _heads(received))) == statuses


@pytest.mark.parametrize("name", ["Client-Cert", "Client-Cert-Chain", "X-Forwarded-Client-Cert"])
def test_a_forwarded_certificate_is_named(sender: Sender, name: str) -> None:
    raw = f"GET /healthz HTTP/1.1\r\nHost: <HOST>\r\n{name}: x\r\n\r\n"
    received, _ = sender.converse(raw, answers=1)
    problem = msgspec.json.decode(received.partition(b"\r\n\r\n")[2])
    assert problem["code"] == "HTTP_UNACCEPTABLE"
    assert problem["detail"].startswith(f"{name} is refused")


async def test_a_good_request_is_still_answered(
    world: World, sender: Sender, record_property: Callable[[str, object], None]
) -> None:
    async with aiohttp.ClientSession() as session, session.get(world.url + "/healthz") as answer:
        assert answer.status == 200
    record_property("malformed", len(CORPUS))
