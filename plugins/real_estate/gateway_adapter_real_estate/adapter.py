# SPDX-License-Identifier: Apache-2.0
"""Read the registry's view for exchange, in its own database (PostgreSQL; SQLite where small).

Of several titles the current one that was registered last counts; `title_count` tells that there
are more. Historical titles are no titles: who has sold a home has none.
"""

from collections.abc import Mapping
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
from gateway.sdk.kits.convert import fields_of
from gateway.sdk.kits.sql import SqlSource
from gateway_adapter_real_estate.title import NO_HOME, ORIGINS, TITLE

_VIEW: Final = "bdc_fdcq"
_COLUMNS: Final = ", ".join(o.source for o in ORIGINS.values() if o.source != "xsqs")
_TITLE: Final = (
    f"SELECT {_COLUMNS}, count(*) OVER () AS xsqs FROM {_VIEW} "  # noqa: S608 - constants
    "WHERE qlrzjh = $1 AND qszt = '现势' ORDER BY djsj DESC, bdcqzh DESC LIMIT 1"
)
_NO_HOME: Final = (
    f"SELECT count(*) AS zf FROM {_VIEW} "  # noqa: S608 - constants
    "WHERE qlrzjh = $1 AND qszt = '现势' AND ghyt LIKE '%住宅%'"
)
#: Proves login and permission, and reads about nobody.
_PING: Final = f"SELECT 1 FROM {_VIEW} LIMIT 0"  # noqa: S608 - constants
_PING_S: Final = 5.0


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[settings]` of adapters/<name>.toml.

    Attributes:
        dsn: reference to `postgresql://…` or `sqlite:///…`, `file:…` or `env:…`.
        connections: sessions at most, for each worker.
    """

    dsn: str
    connections: Annotated[int, Meta(ge=1, le=100)] = 8


class RealEstate(Adapter[Settings]):
    """Titles, and whether somebody has no home, from the registry's database (SQL)."""

    plugin = "real_estate"
    api_version = 1
    department = Text("Real estate registry", "不动产登记中心")
    certificates: ClassVar[tuple[CertificateType, ...]] = (TITLE, NO_HOME)
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
        """Read one person's title, or count the homes."""
        assert self._source is not None, "open() comes first"
        number = query.holder.number
        if query.certificate.name == NO_HOME.name:
            [counted] = await self._source.fetch(_NO_HOME, number, deadline=deadline)
            return Found({"id_number": number, "has_no_home": counted["zf"] == 0})
        rows: list[Mapping[str, object]] = await self._source.fetch(
            _TITLE, number, deadline=deadline
        )
        return Found(fields_of(rows[0], TITLE, ORIGINS)) if rows else NotFound()

    async def ping(self) -> None:
        """Ask the view, about nobody."""
        assert self._source is not None, "open() comes first"
        await self._source.fetch(_PING, deadline=Deadline.after(_PING_S))

    async def aclose(self) -> None:
        """Close the pool."""
        if self._source is not None:
            await self._source.aclose()
