# SPDX-License-Identifier: Apache-2.0
"""`[settings]` of an adapter that asks over HTTP, and the source that they make.

For declarative adapters and for classes alike: `HttpSettings` is a settings type of its own, or a
member of one, and `http_source(settings, context)` does the rest.
"""

import ssl
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from gateway.crypto.sm import load_sm2_key_pair, load_sm2_public_key
from gateway.errors import AdapterContractBroken
from gateway.sdk.adapter import AdapterContext, Deadline
from gateway.sdk.kits.convert import member
from gateway.sdk.kits.envelope import Envelope
from gateway.sdk.kits.http import HttpSource
from gateway.sdk.kits.sessions import Credential, FixedSignIn, RenewedSignIn, SignIn
from gateway.sdk.kits.signin import (
    Bearer,
    Dialect,
    IrsSignIn,
    LegacyMd5SignIn,
    MunicipalSignIn,
    NationalSignIn,
    TifSignIn,
)
from gateway.sdk.kits.sm_envelope import SmEnvelope
from gateway.sdk.kits.tls import client_tls

Name = Annotated[str, Meta(min_length=1, max_length=200)]
#: `file:<path>` (relative to the site) or `env:<NAME>`.
Reference = Annotated[str, Meta(pattern="^(file|env):.")]


class _SignIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="dialect"):
    """What all of them have: `dialect` says which it is."""


class National(_SignIn, frozen=True, kw_only=True, tag="national"):
    """`dialect = "national"`: the national exchange platform, or with `prefix` the service one."""

    requester: Name
    service: Name
    secret: Reference
    prefix: Literal["gjgxjhpt", "gjzwfwpt"] = "gjgxjhpt"


class Municipal(_SignIn, frozen=True, kw_only=True, tag="municipal"):
    """`dialect = "municipal"`: `gateway_appid`, `gateway_rtime`, `gateway_sig`."""

    app: Name
    secret: Reference


class Irs(_SignIn, frozen=True, kw_only=True, tag="irs"):
    """`dialect = "irs"`: `X-BG-HMAC-*`."""

    access_key: Name
    secret: Reference


class Tif(_SignIn, frozen=True, kw_only=True, tag="tif"):
    """`dialect = "tif"`: `x-tif-*`."""

    app: Name
    secret: Reference


class LegacyMd5(_SignIn, frozen=True, kw_only=True, tag="legacy_md5"):
    """`dialect = "legacy_md5"`: only with `insecure = true`."""

    app: Name
    secret: Reference
    insecure: bool = False


class BearerToken(_SignIn, frozen=True, kw_only=True, tag="bearer"):
    """`dialect = "bearer"`: a token that does not end."""

    secret: Reference


class TokenLogin(_SignIn, frozen=True, kw_only=True, tag="token"):
    """`dialect = "token"`: a bearer token that the department gives for a while.

    Attributes:
        path: where it is asked for, by POST with JSON.
        app: who asks; sent as `app_member`.
        secret: shared with the department; sent as `secret_member`.
        token: path of the token in the answer.
        life: path of its seconds; an answer without it is good for `life_s`.
    """

    path: Annotated[str, Meta(pattern="^/[^?#]*$")]
    app: Name
    secret: Reference
    app_member: Name = "app_key"
    secret_member: Name = "app_secret"  # noqa: S105 - the name of a member
    token: Name = "access_token"  # noqa: S105 - likewise
    life: Name = "expires_in"
    life_s: Annotated[int, Meta(ge=1)] = 300


class SmSealed(_SignIn, frozen=True, kw_only=True, tag="sm_envelope"):
    """`dialect = "sm_envelope"`: bodies sealed and signed, see `gateway.sdk.kits.sm_envelope`.

    Attributes:
        secret: our SM2 private key, PEM.
        department_key: the department's SM2 public key, PEM.
    """

    app: Name
    secret: Reference
    department_key: Reference


