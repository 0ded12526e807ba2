# SPDX-License-Identifier: Apache-2.0
"""The agency's side: sign a lookup, send it, and believe only an answer that is bound to it.

::

    async with GatewayClient(url, signer=signer, gateway_key=pem) as gateway:
        answer = await gateway.lookup(request)

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
from typing import Final, Self, TypeVar
from urllib.parse import quote, urlsplit

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
from gateway.model.case import CaseAnswer, CaseRegistration
from gateway.model.deferral import (
    DeferralAnswer,
    DeferralClosing,
    DeferralRecord,
    DeferralRequest,
    OwnReason,
)
from gateway.model.lookup import LookupAnswer, LookupRequest, Problem
from gateway.model.plan import MaterialsAnswer, MaterialsRequest
from gateway.model.ticket import TicketAnswer

T = TypeVar("T")

_PATH: Final = "/v1/lookups"
#: A ticket that runs is answered with 202, all else with 200.
_ANSWERED: Final = frozenset({HTTPStatus.OK, HTTPStatus.ACCEPTED})
_NONCE_BYTES: Final = 18
_MAX_ANSWER_BYTES: Final = 4 * 1024 * 1024

_encode = msgspec.json.Encoder().encode
_parse_answer = msgspec.json.Decoder(LookupAnswer).decode
_parse_materials = msgspec.json.Decoder(MaterialsAnswer).decode
_parse_case = msgspec.json.Decoder(CaseAnswer).decode
_parse_deferral = msgspec.json.Decoder(DeferralAnswer).decode
_parse_ticket = msgspec.json.Decoder(TicketAnswer).decode
_parse_problem = msgspec.json.Decoder(Problem).decode


class Receipt(msgspec.Struct, frozen=True):
    """Where the access stands in the gateway's audit log."""

    log: str
    index: int


class SignedAnswer(msgspec.Struct, frozen=True):
    """An answer that has been verified.

    Attributes:
        receipt: the audit entry that recorded it.
        body: the bytes that were signed; keep them with `receipt` as evidence.
    """

    answer: LookupAnswer
    receipt: Receipt
    body: bytes


class SignedMaterials(msgspec.Struct, frozen=True):
    """What became of each material, proved to come from the gateway.

    Attributes:
        answer: with the one-off notice; one that holds `answer` members decodes them as
            `LookupAnswer` or `Problem`.
        receipt: the act that recorded the call.
        body: the bytes that were signed.
    """

    answer: MaterialsAnswer
    receipt: Receipt
    body: bytes


class SignedDeferral(msgspec.Struct, frozen=True):
    """How a deferral stands, proved to come from the gateway.

    Attributes:
        receipt: the act that recorded the call.
    """

    deferral: DeferralRecord
    receipt: Receipt


class SignedTicket(msgspec.Struct, frozen=True):
    """How a ticket stands, proved to come from the gateway.

    Attributes:
        answer: once it is done its `answer` decodes as `LookupAnswer` or `Problem`.
        receipt: the act that recorded the call.
        body: the bytes that were signed.
    """

    answer: TicketAnswer
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


