# SPDX-License-Identifier: Apache-2.0
"""The sequencer: the one process that writes the log, behind a Unix socket.

Only processes of the same user may speak to it: the socket lies in a folder of mode 0700, has mode
0600, and the peer's user id is asked of the kernel. A peer that does not read its replies is not
read from either.
"""

import asyncio
import os
import secrets
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, cast, final

import structlog

from gateway.audit.claims import Claims
from gateway.audit.frames import (
    Dropped,
    Follow,
    FrameBuffer,
    Hello,
    Notice,
    Survey,
    Surveyed,
    format_frame,
    parse_request,
)
from gateway.audit.group import Groups
from gateway.audit.log import Log
from gateway.audit.pulse import Pulse
from gateway.audit.space import Space
from gateway.audit.spread import Spread
from gateway.audit.store.sqlite import SqliteStore
from gateway.errors import AuditError, SetupError, first_of
from gateway.model.audit_site import AuditSection
from gateway.model.forget import Forget
from gateway.tlog.note import NoteSigner

_BACKLOG_COUNT: Final = 128
_CLOSE_S: Final = 1.0
_SECRET_BYTES: Final = 32
_UCRED: Final = struct.Struct("iII")  # pid, uid, gid; SO_PEERCRED of Linux
_OTHERS: Final = 0o077
_NOTICES: Final = (Follow, Dropped, Survey)
_USUAL: Final = AuditSection()
_log = structlog.get_logger()


async def serve(
    store: SqliteStore,
    signer: NoteSigner,
    *,
    socket_path: Path,
    window_s: int,
    utc_offset_h: float,
    quit_event: asyncio.Event,
    on_ready: Callable[[], None],
    section: AuditSection = _USUAL,
    cache_secret: bytes | None = None,
    on_beat: Callable[[], None] = lambda: None,
    on_measured: Callable[[Space], None] = lambda _space: None,
) -> None:
    """Own the log until `quit_event`; then answer what waits, and close the store.

    Args:
        store: open, and opened for the signer's key.
        signer: the log's key; its name is the origin.
        socket_path: made here, in a folder that only the owner may enter.
        window_s: seconds after `created` at which a signature is too old; the workers' own value.
        utc_offset_h: hours east of UTC of the site's days.
        on_ready: called once, when the log is open and the socket listens.
        section: when to tell of, and to refuse for, want of room.
        cache_secret: 32 bytes that the workers have, too; without, they get new ones.
        on_beat: called each second from then on, by the loop that writes.
        on_measured: told the room on the log's disk, each second.

    Raises:
        SetupError: the socket cannot be made, or the log contradicts itself.
    """
    spread = Spread()
    groups = Groups(
        Log(store, signer), lambda: Claims(window_s=window_s, utc_offset_h=utc_offset_h), spread
    )
    hello = Hello(signer.public.name, cache_secret or secrets.token_bytes(_SECRET_BYTES))
    connections: set[_Connection] = set()
    try:
        # It knows the clock under which the log is read: a step meanwhile is recorded too.
        pulse = Pulse(groups, store.folder, section, on_beat=on_beat, on_measured=on_measured)
        await groups.restore()
        server = await asyncio.get_running_loop().create_unix_server(
            lambda: _Connection(groups, spread, hello, connections), sock=_listen(socket_path)
        )
        on_ready()
        try:
            await _run(groups, pulse, quit_event)
        finally:
            server.close()
            groups.drain()
            await _close(connections)
            _remove(socket_path)
    finally:
        store.close()


async def _run(groups: Groups, pulse: Pulse, quit_event: asyncio.Event) -> None:
    """Serve until `quit_event`; a log that contradicts itself ends it as SetupError."""
    fatal: SetupError | None = None
    try:
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(groups.run_forever()),
                tasks.create_task(groups.recover_forever()),
                tasks.create_task(pulse.run_forever()),
            ]
            await quit_event.wait()
            for task in running:
                task.cancel()
    except* SetupError as failures:
        fatal = first_of(failures)
    if fatal is not None:
        raise fatal


@final
class _Connection(asyncio.Protocol):
    """One worker."""

    def __init__(
        self, groups: Groups, spread: Spread, hello: Hello, connections: "set[_Connection]"
    ) -> None:
        self._groups: Final = groups
        self._spread: Final = spread
        self._hello: Final = hello
        self._connections: Final = connections
        self._frames: Final = FrameBuffer()
        self._transport: asyncio.Transport | None = None
        self.lost: Final = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)  # uvloop's is not a subclass
        if _peer_uid(transport) != os.geteuid():
            _log.error("a process of another user was refused")
            transport.abort()
            return
        self._transport = transport
        self._connections.add(self)
        transport.write(format_frame(0, self._hello))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._transport = None
        self._connections.discard(self)
        self._spread.leave(self)
        self.lost.set()

    def data_received(self, data: bytes) -> None:
        try:
            for request_id, body in self._frames.feed(data):
                request = parse_request(body)
                if isinstance(request, _NOTICES):
                    self._take_notice(request_id, request)
                else:
                    self._groups.submit(self, request_id, request)
        except (AuditError, ValueError):  # msgspec's are ValueErrors
            _log.error("a worker sent a frame that cannot be read")
            self.abort()

    def _take_notice(self, request_id: int, notice: Notice) -> None:
        match notice:
            case Follow():
                self._spread.follow(self)
            case Dropped(state):
                self._spread.take(self, request_id, state)
            case Survey():
                self._survey(request_id)

    def _survey(self, request_id: int) -> None:
        self._spread.start(
            Forget(), lambda states: self.send(format_frame(request_id, Surveyed(states)))
        )

    def pause_writing(self) -> None:
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        if self._transport is not None:
            self._transport.resume_reading()

    def send(self, frames: bytes) -> None:
        """Send whole frames; nothing once the peer is gone."""
        if self._transport is not None:
            self._transport.write(frames)

    def close(self) -> None:
        """Close after what is written has been sent."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()


async def _close(connections: set[_Connection]) -> None:
    """Let the last replies go out, for `_CLOSE_S` at most."""
    closing = tuple(connections)
    for connection in closing:
        connection.close()
    with suppress(TimeoutError):
        async with asyncio.timeout(_CLOSE_S):
            for connection in closing:
                await connection.lost.wait()
    for connection in closing:
        connection.abort()


def _listen(path: Path) -> socket.socket:
    """A listening socket that only this user can reach. The log's lock says that we are the one."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.parent.stat().st_mode & _OTHERS:
            raise PermissionError(0, "its folder is open to others")
        _remove(path)
        before = os.umask(0o177)
        try:
            listener.bind(str(path))
        finally:
            os.umask(before)
        listener.listen(_BACKLOG_COUNT)
        listener.settimeout(0)  # asyncio waits for it
    except OSError as error:
        listener.close()
        raise SetupError(
            f"cannot listen: {error.strerror or error}",
            where=str(path),
            remedy="use a short path, in a folder of mode 0700 of the gateway's own user.",
        ) from None
    return listener


def _remove(path: Path) -> None:
    if path.is_socket():
        path.unlink()


def _peer_uid(transport: asyncio.Transport) -> int:
    sock = transport.get_extra_info("socket")
    credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    uid: int = _UCRED.unpack(credentials)[1]
    return uid
