# SPDX-License-Identifier: Apache-2.0
"""What may come in: strict HTTP/1.1 (RFC 9112) in front of every room.

The parser lets some things through that we do not want to interpret (HTTP/1.0, absolute-form
targets, combined transfer codings, ambiguous lengths); they end here. Certificates of callers come
from the connection, never from fields (RFC 9440): whoever could write the field could be anybody.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from gateway.errors import RequestError
from gateway.httpsig import SignedRequest
from gateway.web.request import Fields, Request

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
_FORWARDED_CERTIFICATES: Final = {
    name.lower(): name
    for name in (
        "Client-Cert",
        "Client-Cert-Chain",
        "X-Client-Cert",
        "X-SSL-Client-Cert",
        "X-Forwarded-Client-Cert",
    )
}

# As nearly everybody writes them; others are folded one by one.
_USUAL_NAMES: Final = {
    spelling.encode(): name.lower()
    for name in (
        *("Host", "Content-Type", "Content-Length", "Content-Digest", "Signature"),
        *("Signature-Input", "User-Agent", "Accept", "Accept-Encoding", "Connection"),
    )
    for spelling in (name, name.lower())
}

_KEYID: Final = re.compile(r';keyid="([^"]{1,64})"')

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


def fields_of(lines: Sequence[tuple[bytes, bytes]]) -> Fields:
    """Gather the lines of a head by field name.

    Raises:
        RequestError: HEAD_TOO_LARGE.
    """
    if len(lines) > MAX_FIELDS:
        raise head_too_large()
    fields: Fields = {}
    size_bytes = 0
    for name, value in lines:
        length = len(name) + len(value)
        if length > MAX_FIELD_BYTES:
            raise head_too_large()
        size_bytes += length
        text = value.decode("latin-1")
        key = _USUAL_NAMES.get(name) or name.decode("latin-1").lower()
        if key in fields:
            fields[key].append(text)
        else:
            fields[key] = [text]
    if size_bytes > MAX_HEAD_BYTES:
        raise head_too_large()
    return fields


def check_framing(request: Request) -> None:
    """Refuse what two parsers might read differently.

    Raises:
        RequestError: HTTP_UNACCEPTABLE, HEAD_TOO_LARGE.
    """
    fields = request.fields
    if request.version != "1.1":
        raise RequestError("HTTP_UNACCEPTABLE", "the version is not HTTP/1.1")
    hosts = fields.get("host", ())
    if len(hosts) != 1 or not _HOST.fullmatch(hosts[0]):
        raise RequestError("HTTP_UNACCEPTABLE", "there is not exactly one Host with a host")
    if (codings := fields.get("transfer-encoding")) and (
        codings != ["chunked"] or "content-length" in fields
    ):
        raise RequestError("HTTP_UNACCEPTABLE", "Transfer-Encoding is not exactly `chunked`")
    check_target(request.target)
    if "expect" in fields:
        raise RequestError("HTTP_UNACCEPTABLE", "Expect is not supported: send the body at once")
    if not _FORWARDED_CERTIFICATES.keys().isdisjoint(fields):
        name = next(name for key, name in _FORWARDED_CERTIFICATES.items() if key in fields)
        raise RequestError(
            "HTTP_UNACCEPTABLE", f"{name} is refused: a certificate must be the connection's"
        )


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


def check_json(request: Request) -> None:
    """Refuse bodies that are not plain JSON.

    Raises:
        RequestError: CONTENT_TYPE_UNSUPPORTED.
    """
    types = request.lines("content-type")
    if len(types) != 1 or types[0].lower() not in _JSON_TYPES or request.lines("content-encoding"):
        raise RequestError("CONTENT_TYPE_UNSUPPORTED")


def x509_of(request: Request) -> str | None:
    """SHA-256 of the X.509 certificate that the request's connection presented, hexadecimal.

    Its end is looked at again: a connection, or a session of TLS 1.2, may outlive it.
    """
    presented = request.x509
    if presented is None or presented.not_after < datetime.now(UTC):
        return None
    return presented.sha256


def claimed_keyid(request: Request) -> str:
    """The key id by which a request claims to be signed; empty where there is none in sight."""
    lines = request.lines("signature-input")
    found = _KEYID.search(lines[0]) if lines else None
    return found[1] if found else ""


def signed_view(request: Request, *, default_port: str) -> SignedRequest:
    """The request as its sender signed it.

    Args:
        default_port: `:80` or `:443`, which RFC 9421 §2.2.3 leaves out of `@authority`.
    """
    path, mark, query = request.target.partition("?")
    return SignedRequest(
        method=request.method,
        authority=request.fields["host"][0].lower().removesuffix(default_port),
        path=path,
        query=mark + query or "?",
        lines=request.lines,
        has_body=request.method != "GET",
    )
