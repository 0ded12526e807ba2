# SPDX-License-Identifier: Apache-2.0
"""One signed request and its signed answer, over a connection that is kept.

1. Every request is signed anew with its own nonce; a retry is a new request.
2. An answer is returned only when the gateway's signature covers it and this very request, and
   names the audit entry that recorded it. Anything else raises TrustError.
3. A refusal raises `Refused` with the gateway's problem document; it may be unsigned when the
   gateway could not know who asked (`Refused.is_signed`).
"""

import secrets
import ssl
import time
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Final, Generic, Self, TypeVar
from urllib.parse import urlsplit

import aiohttp
import msgspec
from yarl import URL

from gateway.crypto.digest import b64url_encode
from gateway.crypto.keys import Signer, Verifier, keyid_of, load_verifier
from gateway.errors import REFUSALS, GatewayError, RequestError, SetupError, TrustError
from gateway.httpsig import (
    RequestSignature,
    SignedRequest,
    content_digest,
    parse_request_signature,
    request_signature_headers,
    verify_response_signature,
)
from gateway.model.lookup import Problem

T = TypeVar("T")

#: A ticket that runs is answered with 202, all else with 200.
_ANSWERED: Final = frozenset({HTTPStatus.OK, HTTPStatus.ACCEPTED})
_NONCE_BYTES: Final = 18
_MAX_ANSWER_BYTES: Final = 4 * 1024 * 1024

_encode = msgspec.json.Encoder().encode
_parse_problem = msgspec.json.Decoder(Problem).decode


class Receipt(msgspec.Struct, frozen=True):
    """Where the access stands in the gateway's audit log."""

    log: str
    index: int


class Signed(msgspec.Struct, Generic[T], frozen=True):
    """An answer that is proved to come from the gateway, and to be one to this very request.

    Attributes:
        receipt: the record of the request in the gateway's log.
        body: the bytes that were signed; keep them with `receipt` as evidence.
    """

    answer: T
    receipt: Receipt
    body: bytes


class Refused(RequestError):
    """The gateway said no.

    Attributes:
        problem: which check failed and how to mend it.
        receipt: the audit entry that recorded the refusal; None where nobody was identified.
        is_signed: the refusal is proved to come from the gateway.
    """

    def __init__(self, problem: Problem, receipt: Receipt | None, *, is_signed: bool) -> None:
        code = problem.code if problem.code in REFUSALS else "INTERNAL"
        super().__init__(code, problem.detail, retry_after_s=problem.retry_after_s)
        self.problem = problem
        self.receipt = receipt
        self.is_signed = is_signed


