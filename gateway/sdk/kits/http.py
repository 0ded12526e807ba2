# SPDX-License-Identifier: Apache-2.0
"""A department that answers over HTTP; JSON by `call`, any other body by `exchange`.

Rules:

1. One pool of connections a department (`http_pool`): no cookies, no proxy from the environment, no
   redirects.
2. The deadline bounds everything from the pool to the last byte, with every attempt and wait inside
   it. A connection attempt and a silence between two bytes have their own shorter bounds, so that a
   host that is off, or that hangs, is noticed early enough to ask once more.
3. An answer has at most `max_answer_bytes` and decodes strictly into the type that is asked for.
4. A call that its caller calls idempotent is tried again, once, when the department was away or
   silent and did not say for how long; each retry is taken from the budget (`RetryBudget`), waits a
   moment first, and needs time that is left. Nothing else is ever sent twice, but for rule 5.
5. A call that was refused for an old token had no effect: it is sent once more with a new one. That
   is taken from the budget too, which may owe it, since all calls that are out are refused at once.
6. Foreign failures are mapped here and in the connection below, and nowhere else:

   ========================================  =======================
   refused, reset, cut short, 429, 5xx       `AdapterUnavailable`
   no connection or no answer in time, 504   `AdapterTimeout`
   401                                       `SignInExpired`, an `AdapterRefused`
   403                                       `AdapterRefused`
   any other status, not JSON, too large     `AdapterContractBroken`
   ========================================  =======================

7. No error holds a body, a header or a URL, and none is chained.
"""

import ssl
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Final, Literal, TypeVar
from urllib.parse import SplitResult, urlsplit

import msgspec
import stamina

from gateway.errors import (
    AdapterContractBroken,
    AdapterRefused,
    AdapterTimeout,
    AdapterUnavailable,
    DepartmentError,
    SetupError,
)
from gateway.model.discreet import Discreet
from gateway.sdk.adapter import Deadline
from gateway.sdk.budget import RetryBudget
from gateway.sdk.kits.envelope import Envelope
from gateway.sdk.kits.http_connection import OK, Said
from gateway.sdk.kits.http_message import format_request, quote_target
from gateway.sdk.kits.http_pool import Pool
from gateway.sdk.kits.sessions import SignIn, SignInExpired
from gateway.sdk.kits.signin import Call
from gateway.sdk.kits.tls import client_tls

T = TypeVar("T")

_TOO_MANY: Final = 429
#: What a proxy says of a department that does not answer it (RFC 9110 §15.6.5).
_TOO_LATE: Final = 504
#: "The server is aware that it has erred or is incapable" (RFC 9110 §15.6): its system is down,
#: whichever of the class it says, and no adapter can do anything about it.
_AWAY: Final = range(500, 600)
#: Longest `Retry-After` that is believed.
_MAX_RETRY_AFTER_S: Final = 3600
#: Seconds before the second attempt: the first number, and as much again by chance.
_RETRY_WAIT_S: Final = 0.05
_JSON: Final = "application/json"
_PORTS: Final = {"http": 80, "https": 443}


