# SPDX-License-Identifier: Apache-2.0
"""A department that opens a database, or a view in one, to the gateway: PostgreSQL or SQLite.

Rules:

1. Reading only: every session is read-only by its own settings. The login role (or the file's mode)
   should allow no more than reading one view as well; this is the second lock, not the first.
2. Values travel as parameters, never inside the statement; `$1`, `$2` … for both databases.
3. The deadline bounds everything here, and the database stops a statement at the same time; a
   session whose statement was given up is dropped or stopped, not waited for.
4. Sessions are opened when they are needed: a database that is away fails lookups, never `open`,
   and is found again by the next lookup once it is back.
5. The event loop never waits for a disk: SQLite runs on threads of its own.
6. Foreign failures are mapped by the drivers and nowhere else:

   ====================================================  =======================
   not reachable, shutting down, busy, no such file,
   statement given up for a replica or a lock (40, 53)   `AdapterUnavailable`
   no connection or no answer in time                    `AdapterTimeout`
   login or permission refused (SQLSTATE 28, 42501)      `AdapterRefused`
   any other SQL error, by its code only                 `AdapterContractBroken`
   ====================================================  =======================
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import unquote, urlsplit

from gateway.errors import SetupError
from gateway.sdk.adapter import Deadline


class SqlDriver(Protocol):
    """One kind of database."""

    async def open(self) -> None:
        """Make the pool; connects to nothing."""

    async def aclose(self) -> None:
        """Close all sessions; also without `open`."""

    async def fetch(
        self, statement: str, parameters: tuple[object, ...], deadline: Deadline
    ) -> list[Mapping[str, Any]]:
        """Run one SELECT and return all its rows."""


class SqlSource:
    """A database that is read.

    Args:
        dsn: `postgresql://user:password@host/database` or `sqlite:///folder/file.db`; a secret, in
            no repr and no error.
        connections: sessions at most; further questions wait within their deadline.
        connect_timeout_s: seconds for one connection attempt.

    Raises:
        SetupError: a DSN of another form, or one whose driver is not installed.
    """

    def __init__(self, dsn: str, *, connections: int = 8, connect_timeout_s: float = 2.0) -> None:
        self._driver: Final = _driver(dsn, connections, connect_timeout_s)

    async def open(self) -> None:
        """Make the pool; connects to nothing."""
        await self._driver.open()

    async def aclose(self) -> None:
        """Close all sessions, by force after two seconds; also without `open`."""
        await self._driver.aclose()

    async def fetch(
        self, statement: str, *parameters: object, deadline: Deadline
    ) -> list[Mapping[str, Any]]:
        """Run one SELECT and return all its rows; limit them in the statement.

        Args:
            statement: with `$1`, `$2` … for the parameters.
            parameters: as the driver converts them; text and whole numbers with both.
            deadline: for everything.

        Returns:
            Values by column. PostgreSQL gives `date`, `Decimal` and the like; SQLite has only
            text, whole and floating-point numbers.

        Raises:
            DepartmentError: by the table above.
        """
        return await self._driver.fetch(statement, parameters, deadline)


def _driver(dsn: str, connections: int, connect_timeout_s: float) -> SqlDriver:
    try:
        parts = urlsplit(dsn)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme in {"postgresql", "postgres"}:
        try:
            from gateway.sdk.kits.postgres import PostgresDriver  # noqa: PLC0415 - an extra
        except ImportError:
            raise SetupError(
                "the driver for PostgreSQL is not installed",
                remedy="install `yizheng-gateway[postgres]`.",
            ) from None
        return PostgresDriver(dsn, connections=connections, connect_timeout_s=connect_timeout_s)
    if parts.scheme == "sqlite" and not parts.netloc and parts.path.strip("/"):
        from gateway.sdk.kits.sqlite import SqliteDriver  # noqa: PLC0415 - not everybody's

        return SqliteDriver(Path(unquote(parts.path)), connections=connections)
    raise SetupError(
        "the DSN is not usable",
        remedy="write `postgresql://user:password@host/database` or `sqlite:///folder/file.db`.",
    )
