# SPDX-License-Identifier: Apache-2.0
"""Raw HTTP/1.1 for F-10: fills templates, converses, and frames what comes back."""

import socket
from typing import Final
from urllib.parse import urlsplit

import msgspec

from fixtures.world import World
from tests.integration.wire import Answer, Draft, lookup_body, sign

LIMIT_S: Final = 5.0


class Sender:
    """Fills templates and speaks them over connections of their own."""

    def __init__(self, world: World, address: tuple[str, int] | None = None) -> None:
        parts = urlsplit(world.url)
        self.world = world
        self.address = address or (parts.hostname or "", parts.port or 80)
        number = world.citizen_with_account().id_number
        # No cache answers this, so that the department can be asked what came through.
        self._body = msgspec.json.encode(lookup_body(world, number, max_age_s=0))

    def fill(self, template: str) -> bytes:
        draft = self.draft()
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
                    if received.startswith(b"HTTP/") and len(heads_of(received)) > answers:
                        return bytes(received), False
            except ConnectionResetError:
                pass
            except TimeoutError:
                return bytes(received), False
        return bytes(received), True

    def draft(self) -> Draft:
        """A signed request that is in order."""
        return sign(self.world, self._body)

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


def heads_of(received: bytes | bytearray) -> list[bytes]:
    """The head of each answer, framed by Content-Length, which all of ours have."""
    heads, rest = [], bytes(received)
    while rest.startswith(b"HTTP/1.1 "):
        head, end, rest = rest.partition(b"\r\n\r\n")
        if not end:
            break
        heads.append(head)
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        rest = rest[0 if status_of(head) == 100 else int(length) :]
    assert not rest or rest.startswith(b"HTTP/1.1 "), rest[:80]
    return heads


def status_of(head: bytes) -> int:
    return int(head.split(b" ", 2)[1])


def parse_answer(received: bytes | bytearray) -> Answer:
    """The one answer in these bytes."""
    (head,) = heads_of(received)
    pairs = (line.split(": ", 1) for line in head.decode("latin-1").split("\r\n")[1:])
    fields = {name.lower(): value for name, value in pairs}
    return Answer(status_of(head), fields, bytes(received[len(head) + 4 :]), bytes(received))