def make_tls(
    *, ca: Path | None = None, x509: Path | None = None, x509_key: Path | None = None
) -> ssl.SSLContext:
    """What a client trusts and presents in TLS 1.2 or later; names are always compared.

    Args:
        ca: authorities to trust in place of the system's, PEM.
        x509: the client's certificate and its intermediates, PEM.
        x509_key: its private key, PEM, not encrypted.

    Raises:
        SetupError: a file that cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if x509 is not None:
            context.load_cert_chain(x509, x509_key, password="")
    except OSError as error:
        raise SetupError(
            f"cannot be used in TLS: {error.strerror or type(error).__name__}",
            where=" or ".join(str(path) for path in (ca, x509, x509_key) if path is not None),
            remedy="give PEM files; a key belongs to its X.509 certificate and is not encrypted.",
        ) from None
    return context


class SignedConnection:
    """Somebody's connection to one gateway.

    Args:
        url: scheme, host and port of the gateway.
        signer: the private key under its registered `keyid`.
        gateway_key: the gateway's public key in PEM, got by a way that you trust.
        timeout_s: for one whole request.
        tls: of `make_tls`; None trusts the system's authorities and presents no certificate.
        clock: UNIX seconds.
    """

    def __init__(
        self,
        url: str,
        *,
        signer: Signer,
        gateway_key: str,
        timeout_s: float = 15.0,
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.netloc or parts.path not in {"", "/"}:
            raise RequestError("GATEWAY_UNREACHABLE", "the URL must be http(s)://host[:port]")
        default_port = ":443" if parts.scheme == "https" else ":80"
        self._url: Final = f"{parts.scheme}://{parts.netloc}"
        self._authority: Final = parts.netloc.lower().removesuffix(default_port)
        self._signer: Final = signer
        verifier = load_verifier(gateway_key, "ecdsa-p256-sha256")
        self._keys: Final[dict[str, Verifier]] = {keyid_of("gateway", gateway_key): verifier}
        self._timeout: Final = aiohttp.ClientTimeout(total=timeout_s)
        self._tls: Final = tls
        self._clock: Final = clock
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._tls or True),
            timeout=self._timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def get(
        self, target: str, parse: Callable[[bytes], T], *, accept: str = "*/*"
    ) -> Signed[T]:
        """Ask for what is read.

        Raises:
            Refused: the gateway said no.
            TrustError: the answer is not a signed answer to this request.
            GatewayError: GATEWAY_UNREACHABLE.
        """
        return await self._exchange("GET", target, None, parse, accept=accept)

    async def send(
        self, method: str, target: str, request: object, parse: Callable[[bytes], T]
    ) -> Signed[T]:
        """Send what is asked or changed.

        Raises:
            GatewayError: as `get`.
        """
        return await self._exchange(method, target, _encode(request), parse)

    async def _exchange(
        self,
        method: str,
        target: str,
        body: bytes | None,
        parse: Callable[[bytes], T],
        *,
        accept: str = "*/*",
    ) -> Signed[T]:
        headers, signature = self._sign(method, target, body)
        headers["Accept"] = accept
        if self._session is None:
            raise GatewayError("GATEWAY_UNREACHABLE", "the client is not open: use `async with`")
        url = URL(self._url + target, encoded=True)  # as it was signed
        try:
            async with self._session.request(
                method, url, data=body, headers=headers, allow_redirects=False
            ) as response:
                content = await _read_answer(response)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise GatewayError("GATEWAY_UNREACHABLE", type(error).__name__) from None
        return self._accept(response, content, signature, parse)

    def _sign(
        self, method: str, target: str, body: bytes | None
    ) -> tuple[dict[str, str], RequestSignature]:
        headers = {"Host": self._authority}
        if body is not None:
            headers["Content-Type"] = "application/json"
            headers["Content-Digest"] = content_digest(body)
        lines = {name.lower(): (value,) for name, value in headers.items()}
        path, mark, query = target.partition("?")
        request = SignedRequest(
            method=method,
            authority=self._authority,
            path=path,
            query=mark + query or "?",
            lines=lambda name: lines.get(name, ()),
            has_body=body is not None,
        )
        added = request_signature_headers(
            request,
            signer=self._signer,
            created=int(self._clock()),
            nonce=b64url_encode(secrets.token_bytes(_NONCE_BYTES)),
        )
        lines |= {name.lower(): (value,) for name, value in added.items()}
        return headers | added, parse_request_signature(request)

    def _accept(
        self,
        response: aiohttp.ClientResponse,
        body: bytes,
        signature: RequestSignature,
        parse: Callable[[bytes], T],
    ) -> Signed[T]:
        ok = response.status in _ANSWERED
        is_signed = "Signature" in response.headers
        if ok or is_signed:
            verify_response_signature(
                status=response.status,
                lines=lambda name: response.headers.getall(name, ()),
                body=body,
                request=signature,
                find_verifier=self._keys.get,
                require_receipt=ok,
            )
        receipt = _parse_receipt(response.headers.get("Audit-Receipt"))
        try:
            if ok and receipt is not None:
                return Signed(parse(body), receipt, body)
            problem = _parse_problem(body)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise TrustError("RESPONSE_UNTRUSTED", "the body is not of this protocol") from None
        raise Refused(problem, receipt if is_signed else None, is_signed=is_signed)


async def _read_answer(response: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    async for part in response.content.iter_any():
        content += part
        if len(content) > _MAX_ANSWER_BYTES:
            raise TrustError("RESPONSE_UNTRUSTED", "the answer is larger than any of this protocol")
    return bytes(content)


def _parse_receipt(line: str | None) -> Receipt | None:
    """Read `log="<origin>", index=<n>`, as the gateway writes it."""
    if line is None:
        return None
    log, middle, index = line.removeprefix('log="').partition('", index=')
    if not middle or not index.isascii() or not index.isdigit():
        raise TrustError("RESPONSE_UNTRUSTED", "Audit-Receipt cannot be read")
    return Receipt(log, int(index))


def page_query(after: str | None, state: str | None) -> str:
    """The query of a list: from behind an id, in a state; empty for all from the first on."""
    asked = {"after": after, "state": state}
    query = "&".join(f"{name}={value}" for name, value in asked.items() if value)
    return f"?{query}" if query else ""
