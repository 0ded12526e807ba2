# SPDX-License-Identifier: Apache-2.0
"""The port that all workers share, and each worker's place at it (SO_REUSEPORT)."""

import socket
from typing import Final

from gateway.errors import SetupError


def bind(host: str, port: int, *, is_shared: bool = True) -> socket.socket:
    """Take a port that several processes may listen on (SO_REUSEPORT).

    Raises:
        SetupError: the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, is_shared)
    try:
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        raise SetupError(
            f"cannot listen on {host}:{port}: {error.strerror}",
            where="gateway.toml: $.http",
            remedy="choose another port, or stop what uses it.",
        ) from None
    return sock


def refuse_taken(host: str, port: int) -> None:
    """Refuse a port that somebody listens on already.

    Sharing a port is for the workers of one gateway. Two gateways of one user could share it as
    well, and each agency would then speak to now one log, now the other.

    Raises:
        SetupError: the port is taken.
    """
    if port:
        bind(host, port, is_shared=False).close()


class Listener:
    """One worker's place at the port, kept by the supervisor.

    The socket outlives the worker: connections that wait in its queue are the next worker's, and
    none is reset in between.
    """

    def __init__(self, host: str, port: int) -> None:
        self._address: Final = (host, port)
        self._sock: socket.socket | None = None

    def open(self) -> socket.socket:
        """The socket, bound."""
        if self._sock is None:
            self._sock = bind(*self._address)
        return self._sock

    def close(self) -> None:
        """Leave the port to the others."""
        if self._sock is not None:
            self._sock.close()
            self._sock = None
