# SPDX-License-Identifier: Apache-2.0
"""The SQL kit's driver for PostgreSQL, on asyncpg; `gateway.sdk.kits.sql` has the rules."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import ceil
from typing import Any, Final

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from gateway.errors import (
    AdapterContractBroken,
    AdapterRefused,
    AdapterTimeout,
    AdapterUnavailable,
)
from gateway.sdk.adapter import Deadline

_CLOSE_TIMEOUT_S: Final = 2.0

_AWAY: Final = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InsufficientResourcesError,  # class 53: also memory, disk, connections
    asyncpg.TransactionRollbackError,  # class 40: a replica that has to go on, a deadlock
    asyncpg.LockNotAvailableError,
)
_REFUSED: Final = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InsufficientPrivilegeError,
)


class PostgresDriver:
    """A pool of sessions.

    Args:
        dsn: `postgresql://…`, as asyncpg reads it.
        connections: sessions at most.
        connect_timeout_s: seconds for one connection attempt.
    """

    def __init__(self, dsn: str, *, connections: int, connect_timeout_s: float) -> None:
        self._dsn: Final = dsn
        self._connections: Final = connections
        self._connect_timeout_s: Final = connect_timeout_s
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None

    async def open(self) -> None:
        """Make the pool; connects to nothing."""
        self._pool = await asyncpg.create_pool(
            self._dsn,
            min_size=0,
            max_size=self._connections,
            timeout=self._connect_timeout_s,
            server_settings={
                "application_name": "yizheng-gateway",
                "default_transaction_read_only": "on",
            },
        )

    async def aclose(self) -> None:
        """Close all sessions, by force after two seconds; also without `open`."""
        if self._pool is None:
            return
        try:
            async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    async def fetch(
        self, statement: str, parameters: tuple[object, ...], deadline: Deadline
    ) -> list[Mapping[str, Any]]:
        """Run one SELECT and return all its rows."""
        assert self._pool is not None, "open() comes first"
        with _department_errors():
            remaining_s = deadline.remaining_s
            async with (
                asyncio.timeout(remaining_s),
                self._pool.acquire(timeout=remaining_s) as connection,  # bounds the release too
            ):
                rows = await _ask(connection, statement, parameters, deadline)
        return [dict(row) for row in rows]


async def _ask(
    connection: "PoolConnectionProxy[asyncpg.Record]",
    statement: str,
    parameters: tuple[object, ...],
    deadline: Deadline,
) -> list[asyncpg.Record]:
    limit_ms = max(1, ceil(deadline.remaining_s * 1000))  # 0 would be: no limit
    try:
        await connection.execute(f"SET statement_timeout = {limit_ms}")
        return await connection.fetch(statement, *parameters)
    except asyncpg.PostgresError:
        raise  # the session is sound, or asyncpg has closed it
    except BaseException as error:
        if isinstance(error, asyncpg.InterfaceError) and connection.is_closed():
            raise AdapterUnavailable("the session was closed") from None
        connection.terminate()  # given up half-way: the pool must not wait for the server
        raise


@contextmanager
def _department_errors() -> Iterator[None]:
    try:
        yield
    except (TimeoutError, asyncpg.QueryCanceledError) as error:
        raise AdapterTimeout(type(error).__name__) from None
    except _AWAY as error:
        raise AdapterUnavailable(type(error).__name__) from None
    except _REFUSED as error:
        raise AdapterRefused(f"SQLSTATE {error.sqlstate}") from None
    except asyncpg.PostgresError as error:
        raise AdapterContractBroken(f"SQLSTATE {error.sqlstate}") from None
    except (asyncpg.InterfaceError, asyncpg.InternalClientError, ValueError) as error:
        raise AdapterContractBroken(type(error).__name__) from None
