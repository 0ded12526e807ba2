# SPDX-License-Identifier: Apache-2.0
"""One worker's HTTP server: a shared port, bounded connections, drained at a stop.

A drain fails nobody: what waits in the accept queue is accepted, each connection gets the answer to
its next request with `Connection: close`, those that stay silent are closed after a moment, and
requests in flight get their time.
"""

import asyncio
import contextlib
import resource
import socket
from collections.abc import Callable
from functools import partial
from typing import Final

import msgspec
import structlog

from gateway.errors import SetupError
from gateway.web.connection import Connection
from gateway.web.connections import Connections, Limits
from gateway.web.front import Front
from gateway.web.tls import LiveTLS, TLSPort

_log = structlog.get_logger()
_BACKLOG: Final = 1024
# Descriptors for all but agencies and departments: the sequencer, metrics, logs, the loop.
_RESERVED_DESCRIPTORS: Final = 64
_IDLE_GRACE_S: Final = 1.0


def fit_descriptors(limits: Limits) -> Limits:
    """Raise the process's limit of descriptors as far as needed; else allow fewer connections.

    Raises:
        SetupError: nothing would be left for connections.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    reserved = _RESERVED_DESCRIPTORS + limits.department_connections
    needed = limits.max_connections + reserved
    if soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(hard, needed)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft <= reserved:
        raise SetupError(
            f"the process may open {soft} files only",
            where="RLIMIT_NOFILE",
            remedy=f"allow more than {reserved}, e.g. LimitNOFILE= in the unit.",
        )
    room = min(limits.max_connections, soft - reserved)
    if room < limits.max_connections:
        _log.warning("fewer connections", max_connections=room, descriptors=soft)
    return msgspec.structs.replace(limits, max_connections=room)


async def serve_http(
    front: Front,
    sock: socket.socket,
    *,
    limits: Limits,
    quit_event: asyncio.Event,
    drain_s: float,
    on_ready: Callable[[], None],
    tls: LiveTLS | None = None,
) -> None:
    """Serve until `quit_event`, then drain."""
    connections = Connections(front, fit_descriptors(limits))
    if tls is not None:
        port = TLSPort(connections, sock, tls)
        port.listen(_BACKLOG)
        on_ready()
        await quit_event.wait()
        connections.drain()
        with contextlib.suppress(OSError):
            port.accept(_BACKLOG)
        port.close()
        await _drain(connections, drain_s, cut=port.cut)
        return
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(
        partial(Connection, connections), sock=sock, backlog=_BACKLOG
    )
    on_ready()
    await quit_event.wait()
    connections.drain()
    await _accept_waiting(sock, connections)
    listener.close()
    await _drain(connections, drain_s)


async def _accept_waiting(sock: socket.socket, connections: Connections) -> None:
    """Accept what the kernel has already completed for us."""
    loop = asyncio.get_running_loop()
    sock.settimeout(0)
    for _ in range(_BACKLOG):
        try:
            accepted, _peer = sock.accept()
        except OSError:
            return
        await loop.connect_accepted_socket(partial(Connection, connections), accepted)


async def _drain(
    connections: Connections, drain_s: float, *, cut: Callable[[], None] = lambda: None
) -> None:
    """Let requests end; `cut` ends those who have not even shaken hands after the grace."""
    grace_s = min(_IDLE_GRACE_S, drain_s)
    if not await _drained(connections, grace_s):
        connections.close_idle()
        cut()
        if not await _drained(connections, drain_s - grace_s):
            _log.warning("not drained in time", connections=len(connections.open))
    await connections.front.cancel()
    connections.shutdown()
    _log.info("drained")


async def _drained(connections: Connections, limit_s: float) -> bool:
    try:
        async with asyncio.timeout(limit_s):
            await connections.drained.wait()
    except TimeoutError:
        return False
    return True
