# SPDX-License-Identifier: Apache-2.0
"""A witness's HTTP server: `POST /add-checkpoint`, `GET /healthz`, and nothing else.

Rules:

1. A body has at most `MAX_BODY_BYTES`; beyond it the answer is 413.
2. A connection has `PATIENCE_S` for each request, from the last answer to the next; so neither a
   silent peer nor a slow one keeps its place. There are `MAX_CONNECTION_COUNT` places.
3. One submission after the other: each ends on the disk before its answer.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Any, Final, final

import structlog
from aiohttp.web import BaseRequest, RequestHandler, Response, Server, StreamResponse

from gateway.errors import AuditError
from gateway.witness.witness import Witness

MAX_BODY_BYTES: Final = 65_536
MAX_CONNECTION_COUNT: Final = 256
PATIENCE_S: Final = 30.0
_DRAIN_S: Final = 1.0
_BACKLOG_COUNT: Final = 128
_log = structlog.get_logger()


async def serve_witness(
    witness: Witness,
    sock: socket.socket,
    *,
    quit_event: asyncio.Event,
    on_ready: Callable[[], None],
) -> None:
    """Serve on a bound socket until `quit_event`."""
    connections = _Connections(witness)
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(connections, sock=sock, backlog=_BACKLOG_COUNT)
    on_ready()
    await quit_event.wait()
    listener.close()
    await connections.shutdown(_DRAIN_S)


@final
class _Connections(Server):
    """All connections."""

    def __init__(self, witness: Witness) -> None:
        super().__init__(self._answer)
        self._witness: Final = witness
        self.open: Final[set[_Connection]] = set()

    def __call__(self) -> RequestHandler:
        return _Connection(self)

    async def _answer(self, request: BaseRequest) -> StreamResponse:
        match request.method, request.raw_path:
            case "GET", "/healthz":
                return Response(text="ok\n")
            case "POST", "/add-checkpoint":
                return await self._add_checkpoint(request)
            case _, "/healthz" | "/add-checkpoint":
                return Response(status=405, text="use GET /healthz and POST /add-checkpoint\n")
            case _:
                return Response(status=404, text="no such resource\n")

    async def _add_checkpoint(self, request: BaseRequest) -> Response:
        body = bytearray()
        async for chunk in request.content.iter_any():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                refused = Response(status=413, text=f"at most {MAX_BODY_BYTES} bytes\n")
                refused.force_close()
                return refused
        try:
            answer = self._witness.add_checkpoint(bytes(body))
        except AuditError as error:
            _log.error("nothing was cosigned", reason=error.detail)
            return Response(status=503, text="the state cannot be stored now\n")
        return Response(
            status=answer.status, body=answer.body, headers={"Content-Type": answer.content_type}
        )


@final
class _Connection(RequestHandler):
    """aiohttp's protocol with a place to lose."""

    __slots__ = ("_connections", "_patience")

    def __init__(self, connections: _Connections) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(
            connections,
            loop=loop,
            access_log=None,  # type: ignore[arg-type] # aiohttp tests it for truth
            keepalive_timeout=PATIENCE_S,
            auto_decompress=False,
            lingering_time=0,
        )
        self._connections: Final = connections
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if len(self._connections.open) >= MAX_CONNECTION_COUNT:
            self.force_close()
            transport.close()
            return
        self._connections.open.add(self)
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._connections.open.discard(self)
        if self._patience is not None:
            self._patience.cancel()
        super().connection_lost(exc)

    async def finish_response(self, *answered: Any) -> tuple[StreamResponse, bool]:
        sent = await super().finish_response(*answered)
        self._wait()
        return sent

    def _wait(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
        self._patience = self._loop.call_later(PATIENCE_S, self._give_up)

    def _give_up(self) -> None:
        if self.transport is not None:
            self.transport.abort()
