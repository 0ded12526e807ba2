# SPDX-License-Identifier: Apache-2.0
"""What may come in: strict HTTP/1.1 (RFC 9112) in front of every room.

aiohttp's parser lets some things through that we do not want to interpret (HTTP/0.9 and 1.0,
absolute-form targets, combined transfer codings); they end here.
"""

import asyncio
import re
from typing import Final

from aiohttp import HttpVersion11
from aiohttp.web import BaseRequest

from gateway.errors import RequestError
from gateway.httpsig import SignedRequest
from gateway.sdk import Deadline

# RFC 3986 path and query characters as sent; no fragment, nothing outside ASCII.
_TARGET: Final = re.compile(
    r"/[A-Za-z0-9\-._~!$&'()*+,;=:@%/]*(?:\?[A-Za-z0-9\-._~!$&'()*+,;=:@%/?]*)?"
)
_DOT_SEGMENT: Final = re.compile(r"(?:^|/)(?:\.|%2[eE]){1,2}(?:/|$)")
_JSON_TYPES: Final = frozenset(
    {"application/json", "application/json; charset=utf-8", "application/json;charset=utf-8"}
)
_MAX_TARGET_LENGTH: Final = 2048


def check_framing(request: BaseRequest) -> None:
    """Refuse what two parsers might read differently.

    Raises:
        RequestError: HTTP_UNACCEPTABLE.
    """
    headers = request.headers
    if request.version != HttpVersion11:
        raise RequestError("HTTP_UNACCEPTABLE", "the version is not HTTP/1.1")
    if len(headers.getall("Host", ())) != 1:
        raise RequestError("HTTP_UNACCEPTABLE", "there is not exactly one Host")
    if (codings := headers.getall("Transfer-Encoding", ())) and (
        codings != ["chunked"] or "Content-Length" in headers
    ):
        raise RequestError("HTTP_UNACCEPTABLE", "Transfer-Encoding is not exactly `chunked`")
    target = request.raw_path
    if len(target) > _MAX_TARGET_LENGTH or not _TARGET.fullmatch(target):
        raise RequestError("HTTP_UNACCEPTABLE", "the target is not in origin-form")
    if _DOT_SEGMENT.search(target.partition("?")[0]):
        raise RequestError("HTTP_UNACCEPTABLE", "the path has dot segments")


def check_json(request: BaseRequest) -> None:
    """Refuse bodies that are not plain JSON.

    Raises:
        RequestError: CONTENT_TYPE_UNSUPPORTED.
    """
    headers = request.headers
    if headers.get("Content-Type", "").lower() not in _JSON_TYPES or "Content-Encoding" in headers:
        raise RequestError("CONTENT_TYPE_UNSUPPORTED")


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
        has_body=True,
    )


async def read_body(request: BaseRequest, max_bytes: int, deadline: Deadline) -> bytes:
    """Read the whole body.

    Raises:
        RequestError: BODY_TOO_LARGE, or HTTP_UNACCEPTABLE when it does not arrive in time.
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
        raise RequestError("HTTP_UNACCEPTABLE", "the body did not arrive in time") from None
    return bytes(parts)
