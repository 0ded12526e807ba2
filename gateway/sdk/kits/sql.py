# SPDX-License-Identifier: Apache-2.0
"""A department that opens a PostgreSQL database, or a view in one, to the gateway.

Rules:

1. Reading only: every session has `default_transaction_read_only = on`. The login role should be
   able to read just one view as well; this is the second lock, not the first.
2. Values travel as parameters, never inside the statement.
3. The deadline bounds everything here, and the server stops a statement at the same time
   (`statement_timeout`); a connection whose statement was given up is dropped, not waited for.
4. The pool is lazy: a database that is away fails lookups, never `open`, and is found again by the
   next lookup once it is back.
5. Foreign failures are mapped here and nowhere else:

   ====================================================  =======================
   not reachable, shutting down, out of connections      `AdapterUnavailable`
   no connection or no answer in time                    `AdapterTimeout`
   login or permission refused (SQLSTATE 28, 42501)      `AdapterRefused`
   any other SQL error, by SQLSTATE only                 `AdapterContractBroken`
   ====================================================  =======================
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import ceil
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from gateway.errors import (
    AdapterContractBroken,
    AdapterRefused,
    AdapterTimeout,
    AdapterUnavailable,
    SetupError,
)
from gateway.sdk.adapter import Deadline

_CLOSE_TIMEOUT_S: Final = 2.0

_AWAY: Final = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
)
_REFUSED: Final = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InsufficientPrivilegeError,
)


class SqlSource:
    """A PostgreSQL database that is read.

    Args:
        dsn: `postgresql://user:password@host/database`; a secret, in no repr and no error.
        connections: sessions at most; further questions wait within their deadline.
        connect_timeout_s: seconds for one connection attempt.

    Raises:
        SetupError: a DSN of another form.
    """

    def __init__(self, dsn: str, *, connections: int = 8, connect_timeout_s: float = 2.0) -> None:
        if not _is_postgres(dsn):
            raise SetupError(
                "the DSN is not usable", remedy="write `postgresql://user:password@host/database`."
            )
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
        self, statement: str, *parameters: object, deadline: Deadline
    ) -> list[Mapping[str, Any]]:
        """Run one SELECT and return all its rows; limit them in the statement.

        Args:
            statement: with `$1`, `$2` … for the parameters.
            parameters: as asyncpg converts them.
            deadline: for everything.

        Raises:
            DepartmentError: by the table above.
        """
        assert self._pool is not None, "open() comes first"
        with _department_errors():
            remaining_s = deadline.remaining_s
            async with (
                asyncio.timeout(remaining_s),
                self._pool.acquire(timeout=remaining_s) as connection,  # bounds the release too
            ):
                rows = await _ask(connection, statement, parameters, deadline)
        return [dict(row) for row in rows]


def _is_postgres(dsn: str) -> bool:
    try:
        return urlsplit(dsn).scheme in {"postgresql", "postgres"}
    except ValueError:
        return False


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
