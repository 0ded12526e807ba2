# SPDX-License-Identifier: Apache-2.0
"""A real Redis or Valkey server for one test module, which may stop, kill and restart it."""

import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from fixtures.ports import take_port
from gateway.cache.stored import MARK_BYTES

PROGRAM = shutil.which("valkey-server") or shutil.which("redis-server")
needs_store = pytest.mark.skipif(
    PROGRAM is None, reason="needs valkey-server or redis-server (apt install redis-server)"
)


class StoreServer:
    """A server on a port of its own. What it wrote to disk when told to is still there later."""

    def __init__(self, folder: Path, *options: str) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self._options = options
        self.port = take_port()
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"valkey://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        assert PROGRAM is not None
        self._child = subprocess.Popen(
            [PROGRAM, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir",
             str(self.folder), *self._options],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        until_s = time.monotonic() + 60
        while True:
            try:
                self.ask("PING")
            except OSError:
                assert time.monotonic() < until_s
                time.sleep(0.02)
            else:
                return

    def stop(self, number: signal.Signals = signal.SIGKILL) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.send_signal(signal.SIGCONT)
            child.send_signal(number)
            child.wait()

    def pause(self) -> None:
        assert self._child is not None
        self._child.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._child is not None
        self._child.send_signal(signal.SIGCONT)

    def ask(self, *command: bytes | str) -> Any:
        """One command by hand; no client that the gateway uses has a part in it."""
        words = [word.encode() if isinstance(word, str) else word for word in command]
        packed = b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as sock:
            sock.sendall(b"*%d\r\n" % len(words) + packed)
            with sock.makefile("rb") as stream:
                return _reply(stream)

    def answers(self) -> dict[bytes, bytes]:
        """The answers that are kept, by name: marks are shorter, and changes are a stream."""
        kept = self.strings()
        return {name: value for name, value in kept.items() if len(value) > MARK_BYTES}

    def strings(self) -> dict[bytes, bytes]:
        """Everything but the stream, by name."""
        names = [n for n in self.ask("KEYS", "*") if self.ask("TYPE", n) == b"string"]
        return {name: self.ask("GET", name) or b"" for name in names}


def _reply(stream: Any) -> Any:
    line = stream.readline()
    if not line:
        raise ConnectionError
    kind, text = line[:1], line[1:-2]
    match kind:
        case b"+":
            return text
        case b":":
            return int(text)
        case b"$":
            return None if text == b"-1" else stream.read(int(text) + 2)[:-2]
        case b"*":
            return [_reply(stream) for _ in range(int(text))]
        case _:
            raise RuntimeError(line)