class GatewayClient:
    """One agency's connection to one gateway.

    Args:
        url: scheme, host and port of the gateway.
        signer: the agency's private key under its registered `keyid`.
        gateway_key: the gateway's public key in PEM, got by a way that you trust.
        timeout_s: for one whole lookup.
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

    async def lookup(self, request: LookupRequest) -> SignedAnswer:
        """Ask for one certificate.

        Raises:
            Refused: the gateway or the department said no.
            TrustError: the answer is not a signed answer to this request.
            GatewayError: GATEWAY_UNREACHABLE.
        """
        return SignedAnswer(*await self._exchange("POST", _PATH, request, _parse_answer))

    async def materials(self, request: MaterialsRequest) -> SignedMaterials:
        """Ask for everything that an item requires of the holders of a registered case.

        Raises:
            GatewayError: as `lookup`.
        """
        return SignedMaterials(
            *await self._exchange("POST", "/v1/materials", request, _parse_materials)
        )

    async def open_ticket(self, request: LookupRequest) -> SignedTicket:
        """Ask for one certificate of a slow department without holding the connection for it.

        Raises:
            GatewayError: as `lookup`.
        """
        return SignedTicket(*await self._exchange("POST", "/v1/tickets", request, _parse_ticket))

    async def ticket(self, number: str) -> SignedTicket:
        """How a ticket stands; with its answer once it is done.

        Raises:
            GatewayError: as `lookup`; TICKET_EXPIRED once its answer is not kept any more.
        """
        path = f"/v1/tickets/{quote(number, safe='')}"
        return SignedTicket(*await self._exchange("GET", path, None, _parse_ticket))

    async def register_case(self, number: str, registration: CaseRegistration) -> Receipt:
        """Register a case, or what has changed of it.

        Args:
            number: the agency's own.

        Raises:
            GatewayError: as `lookup`.
        """
        path = f"/v1/cases/{quote(number, safe='')}"
        return (await self._exchange("PUT", path, registration, _parse_case))[1]

    async def defer(self, material: str, request: DeferralRequest) -> SignedDeferral:
        """Let a material come later 容缺受理; until its day the gateway asks on this signature.

        Raises:
            GatewayError: as `lookup`.
        """
        path = _deferral_path(request.attribution.case, material)
        return _deferral(await self._exchange("PUT", path, request, _parse_deferral))

    async def deferral(self, case: str, material: str) -> SignedDeferral:
        """How the last deferral of a material stands.

        Raises:
            GatewayError: as `lookup`.
        """
        path = _deferral_path(case, material)
        return _deferral(await self._exchange("GET", path, None, _parse_deferral))

    async def close_deferral(self, case: str, material: str, reason: OwnReason) -> SignedDeferral:
        """End a deferral: the applicant brought the document, or nobody waits for it any more.

        Raises:
            GatewayError: as `lookup`.
        """
        path, closing = f"{_deferral_path(case, material)}/close", DeferralClosing(reason)
        return _deferral(await self._exchange("POST", path, closing, _parse_deferral))

    async def _exchange(
        self, method: str, path: str, request: object, parse: Callable[[bytes], T]
    ) -> tuple[T, Receipt, bytes]:
        """One signed request, and its signed answer; `request` is None where it has no content."""
        body = b"" if request is None else _encode(request)
        headers, signature = self._sign(method, path, body)
        if self._session is None:
            raise GatewayError("GATEWAY_UNREACHABLE", "the client is not open: use `async with`")
        try:
            async with self._session.request(
                method,
                URL(self._url + path, encoded=True),
                data=body or None,
                headers=headers,
                allow_redirects=False,
            ) as response:
                content = await _read_answer(response)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise GatewayError("GATEWAY_UNREACHABLE", type(error).__name__) from None
        return self._accept(response, content, signature, parse)

    def _sign(self, method: str, path: str, body: bytes) -> tuple[dict[str, str], RequestSignature]:
        headers = {"Host": self._authority}
        if body:
            headers |= {"Content-Type": "application/json", "Content-Digest": content_digest(body)}
        lines = {name.lower(): (value,) for name, value in headers.items()}
        request = SignedRequest(
            method=method,
            authority=self._authority,
            path=path,
            query="?",
            lines=lambda name: lines.get(name, ()),
            has_body=bool(body),
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
    ) -> tuple[T, Receipt, bytes]:
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
                return parse(body), receipt, body
            problem = _parse_problem(body)
        except msgspec.MsgspecError:
            raise TrustError("RESPONSE_UNTRUSTED", "the body is not of this protocol") from None
        raise Refused(problem, receipt if is_signed else None, is_signed=is_signed)


def _deferral_path(case: str, material: str) -> str:
    return f"/v1/cases/{quote(case, safe='')}/deferrals/{quote(material, safe='')}"


def _deferral(exchanged: tuple[DeferralAnswer, Receipt, bytes]) -> SignedDeferral:
    answer, receipt, _ = exchanged
    return SignedDeferral(answer.deferral, receipt)


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
