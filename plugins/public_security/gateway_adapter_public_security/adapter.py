# SPDX-License-Identifier: Apache-2.0
"""Ask the population register, JSON over HTTP, under the national platform's sign-in."""

from typing import Annotated, ClassVar, Final

import msgspec
from msgspec import Meta

from gateway.sdk import (
    Adapter,
    AdapterContext,
    AdapterContractBroken,
    AdapterUnavailable,
    CertificateType,
    Deadline,
    Found,
    NotFound,
    Query,
    Text,
)
from gateway.sdk.kits.http import HttpSource
from gateway.sdk.kits.returncodes import failure_of
from gateway.sdk.kits.sessions import FixedSignIn
from gateway.sdk.kits.signin import NationalSignIn
from gateway_adapter_public_security.household import HOUSEHOLD
from gateway_adapter_public_security.identity import IDENTITY
from gateway_adapter_public_security.protocol import (
    HEALTH_PATH,
    PATHS,
    Condition,
    EndUser,
    Health,
    Params,
    Reply,
    Request,
)
from gateway_adapter_public_security.record import CODES, parse_record

_PING_S: Final = 5.0


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[settings]` of adapters/<name>.toml.

    Attributes:
        url: base of the service, `http(s)://host[:port][/path]`.
        requester: `rid` that the platform assigned to this gateway.
        service: `sid` of the register's service.
        secret: reference to the shared secret, `file:…` or `env:…`.
        connections: sockets at most, for each worker.
    """

    url: str
    requester: Annotated[str, Meta(min_length=1)]
    service: Annotated[str, Meta(min_length=1)]
    secret: str
    connections: Annotated[int, Meta(ge=1, le=1024)] = 64


class PublicSecurity(Adapter[Settings]):
    """A resident's identity, from the population register (JSON over HTTP)."""

    plugin = "public_security"
    api_version = 1
    department = Text("Public security", "公安机关")
    certificates: ClassVar[tuple[CertificateType, ...]] = (IDENTITY, HOUSEHOLD)
    settings_type: ClassVar[type[msgspec.Struct]] = Settings

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._source: HttpSource | None = None

    async def open(self, context: AdapterContext) -> None:
        """Make the session; connects to nothing."""
        settings = self.settings
        dialect = NationalSignIn(
            settings.requester, settings.service, context.secret(settings.secret)
        )
        self._source = HttpSource(
            settings.url,
            connections=settings.connections,
            sign_in=FixedSignIn(dialect),
            retries=context.retries,
        )
        await self._source.open()

    async def lookup(self, query: Query, deadline: Deadline) -> Found | NotFound:
        """Ask for one person."""
        assert self._source is not None, "open() comes first"
        reply = await self._source.call(
            "POST",
            PATHS[query.certificate.name],
            Reply,
            deadline,
            body=_request(query),
            idempotent=True,
            check=_check,
        )
        return _answer(reply, query.certificate)

    async def ping(self) -> None:
        """Ask the service whether it is up."""
        assert self._source is not None, "open() comes first"
        health = await self._source.call("GET", HEALTH_PATH, Health, Deadline.after(_PING_S))
        if health.status != "ok":
            raise AdapterUnavailable("it says that it is down")

    async def aclose(self) -> None:
        """Close the session."""
        if self._source is not None:
            await self._source.aclose()


def _request(query: Query) -> Request:
    return Request(
        end_user=EndUser(
            user_dept=query.agency,
            user_id=query.operator,
            call_reason=query.purpose,
            item_code=query.item,
            case_no=query.case,
            request_id=query.request_id,
        ),
        params=Params(
            Condition(query.holder.number), tuple(CODES[query.certificate.name].values())
        ),
    )


def _check(reply: Reply) -> None:
    if reply.code != "0":
        raise failure_of(reply.code)


def _answer(reply: Reply, certificate: CertificateType) -> Found | NotFound:
    page = reply.data
    if page is None or page.total != len(page.result) or page.total > 1:
        raise AdapterContractBroken("not exactly one record or none")
    return Found(parse_record(page.result[0], certificate)) if page.result else NotFound()
