# SPDX-License-Identifier: Apache-2.0
"""Read the fund centre's view for exchange, in its own PostgreSQL database."""

from typing import Annotated, ClassVar, Final

import msgspec
from msgspec import Meta

from gateway.sdk import (
    Adapter,
    AdapterContext,
    CertificateType,
    Deadline,
    Found,
    NotFound,
    Query,
    Text,
)
from gateway.sdk.kits.sql import SqlSource
from gateway_adapter_housing_fund.account import ACCOUNT, COLUMNS, parse_row

_VIEW: Final = "gjj.grzh"
#: A person may have had several accounts: the open one counts, else the one opened last.
_LOOKUP: Final = (
    f"SELECT {', '.join(COLUMNS.values())} FROM {_VIEW} WHERE zjhm = $1 "  # noqa: S608 - constants
    "ORDER BY xhrq IS NOT NULL, khrq DESC LIMIT 1"
)
#: Proves login and permission, and reads about nobody.
_PING: Final = f"SELECT FROM {_VIEW} LIMIT 0"
_PING_S: Final = 5.0


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[settings]` of adapters/<name>.toml.

    Attributes:
        dsn: reference to `postgresql://user:password@host/database`, `file:…` or `env:…`.
        connections: sessions at most, for each worker.
    """

    dsn: str
    connections: Annotated[int, Meta(ge=1, le=100)] = 8


class HousingFund(Adapter[Settings]):
    """A person's account, from the fund centre's view for exchange (PostgreSQL)."""

    plugin = "housing_fund"
    api_version = 1
    department = Text("Housing fund centre", "住房公积金管理中心")
    certificates: ClassVar[tuple[CertificateType, ...]] = (ACCOUNT,)
    settings_type: ClassVar[type[msgspec.Struct]] = Settings

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._source: SqlSource | None = None

    async def open(self, context: AdapterContext) -> None:
        """Make the pool; connects to nothing."""
        self._source = SqlSource(
            context.secret(self.settings.dsn), connections=self.settings.connections
        )
        await self._source.open()

    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        """Read one person's account."""
        assert self._source is not None, "open() comes first"
        rows = await self._source.fetch(_LOOKUP, query.holder.number, deadline=deadline)
        return Found(parse_row(rows[0])) if rows else NotFound()

    async def ping(self) -> None:
        """Ask the view, about nobody."""
        assert self._source is not None, "open() comes first"
        await self._source.fetch(_PING, deadline=Deadline.after(_PING_S))

    async def aclose(self) -> None:
        """Close the pool."""
        if self._source is not None:
            await self._source.aclose()
