# SPDX-License-Identifier: Apache-2.0
"""Ask the fund's core system, JSON over HTTP, with a token that it gives for a while.

::

    POST /oauth/token       {"app_key": "…", "app_secret": "…"}
                            {"access_token": "…", "expires_in": 1800}
    POST /api/v1/accounts   {"zjhm": "…", "cxr": {"dwmc", "czy", "sx", "bjbh", "cxyy", "lsh"}}
                            {"code": "0", "data": [{"grzh": "…", …}]}

A person without an account is an empty `data` with code 0.
"""

from typing import Any, ClassVar, Final

import msgspec

from gateway.sdk import (
    Adapter,
    AdapterContext,
    AdapterUnavailable,
    CertificateType,
    Deadline,
    Found,
    NotFound,
    Query,
    Text,
)
from gateway.sdk.kits.http import HttpSource
from gateway.sdk.kits.http_settings import HttpSettings, http_source
from gateway.sdk.kits.returncodes import failure_of
from gateway_adapter_housing_fund.account import ACCOUNT, choose, parse_record

TOKEN_PATH: Final = "/oauth/token"  # noqa: S105 - a path
ACCOUNTS_PATH: Final = "/api/v1/accounts"
HEALTH_PATH: Final = "/api/v1/health"
_PING_S: Final = 5.0


class Asker(msgspec.Struct, frozen=True):
    """Who asks and why, for the fund's own log."""

    dwmc: str
    czy: str
    sx: str
    bjbh: str
    cxyy: str
    lsh: str


class Question(msgspec.Struct, frozen=True):
    """One call."""

    zjhm: str
    cxr: Asker

    def __repr__(self) -> str:
        return "Question(…)"


class Reply(msgspec.Struct, frozen=True):
    """The answer to a call; `data` is there when `code` is 0."""

    code: str
    data: tuple[dict[str, Any], ...] = ()

    def __repr__(self) -> str:
        return f"Reply({self.code})"


class Health(msgspec.Struct, frozen=True):
    """The answer to a question about nobody."""

    status: str


class HousingFund(Adapter[HttpSettings]):
    """A person's account, from the fund's core system (JSON over HTTP, token)."""

    plugin = "housing_fund"
    api_version = 1
    department = Text("Housing fund centre", "住房公积金管理中心")
    certificates: ClassVar[tuple[CertificateType, ...]] = (ACCOUNT,)
    settings_type: ClassVar[type[msgspec.Struct]] = HttpSettings

    def __init__(self, settings: HttpSettings) -> None:
        super().__init__(settings)
        self._source: HttpSource | None = None

    async def open(self, context: AdapterContext) -> None:
        """Make the session; connects to nothing."""
        self._source = http_source(self.settings, context)
        await self._source.open()

    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        """Ask for one person's accounts."""
        assert self._source is not None, "open() comes first"
        reply = await self._source.call(
            "POST",
            ACCOUNTS_PATH,
            Reply,
            deadline,
            body=_question(query),
            idempotent=True,
            check=_check,
        )
        record = choose(reply.data)
        return NotFound() if record is None else Found(parse_record(record))

    async def ping(self) -> None:
        """Ask the system whether it is up, with our token."""
        assert self._source is not None, "open() comes first"
        health = await self._source.call(
            "POST", HEALTH_PATH, Health, Deadline.after(_PING_S), body={}
        )
        if health.status != "ok":
            raise AdapterUnavailable("it says that it is down")

    async def aclose(self) -> None:
        """Close the session."""
        if self._source is not None:
            await self._source.aclose()


def _question(query: Query) -> Question:
    return Question(
        query.holder.number,
        Asker(
            query.agency, query.operator, query.item, query.case, query.purpose, query.request_id
        ),
    )


def _check(reply: Reply) -> None:
    if reply.code != "0":
        raise failure_of(reply.code)
