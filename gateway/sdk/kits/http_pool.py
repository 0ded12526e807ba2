# SPDX-License-Identifier: Apache-2.0
"""The connections to one department: so many at most, kept while they are of use.

1. A question takes a connection that is kept, the youngest first, or makes one. At most `limit`
   questions are out; the others wait in the order of their coming.
2. Nothing is sent a second time here. Who finds that a kept connection was closed in the moment in
   which it was taken has failed like any other; `gateway.sdk.kits.http` knows what may be repeated.
3. A connection that nobody used for `KEEP_S` is closed: departments close theirs about then, too.
4. A name that stands for several addresses is reached by the first of them that answers, tried
   `_NEXT_ADDRESS_S` after one another (RFC 8305): one that is dead costs that, not the deadline.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import Collection
from typing import Final, final

from aiohappyeyeballs import start_connection

from gateway.errors import AdapterTimeout, AdapterUnavailable
from gateway.sdk.adapter import Deadline
from gateway.sdk.kits.http_connection import Connection, Said

KEEP_S: Final = 15.0
_NEXT_ADDRESS_S: Final = 0.25
#: Seconds for which the end of all connections is waited for.
_END_S: Final = 1.0


@final
class Pool:
    """Owned by one event loop.

    Args:
        host: name or address.
        tls: None for a connection that anybody can read.
        limit: connections at most.
        connect_timeout_s: seconds from the name to the end of the TLS handshake.
        read_timeout_s: seconds of silence between two bytes; None is the deadline.
        max_body_bytes: of an answer.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        tls: ssl.SSLContext | None,
        limit: int,
        connect_timeout_s: float,
        read_timeout_s: float | None,
        max_body_bytes: int,
    ) -> None:
        self._host: Final = host
        self._port: Final = port
        self._tls: Final = tls
        self._slots: Final = asyncio.Semaphore(limit)
        self._connect_timeout_s: Final = connect_timeout_s
        self._read_timeout_s: Final = read_timeout_s
        self._max_body_bytes: Final = max_body_bytes
        self._all: Final[set[Connection]] = set()
        self._kept: Final[dict[Connection, float]] = {}  # until when, the oldest first
        self._sweep: asyncio.TimerHandle | None = None
        self._is_closed = False
        self._emptied: asyncio.Future[None] | None = None  # who closes waits for it

    async def ask(self, request: bytes, wanted: Collection[int], deadline: Deadline) -> Said:
        """Send a request, and hear its answer; see `Connection.ask`.

        Raises:
            DepartmentError: by the table of `gateway.sdk.kits.http`.
        """
        await self._enter(deadline)
        try:
            connection = self._take() or await self._connect(deadline)
            said = await connection.ask(request, wanted, deadline)
            self._keep(connection)
        finally:
            self._slots.release()
        return said

    async def aclose(self) -> None:
        """Close all connections, those in use as well, and wait until they are."""
        self._is_closed = True
        if self._sweep is not None:
            self._sweep.cancel()
        self._kept.clear()
        for connection in tuple(self._all):
            connection.abort()
        if self._all:
            self._emptied = self._emptied or asyncio.get_running_loop().create_future()
            # Not `asyncio.timeout`: before Python 3.11.4 it ends in no `TimeoutError` where the
            # task was cancelled before, as who closes may have been.
            await asyncio.wait((self._emptied,), timeout=_END_S)

    async def _enter(self, deadline: Deadline) -> None:
        """Wait for a place among the questions that are out."""
        if deadline.remaining_s <= 0:
            raise AdapterTimeout("the deadline is over")
        if not self._slots.locked():
            await self._slots.acquire()
            return
        try:
            async with asyncio.timeout(deadline.remaining_s):
                await self._slots.acquire()
        except TimeoutError:
            raise AdapterTimeout("no connection came free in time") from None

    def _take(self) -> Connection | None:
        """The connection that was used last; one that was closed meanwhile is not meant."""
        now_s = time.monotonic()
        while self._kept:
            connection, until_s = self._kept.popitem()
            if until_s > now_s and connection.is_usable:
                return connection
            connection.abort()
        return None

    def _keep(self, connection: Connection) -> None:
        if self._is_closed or not connection.is_usable:
            return  # who closes has aborted it
        self._kept[connection] = time.monotonic() + KEEP_S
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(KEEP_S, self._close_old)

    def _close_old(self) -> None:
        """Close what nobody used; as long as something is kept, look again."""
        now_s, self._sweep = time.monotonic(), None
        for connection in [each for each, until_s in self._kept.items() if until_s <= now_s]:
            del self._kept[connection]
            connection.abort()
        if self._kept:
            left_s = next(iter(self._kept.values())) - now_s
            self._sweep = asyncio.get_running_loop().call_later(left_s, self._close_old)

    async def _connect(self, deadline: Deadline) -> Connection:
        """Make a connection.

        Raises:
            AdapterTimeout: none in time.
            AdapterUnavailable: refused, or one of both sides cannot show who it is.
        """
        try:
            async with asyncio.timeout(min(self._connect_timeout_s, deadline.remaining_s)):
                connection = await self._reach()
        except TimeoutError:
            raise AdapterTimeout("no connection in time") from None
        except OSError as error:  # ssl's are, too; its text names the department's host
            raise AdapterUnavailable(f"no connection: {type(error).__name__}") from None
        if self._is_closed or not connection.is_usable:
            connection.abort()
            raise AdapterUnavailable("no connection: it was closed at once")
        self._all.add(connection)
        return connection

    async def _reach(self) -> Connection:
        loop = asyncio.get_running_loop()
        addresses = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        sock: socket.socket | None = await start_connection(
            addresses, happy_eyeballs_delay=_NEXT_ADDRESS_S, interleave=1
        )
        try:
            _, connection = await loop.create_connection(
                self._new,
                sock=sock,
                ssl=self._tls,
                server_hostname=self._host if self._tls is not None else None,
            )
            sock = None
        finally:
            if sock is not None:
                sock.close()
        return connection

    def _new(self) -> Connection:
        return Connection(
            read_timeout_s=self._read_timeout_s,
            max_body_bytes=self._max_body_bytes,
            on_lost=self._forget,
        )

    def _forget(self, connection: Connection) -> None:
        self._all.discard(connection)
        self._kept.pop(connection, None)
        if not self._all and self._emptied is not None and not self._emptied.done():
            self._emptied.set_result(None)
