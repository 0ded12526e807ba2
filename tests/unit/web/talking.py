# SPDX-License-Identifier: Apache-2.0
"""A connection between a desk that answers when it is told to and a wire that remembers."""

import asyncio
import math
from typing import Any, cast

from gateway.errors import RequestError
from gateway.web.connection import Connection
from gateway.web.connections import Connections, Limits
from gateway.web.lookups import Send
from gateway.web.request import Request
from gateway.web.respond import Answer

GET = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"
LIMITS = Limits(max_body_bytes=1024)
WHY = b'{"why":1}\r\n'


class Desk:
    """Keeps requests until it is told to answer."""

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self._sends: list[Send] = []
        self.at_once = False

    def answer(self, request: Request, send: Send) -> None:
        self.asked.append(request)
        if self.at_once:
            send(answer_to(request))
        else:
            self._sends.append(send)

    def check(self, request: Request) -> None:
        if request.target == "/nowhere":
            raise RequestError("PATH_UNKNOWN")

    def refuse(self, error: RequestError) -> Answer:
        status = error.refusal.status
        head = f"HTTP/1.1 {status} {error.code}\r\nContent-Length: {len(WHY)}\r\n"
        return Answer(head, WHY, close=True, may_linger=status != 408)

    def reply(self) -> None:
        self._sends.pop(0)(answer_to(self.asked[-1 - len(self._sends)]))


def answer_to(request: Request) -> Answer:
    return Answer(f"HTTP/1.1 200 {request.target}\r\nContent-Length: 0\r\n", b"")


class Wire(asyncio.Transport):
    """A transport that remembers what was written and done."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.done: list[str] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("10.0.0.1", 5) if name == "peername" else default

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.done.append("eof")

    def close(self) -> None:
        self.done.append("close")

    def abort(self) -> None:
        self.done.append("abort")

    def pause_reading(self) -> None:
        self.done.append("pause")

    def resume_reading(self) -> None:
        self.done.append("resume")


class Talk:
    """A connection between a desk and a wire."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.desk, self.wire = Desk(), Wire()
        self.connections = Connections(cast("Any", self.desk), limits)
        self.connection = Connection(self.connections)
        self.connection.connection_made(self.wire)

    def say(self, data: bytes) -> None:
        self.connection.data_received(data)

    def heard(self) -> list[str]:
        """The status lines, without version."""
        lines = self.wire.written.decode().split("\r\n")
        return [line.removeprefix("HTTP/1.1 ") for line in lines if line.startswith("HTTP/1.1")]

    def wait_until(self, due_s: float) -> None:
        assert due_s < math.inf
        self.connection.expire(due_s)