class HttpSource:
    """A department's HTTP service.

    Args:
        url: base, `http(s)://host[:port][/path]`; paths of calls are appended.
        connections: sockets at most; further calls wait within their deadline.
        connect_timeout_s: seconds for one connection attempt.
        read_timeout_s: seconds of silence between two bytes; None is the deadline.
        max_answer_bytes: of a decoded body.
        sign_in: says who calls; None where calls bring their own headers, or none.
        envelope: seals bodies and opens answers; None where they travel as they are.
        retries: the department's budget, `AdapterContext.retries`; without one nothing is retried.
        tls: for `https`, see `gateway.sdk.kits.tls`; None is the system's certificates.

    Raises:
        SetupError: a URL of another form.
    """

    def __init__(
        self,
        url: str,
        *,
        connections: int = 64,
        connect_timeout_s: float = 2.0,
        read_timeout_s: float | None = None,
        max_answer_bytes: int = 1 << 20,
        sign_in: SignIn | None = None,
        envelope: Envelope | None = None,
        retries: RetryBudget | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        parts = _base_url(url)
        self._path: Final = parts.path.rstrip("/")
        self._host: Final = _host_field(parts)
        self._parts: Final = parts
        self._connections: Final = connections
        self._connect_timeout_s: Final = connect_timeout_s
        self._read_timeout_s: Final = read_timeout_s
        self._max_answer_bytes: Final = max_answer_bytes
        self._sign_in: Final = sign_in
        self._envelope: Final = envelope
        self._retries: Final = retries
        self._tls: Final = tls
        self._pool: Pool | None = None

    async def open(self) -> None:
        """Make the pool; connects to nothing."""
        parts = self._parts
        is_secret = parts.scheme == "https"
        self._pool = Pool(
            _host(parts),
            parts.port or _PORTS[parts.scheme],
            tls=(self._tls or client_tls()) if is_secret else None,
            limit=self._connections,
            connect_timeout_s=self._connect_timeout_s,
            read_timeout_s=self._read_timeout_s,
            max_body_bytes=self._max_answer_bytes,
        )

    async def aclose(self) -> None:
        """Close all connections; also without `open`."""
        if self._pool is not None:
            await self._pool.aclose()

    async def call(
        self,
        method: Literal["GET", "POST"],
        path: str,
        answer: type[T],
        deadline: Deadline,
        *,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        idempotent: bool = False,
        check: Callable[[T], None] | None = None,
        signed: bool = True,
    ) -> T:
        """Call the service and decode its JSON answer.

        Args:
            method: `GET` is for questions about nobody, since personal data stays out of URLs.
            path: appended to the base; begins with `/`, and may have a query.
            answer: type of the answer, decoded by msgspec.
            deadline: for everything.
            body: sent as JSON unless it is None.
            headers: more headers of this call.
            idempotent: asking twice does no harm, so a failure may be tried again.
            check: raises the `DepartmentError` that an answer's own code means.
            signed: False for the call by which a token is fetched; it is not sealed either.

        Raises:
            DepartmentError: by the table above, or by `check`.
        """

        def decode(_status: int, content: bytes) -> T:
            try:
                decoded = msgspec.json.decode(content, type=answer)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                raise AdapterContractBroken(
                    "the answer is not the JSON that was expected"
                ) from None
            if check is not None:
                check(decoded)
            return decoded

        sent = {"Accept": _JSON} | dict(headers or {})
        content = None
        if body is not None:
            content = msgspec.json.encode(body)
            sent["Content-Type"] = _JSON
        return await self.exchange(
            method, path, decode, deadline,
            body=content, headers=sent, idempotent=idempotent, signed=signed,
        )  # fmt: skip

    async def exchange(
        self,
        method: Literal["GET", "POST"],
        path: str,
        decode: Callable[[int, bytes], T],
        deadline: Deadline,
        *,
        body: bytes | None,
        headers: Mapping[str, str],
        idempotent: bool = False,
        statuses: Collection[int] = (),
        signed: bool = True,
    ) -> T:
        """Call the service, and decode its answer by a function of the caller's.

        Args:
            decode: from status and body; raises `DepartmentError`, and is inside the retries.
            body: as it is sent.
            headers: of this call; those of the sign-in are added.
            statuses: further statuses, besides 2xx, whose body is decoded.
            method: as in `call`; `path`, `deadline`, `idempotent` and `signed` likewise.

        Raises:
            DepartmentError: by the table above, or by `decode`.
        """
        target = quote_target(self._path + path)
        route, _, query = target.partition("?")
        sign_in = self._sign_in if signed else None
        envelope = self._envelope if signed else None
        call = Call(method, route, query)
        outgoing = _Outgoing(call, target, body, headers, statuses, sign_in, envelope)
        if self._retries is None:
            return await self._attempt(outgoing, decode, deadline)
        self._retries.note_call()
        try:
            return await self._attempt(outgoing, decode, deadline)
        except (AdapterUnavailable, AdapterTimeout) as failure:
            if not idempotent or failure.retry_after_s is not None:
                raise
            return await _once_more(
                lambda: self._attempt(outgoing, decode, deadline), failure, self._retries, deadline
            )

    async def _attempt(
        self, outgoing: "_Outgoing", decode: Callable[[int, bytes], T], deadline: Deadline
    ) -> T:
        """Ask, and once more where a new token may help."""
        began_s = time.monotonic()
        try:
            said = await self._send(outgoing, deadline)
            return decode(said.status, said.content)
        except SignInExpired:
            if outgoing.sign_in is None or not outgoing.sign_in.renew(began_s):
                raise
            if self._retries is not None and not self._retries.take(may_owe=True):
                raise
        said = await self._send(outgoing, deadline)
        return decode(said.status, said.content)

    async def _send(self, outgoing: "_Outgoing", deadline: Deadline) -> Said:
        assert self._pool is not None, "open() comes first"
        call, headers, body, sealed = outgoing.call, outgoing.headers, outgoing.body, None
        if outgoing.envelope is not None and body is not None:
            sealed = outgoing.envelope.seal(body)
            headers, body = {**headers, **sealed.headers}, sealed.body
        if outgoing.sign_in is not None:
            headers = {**headers, **await outgoing.sign_in.headers(call, deadline)}
        request = format_request(call.method, self._host, outgoing.target, headers, body)
        said = await self._pool.ask(request, outgoing.statuses, deadline)
        if said.status not in outgoing.statuses:
            _check_status(said)
        if sealed is not None:
            said = msgspec.structs.replace(said, content=sealed.open(said.content))
        return said


class _Outgoing(Discreet, msgspec.Struct, frozen=True):
    """One call, as often as it is sent."""

    call: Call
    target: str
    body: bytes | None
    headers: Mapping[str, str]
    statuses: Collection[int]
    sign_in: SignIn | None
    envelope: Envelope | None


async def _once_more(
    attempt: Callable[[], Awaitable[T]],
    failure: DepartmentError,
    retries: RetryBudget,
    deadline: Deadline,
) -> T:
    """Try a failed call again, where time and budget allow; stamina waits, and counts it."""
    asked = False

    def allowed(error: Exception) -> bool:
        nonlocal asked
        if asked or error is not failure:
            return False
        asked = True
        return deadline.remaining_s > 2 * _RETRY_WAIT_S and retries.take()

    first = True
    async for trial in stamina.retry_context(
        on=allowed, attempts=2, timeout=None, wait_initial=_RETRY_WAIT_S, wait_jitter=_RETRY_WAIT_S
    ):
        with trial:
            if first:
                first = False
                raise failure
            return await attempt()
    raise AssertionError  # stamina returns by a return or a raise of ours


def _base_url(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        if (
            parts.scheme in _PORTS
            and parts.port != 0
            and parts.hostname
            and not set(url) & set("@?#")
        ):
            _host_field(parts)
            return parts
    except ValueError:  # a host's name that cannot be one is of this kind, too
        pass
    raise SetupError(
        "the URL is not usable", remedy="write `http(s)://host[:port][/path]` and no more."
    )


def _host(parts: SplitResult) -> str:
    """Name or address, as resolvers and X.509 certificates have it."""
    return (parts.hostname or "").encode("idna").decode()


def _host_field(parts: SplitResult) -> str:
    """The `Host` of RFC 9110 §7.2: without the port that the scheme means anyway."""
    host = _host(parts)
    host = f"[{host}]" if ":" in host else host
    return host if parts.port in (None, _PORTS[parts.scheme]) else f"{host}:{parts.port}"


def _check_status(said: Said) -> None:
    status = said.status
    if status in OK:
        return
    cause = f"HTTP {status}"
    if status == 401:  # noqa: PLR2004 - RFC 9110 §15.5.2
        raise SignInExpired(cause)
    if status == 403:  # noqa: PLR2004 - RFC 9110 §15.5.4
        raise AdapterRefused(cause)
    if status == _TOO_LATE:
        raise AdapterTimeout(cause)
    if status == _TOO_MANY or status in _AWAY:
        raise AdapterUnavailable(cause, retry_after_s=_retry_after_s(said.retry_after))
    raise AdapterContractBroken(cause)


def _retry_after_s(value: bytes) -> int | None:
    """Seconds of RFC 9110 §10.2.3; its date form is not believed, since clocks differ."""
    if value.isdigit():
        return min(int(value[:9]), _MAX_RETRY_AFTER_S)
    return None
