# SPDX-License-Identifier: Apache-2.0
"""What may come in: strict HTTP/1.1 (RFC 9112) in front of every room.

aiohttp's parser lets some things through that we do not want to interpret (HTTP/0.9 and 1.0,
absolute-form targets, combined transfer codings); they end here. Certificates of callers come from
the connection, never from fields (RFC 9440): whoever could write the field could be anybody.
"""

import asyncio
import re
from datetime import UTC, datetime
from itertools import chain
from typing import Final, Protocol, cast

from aiohttp import HttpVersion11
from aiohttp.web import BaseRequest, RequestPayloadError

from gateway.crypto.x509 import ConnectionX509
from gateway.errors import RequestError
from gateway.httpsig import SignedRequest
from gateway.sdk import Deadline

# RFC 3986 path and query as sent: no fragment, nothing outside ASCII, no half of an escape.
_TARGET: Final = re.compile(
    r"/(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})*"
    r"(?:\?(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})*)?"
)
_DOT_SEGMENT: Final = re.compile(r"(?:^|/)(?:\.|%2[eE]){1,2}(?:/|$)")
_JSON_TYPES: Final = frozenset(
    {"application/json", "application/json; charset=utf-8", "application/json;charset=utf-8"}
)
# RFC 9110 §7.2: a host and an optional port; no user, no list, no space.
_HOST: Final = re.compile(r"(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_FORWARDED_CERTIFICATES: Final = (
    "Client-Cert",
    "Client-Cert-Chain",
    "X-Client-Cert",
    "X-SSL-Client-Cert",
    "X-Forwarded-Client-Cert",
)

#: Caps on a head: the target, one field, their count, and all bytes of the fields together.
MAX_TARGET_LENGTH: Final = 2048
MAX_FIELD_BYTES: Final = 8192
MAX_FIELDS: Final = 64
MAX_HEAD_BYTES: Final = 16384


def head_too_large() -> RequestError:
    """The refusal of a head beyond the caps."""
    return RequestError(
        "HEAD_TOO_LARGE",
        f"a target may have {MAX_TARGET_LENGTH:,} bytes; the head {MAX_FIELDS} fields of "
        f"{MAX_FIELD_BYTES:,} bytes, {MAX_HEAD_BYTES:,} bytes in all",
    )


def check_framing(request: BaseRequest) -> None:
    """Refuse what two parsers might read differently.

    Raises:
        RequestError: HTTP_UNACCEPTABLE, HEAD_TOO_LARGE.
    """
    headers = request.headers
    if request.version != HttpVersion11:
        raise RequestError("HTTP_UNACCEPTABLE", "the version is not HTTP/1.1")
    hosts = headers.getall("Host", ())
    if len(hosts) != 1 or not _HOST.fullmatch(hosts[0]):
        raise RequestError("HTTP_UNACCEPTABLE", "there is not exactly one Host with a host")
    if (codings := headers.getall("Transfer-Encoding", ())) and (
        codings != ["chunked"] or "Content-Length" in headers
    ):
        raise RequestError("HTTP_UNACCEPTABLE", "Transfer-Encoding is not exactly `chunked`")
    check_target(request.raw_path)
    check_fields(request)


def check_target(target: str) -> None:
    """Refuse targets that are not in origin-form (RFC 9112 §3.2.1), or not the only way to say it.

    Raises:
        RequestError: HTTP_UNACCEPTABLE, HEAD_TOO_LARGE.
    """
    if len(target) > MAX_TARGET_LENGTH:
        raise head_too_large()
    if not _TARGET.fullmatch(target):
        raise RequestError("HTTP_UNACCEPTABLE", "the target is not in origin-form")
    if _DOT_SEGMENT.search(target.partition("?")[0]):
        raise RequestError("HTTP_UNACCEPTABLE", "the path has dot segments")


def check_fields(request: BaseRequest) -> None:
    """Refuse heads that are too large, and fields that we would have to trust or wait for.

    Raises:
        RequestError: HTTP_UNACCEPTABLE, HEAD_TOO_LARGE.
    """
    if sum(map(len, chain.from_iterable(request.raw_headers))) > MAX_HEAD_BYTES:
        raise head_too_large()
    headers = request.headers
    if "Expect" in headers:
        raise RequestError("HTTP_UNACCEPTABLE", "Expect is not supported: send the body at once")
    for name in _FORWARDED_CERTIFICATES:
        if name in headers:
            raise RequestError(
                "HTTP_UNACCEPTABLE", f"{name} is refused: a certificate must be the connection's"
            )


def check_json(request: BaseRequest) -> None:
    """Refuse bodies that are not plain JSON.

    Raises:
        RequestError: CONTENT_TYPE_UNSUPPORTED.
    """
    headers = request.headers
    if headers.get("Content-Type", "").lower() not in _JSON_TYPES or "Content-Encoding" in headers:
        raise RequestError("CONTENT_TYPE_UNSUPPORTED")


class _Presented(Protocol):
    x509: ConnectionX509 | None


def x509_of(request: BaseRequest) -> str | None:
    """SHA-256 of the X.509 certificate that the request's connection presented, hexadecimal.

    Its end is looked at again: a connection, or a session of TLS 1.2, may outlive it.
    """
    presented = cast("_Presented", request.protocol).x509
    if presented is None or presented.not_after < datetime.now(UTC):
        return None
    return presented.sha256


def signed_view(request: BaseRequest, *, default_port: str) -> SignedRequest:
    """The request as its sender signed it.

    Args:
        default_port: `:80` or `:443`, which RFC 9421 §2.2.3 leaves out of `@authority`.
    """
    path, mark, query = request.raw_path.partition("?")
    headers = request.headers
    return SignedRequest(
        method=request.method,
        authority=headers["Host"].lower().removesuffix(default_port),
        path=path,
        query=mark + query or "?",
        lines=lambda name: headers.getall(name, ()),
        has_body=request.method != "GET",
    )


async def read_body(request: BaseRequest, max_bytes: int, deadline: Deadline) -> bytes:
    """Read the whole body.

    Raises:
        RequestError: BODY_TOO_LARGE, REQUEST_TIMEOUT, or HTTP_UNACCEPTABLE for a broken one.
    """
    if (request.content_length or 0) > max_bytes:
        raise RequestError("BODY_TOO_LARGE")
    content = request.content
    if content.is_eof():  # it arrived with the head, which is the rule
        body = content.read_nowait()
    else:
        body = await _read_slowly(request, max_bytes, deadline)
    if len(body) > max_bytes:
        raise RequestError("BODY_TOO_LARGE")
    return body


async def _read_slowly(request: BaseRequest, max_bytes: int, deadline: Deadline) -> bytes:
    parts = bytearray()
    try:
        async with asyncio.timeout(deadline.remaining_s):
            while part := await request.content.readany():
                parts += part
                if len(parts) > max_bytes:
                    raise RequestError("BODY_TOO_LARGE")
    except TimeoutError:
        raise RequestError("REQUEST_TIMEOUT", "the body did not arrive in time") from None
    except (ConnectionError, RequestPayloadError):
        raise RequestError("HTTP_UNACCEPTABLE", "the body is broken off or badly framed") from None
    return bytes(parts)
