# SPDX-License-Identifier: Apache-2.0
"""One worker's HTTP server: aiohttp's low-level server on a shared port, drained at a stop."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import structlog
from aiohttp import web
from aiohttp.web import BaseRequest, RequestHandler, StreamResponse

from gateway.errors import SetupError
from gateway.web.front import Front

_log = structlog.get_logger()
_BACKLOG = 1024
_KEEPALIVE_S = 75.0


class _Handler(RequestHandler):
    """aiohttp's protocol, with our answer to bytes that are no request.

    aiohttp's own answer logs the offending bytes, which may hold anything.
    """

    __slots__ = ("_front",)

    def __init__(self, server: "_Server", front: Front, **settings: Any) -> None:
        super().__init__(server, **settings)
        self._front = front

    def handle_error(
        self,
        request: BaseRequest,  # noqa: ARG002 - aiohttp's signature
        status: int = 500,  # noqa: ARG002
        exc: BaseException | None = None,  # noqa: ARG002
        message: str | None = None,  # noqa: ARG002
    ) -> StreamResponse:
        return self._front.unreadable()


class _Server(web.Server):
    def __init__(self, front: Front) -> None:
        super().__init__(front)
        self._front = front

    def __call__(self) -> RequestHandler:
        return _Handler(
            self,
            self._front,
            loop=self._loop,
            access_log=None,
            keepalive_timeout=_KEEPALIVE_S,
            auto_decompress=False,
            lingering_time=0,
        )


def bind(host: str, port: int) -> socket.socket:
    """Take a port that several processes may listen on (SO_REUSEPORT).

    Raises:
        SetupError: the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
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


async def serve_http(
    front: Front,
    sock: socket.socket,
    *,
    quit_event: asyncio.Event,
    drain_s: float,
    on_ready: Callable[[], None],
) -> None:
    """Serve until `quit_event`, then stop accepting and let requests in flight finish."""
    server = _Server(front)
    listener = await asyncio.get_running_loop().create_server(server, sock=sock, backlog=_BACKLOG)
    on_ready()
    await quit_event.wait()
    listener.close()
    server.pre_shutdown()
    await server.shutdown(drain_s)
    _log.info("drained")