SignInSettings = National | Municipal | Irs | Tif | LegacyMd5 | BearerToken | TokenLogin | SmSealed


class Tls(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[settings.tls]`: references to PEM text; without `chain` and `key` we show nothing.

    Attributes:
        authorities: whom we believe; without it, whom the system believes.
        chain: our X.509 certificate with those above it.
        key: our private key.
    """

    authorities: Reference | None = None
    chain: Reference | None = None
    key: Reference | None = None


class HttpSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How to reach a department over HTTP.

    Attributes:
        url: base of the service, `http(s)://host[:port][/path]`.
        connections: sockets at most, for each worker.
        connect_timeout_s: seconds for one connection attempt.
        read_timeout_s: seconds of silence between two bytes; without it, the request's deadline.
        sign_in: says who calls.
        tls: X.509 certificates for `https`.
    """

    url: str
    connections: Annotated[int, Meta(ge=1, le=1024)] = 64
    connect_timeout_s: Annotated[float, Meta(gt=0, le=60)] = 2.0
    read_timeout_s: Annotated[float, Meta(gt=0, le=60)] | None = None
    sign_in: SignInSettings | None = None
    tls: Tls | None = None


def http_source(settings: HttpSettings, context: AdapterContext) -> HttpSource:
    """The source that these settings describe, not opened.

    Raises:
        SetupError: a URL, a secret or a dialect that cannot be used.
    """
    sign_in: SignIn | None = None
    envelope: Envelope | None = None
    match settings.sign_in:
        case None:
            pass
        case TokenLogin() as login:
            secret = context.secret(login.secret)

            async def fetch(deadline: Deadline) -> Credential:
                return await _log_in(source, login, secret, deadline)

            sign_in = RenewedSignIn(fetch, Bearer)
        case SmSealed() as sealed:
            envelope = SmEnvelope(
                sealed.app,
                load_sm2_key_pair(context.secret(sealed.secret)),
                load_sm2_public_key(context.secret(sealed.department_key)),
            )
        case fixed:
            insecure = isinstance(fixed, LegacyMd5) and fixed.insecure
            sign_in = FixedSignIn(_dialect(fixed, context.secret(fixed.secret)), insecure=insecure)
    source: Final = HttpSource(
        settings.url,
        connections=settings.connections,
        connect_timeout_s=settings.connect_timeout_s,
        read_timeout_s=settings.read_timeout_s,
        sign_in=sign_in,
        envelope=envelope,
        retries=context.retries,
        tls=_tls(settings.tls, context),
    )
    return source


def _dialect(
    settings: National | Municipal | Irs | Tif | LegacyMd5 | BearerToken, secret: str
) -> Dialect:
    match settings:
        case National():
            return NationalSignIn(settings.requester, settings.service, secret, settings.prefix)
        case Municipal():
            return MunicipalSignIn(settings.app, secret)
        case Irs():
            return IrsSignIn(settings.access_key, secret)
        case Tif():
            return TifSignIn(settings.app, secret)
        case LegacyMd5():
            return LegacyMd5SignIn(settings.app, secret)
        case BearerToken():
            return Bearer(secret)


async def _log_in(
    source: HttpSource, login: TokenLogin, secret: str, deadline: Deadline
) -> Credential:
    answer = await source.call(
        "POST",
        login.path,
        dict[str, object],
        deadline,
        body={login.app_member: login.app, login.secret_member: secret},
        signed=False,
    )
    token, life = member(answer, login.token), member(answer, login.life)
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token:
        raise AdapterContractBroken("the answer to the sign-in holds no token")
    if not isinstance(life, int | float) or isinstance(life, bool) or life <= 0:
        life = login.life_s
    return Credential(token, life)


def _tls(settings: Tls | None, context: AdapterContext) -> ssl.SSLContext | None:
    if settings is None:
        return None
    return client_tls(
        **{
            name: context.secret(reference)
            for name, reference in msgspec.structs.asdict(settings).items()
            if reference is not None
        }
    )
