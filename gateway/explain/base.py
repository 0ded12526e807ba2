# SPDX-License-Identifier: Apache-2.0
"""Suspicions about a signature that does not verify: over which bytes it might be.

Each suspicion is a signature base as a client with that mistake prints it, or what it signs in its
place. The key decides: a signature that verifies over one of them names the mistake for certain.
"""

import re
from collections.abc import Iterator
from itertools import permutations
from typing import Final
from urllib.parse import quote, unquote

import msgspec

from gateway.crypto.der import raw_from_der
from gateway.crypto.digest import b64_encode, sha256
from gateway.errors import GatewayError
from gateway.explain.capture import Capture
from gateway.httpsig import RequestSignature, parse_request_signature, signature_base

#: All orders of six components and of six parameters: a tenth of a second.
_MAX_PERMUTED: Final = 6
_CONTENT_TYPES: Final = (
    "application/json",
    "application/json; charset=utf-8",
    "application/json;charset=utf-8",
    "application/json; charset=UTF-8",
    "application/json;charset=UTF-8",
)
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2}){32,80}")
_PREFIXES: Final = ("/v1", "/api", "/gateway", "/yizheng", "/open", "/service", "/proxy")


def suspect_values(signature: RequestSignature) -> Iterator[tuple[str, bytes]]:
    """Yield the id of a cause and the signature without that mistake of encoding."""
    value = signature.value
    for text in (b64_encode(value), value.decode("latin-1")):
        if _HEX.fullmatch(text):
            raw = bytes.fromhex(text)
            yield "signature-hex", raw_from_der(raw) or raw
    if plain := raw_from_der(value):
        yield "signature-der", plain


def suspect_bases(
    capture: Capture, signature: RequestSignature, authorities: tuple[str, ...]
) -> Iterator[tuple[str, bytes]]:
    """Yield the id of a cause and the bytes that a client with that mistake signs."""
    yield from _of_other_requests(capture, authorities)
    base = signature_base(signature).decode("ascii")
    yield from ((cause, text.encode()) for cause, text in _of_other_forms(base, signature))
    yield "hashed-twice", sha256(base.encode())
    yield "hashed-twice", sha256(base.encode()).hex().encode()
    yield "body-signed", capture.body
    yield "body-signed", sha256(capture.body)
    yield from ((cause, text.encode()) for cause, text in _of_other_orders(signature))


def _of_other_requests(
    capture: Capture, authorities: tuple[str, ...]
) -> Iterator[tuple[str, bytes]]:
    """The client had another request before it."""
    request = capture.view()
    for method in (request.method.lower(), request.method.title(), request.method.upper()):
        yield from _printed("method-case", capture, method=method)
    host, _, port = capture.host.rpartition(":") if ":" in capture.host else (capture.host, "", "")
    yield from _printed("authority-case", capture, authority=capture.host)
    yield from _printed("authority-case", capture, authority=capture.host.upper())
    for name in (host.lower(), *(f"{host.lower()}:{p}" for p in (80, 443, 8080, 8443, port))):
        yield from _printed("authority-port", capture, authority=name)
    for other in (*authorities, "localhost", "127.0.0.1"):
        yield from _printed("authority-other", capture, authority=other)
        yield from _printed("authority-other", capture, authority=f"{other}:{port}")
    for path in _other_paths(request.path):
        yield from _printed("path-rewritten", capture, path=path)
    authority_sent = request.authority
    for path in (f"http://{authority_sent}{request.path}", f"https://{authority_sent}{request.path}",
                 capture.target, f"{request.path}?"):  # fmt: skip
        yield from _printed("path-form", capture, path=path)
    yield from _printed("query-mark", capture, query=request.query[1:])
    yield from _printed("target-reencoded", capture, path=unquote(request.path))
    yield from _printed("target-reencoded", capture, path=quote(request.path, safe="/"))
    for query in _other_queries(request.query):
        yield from _printed("target-reencoded", capture, query=query)
    for content_type in _CONTENT_TYPES:
        changed = capture.with_field("Content-Type", content_type)
        yield from _printed("field-rewritten", changed)


def _printed(cause: str, capture: Capture, **parts: str) -> Iterator[tuple[str, bytes]]:
    request = msgspec.structs.replace(capture.view(), **parts)
    try:
        yield cause, signature_base(parse_request_signature(request))
    except GatewayError:
        return  # such a request has no base


def _other_paths(path: str) -> Iterator[str]:
    yield from (prefix + path for prefix in _PREFIXES)
    segments = path.strip("/").split("/")
    yield from ("/" + "/".join(segments[start:]) for start in range(1, len(segments) + 1))
    yield path.rstrip("/")
    yield path + "/"


def _other_queries(query: str) -> Iterator[str]:
    text = query[1:]
    yield "?"
    yield "?" + unquote(text)
    yield "?" + text.replace("%20", "+")
    yield "?" + text.replace("+", "%20")
    yield "?" + re.sub(r"%[0-9a-fA-F]{2}", lambda match: match[0].upper(), text)
    yield "?" + re.sub(r"%[0-9a-fA-F]{2}", lambda match: match[0].lower(), text)
    yield "?" + "&".join(sorted(text.split("&")))


def _of_other_forms(base: str, signature: RequestSignature) -> Iterator[tuple[str, str]]:
    """The client printed the right values in another form."""
    yield "base-newline", base + "\n"
    yield "base-crlf", base.replace("\n", "\r\n")
    yield "base-crlf", base.replace("\n", "\r\n") + "\r\n"
    unquoted = re.sub(r'(?m)^"([^"]+)"', r"\1", base)
    yield "base-form", unquoted
    yield "base-form", re.sub(r"(?m)^(\S+): ", r"\1:", base)
    yield "base-form", re.sub(r"(?m)^(\S+): ", r"\1:", unquoted)
    yield "base-form", re.sub(r'(?m)^"[a-z][^"]*"', lambda match: match[0].title(), base)
    lines, _, _ = base.rpartition("\n")
    yield "parameters-unsigned", lines
    yield "parameters-unsigned", lines + "\n"
    for member in _other_members(signature):
        yield "parameters-rewritten", f'{lines}\n"@signature-params": {member}'


def _other_members(signature: RequestSignature) -> Iterator[str]:
    member = signature.member
    listed, _, tail = member.partition(")")
    yield f"{signature.label}={member}"
    yield tail.removeprefix(";")
    yield member.replace(";", "; ")
    yield re.sub(r'="([^"]*)"', r"=\1", member)
    yield re.sub(r'"(@?[\w-]+)"', r"\1", listed) + ")" + tail
    for name in ("alg", "tag", "nonce", "expires"):
        yield re.sub(rf';{name}=(?:"[^"]*"|\d+)', "", member)
    parameters = tail.removeprefix(";").split(";")
    if len(parameters) <= _MAX_PERMUTED:
        yield from (f"{listed});{';'.join(order)}" for order in permutations(parameters))


def _of_other_orders(signature: RequestSignature) -> Iterator[tuple[str, str]]:
    lines = [
        (component.text, value)
        for component, value in zip(signature.components, signature.values, strict=True)
    ]
    orders = permutations(lines) if len(lines) <= _MAX_PERMUTED else [sorted(lines), lines[::-1]]
    _, _, tail = signature.member.partition(")")
    for order in orders:
        printed = "".join(f"{name}: {value}\n" for name, value in order)
        listed = "(" + " ".join(name for name, _ in order) + ")"
        for member in (signature.member, listed + tail):
            yield "components-order", f'{printed}"@signature-params": {member}'
