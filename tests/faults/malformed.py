# SPDX-License-Identifier: Apache-2.0
"""The corpus of F-10: raw messages that two parsers might read differently, from tables.

In a template `<HOST>`, `<SIGNED>`, `<LEN>`, `<BODY>` and `<CHUNKED>` stand for the parts of a
signed request that would be answered if its framing were right: only the edge can refuse it.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

POST: Final = "POST /v1/lookups HTTP/1.1\r\nHost: <HOST>\r\n<SIGNED>"
LENGTH: Final = "Content-Length: <LEN>\r\n"
CHUNKED: Final = "Transfer-Encoding: chunked\r\n"
PROBE: Final = "GET /healthz HTTP/1.1\r\nHost: <HOST>\r\n\r\n"


class Case(msgspec.Struct, frozen=True):
    """One message.

    Attributes:
        ends: nothing more is coming; a message that is not whole waits for more.
    """

    name: str
    raw: str
    ends: bool = False


CODINGS = (
    "Transfer-Encoding: xchunked", "Transfer-Encoding: chunk", "Transfer-Encoding: gzip",
    "Transfer-Encoding: identity", "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: identity, chunked", "Transfer-Encoding: chunked, identity",
    "Transfer-Encoding: chunked, chunked", "Transfer-Encoding: chunked;q=1",
    "Transfer-Encoding: chunked,", "Transfer-Encoding: ,chunked", 'Transfer-Encoding: "chunked"',
    "Transfer-Encoding: 'chunked'", "Transfer-Encoding: Chunked", "Transfer-Encoding: CHUNKED",
    "Transfer-Encoding: \x0bchunked", "Transfer-Encoding: chunked\x0b",
    "Transfer-Encoding: \x00chunked", "Transfer-Encoding: chunked\x00",
    "Transfer-Encoding : chunked", "Transfer-Encoding\t: chunked", "Transfer-Encoding\x00: chunked",
    " Transfer-Encoding: chunked", "Transfer-Encoding:\r\n chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "X: x\nTransfer-Encoding: chunked",
    "X: x\rTransfer-Encoding: chunked",
)  # fmt: skip
LENGTHS = (
    "Content-Length: -1", "Content-Length: +<LEN>", "Content-Length: 0x10", "Content-Length: 1e2",
    "Content-Length: <LEN> <LEN>", "Content-Length: <LEN>,<LEN>", "Content-Length: <LEN>, 1",
    "Content-Length:", "Content-Length: ५", "Content-Length: <LEN>.0", "Content-Length: <LEN>;",
    "Content-Length: 99999999999999999999", "Content-Length: 18446744073709551617",
    "Content-Length: <LEN>\x00", "Content-Length: \x0b<LEN>", "Content-Length : <LEN>",
    "Content-Length\t: <LEN>", " Content-Length: <LEN>", "Content-Length\x00: <LEN>",
    "Content-Length: <LEN>\r\nContent-Length: <LEN>", "Content-Length: <LEN>\r\nContent-Length: 0",
    "Content-Length: 0\r\ncontent-length: <LEN>", 'Content-Length: "<LEN>"',
    "Content-Length:\r\n <LEN>", "X: x\nContent-Length: <LEN>", "X: x\rContent-Length: <LEN>",
)  # fmt: skip
CHUNKS = (
    "g\r\na", "-1\r\na\r\n0\r\n\r\n", "+1\r\na\r\n0\r\n\r\n", "0x1\r\na\r\n0\r\n\r\n",
    " 1\r\na\r\n0\r\n\r\n", "1 \r\na\r\n0\r\n\r\n", "\t1\r\na\r\n0\r\n\r\n",
    "1\t\r\na\r\n0\r\n\r\n", "\r\n1\r\na\r\n0\r\n\r\n", ";x\r\na\r\n0\r\n\r\n",
    "1;\x00\r\na\r\n0\r\n\r\n", "1\na\r\n0\r\n\r\n", "1\ra\r\n0\r\n\r\n",
    "1;a\nb\r\na\r\n0\r\n\r\n", '1;a="\n"\r\na\r\n0\r\n\r\n', "fffffffffffffffff\r\na\r\n0\r\n\r\n",
    "10000000000000000\r\na\r\n0\r\n\r\n", "1\r\naX\r\n0\r\n\r\n", "1\r\na\n0\r\n\r\n",
    "1\r\na0\r\n\r\n", "1\r\na\r\n0 \r\n\r\n", "1\r\na\r\n0x0\r\n\r\n", "1\r\na\r\n-0\r\n\r\n",
    "1\r\na\r\n0\r\nno colon\r\n\r\n", "1\r\na\r\n0\r\n: x\r\n\r\n",
    "1\r\na\r\n0\r\nA\x00: x\r\n\r\n", "1\r\na\r\n0\n\n", "1_0\r\na\r\n0\r\n\r\n",
    "１\r\na\r\n0\r\n\r\n", "1,1\r\na\r\n0\r\n\r\n",
)  # fmt: skip
VERSIONS = (
    "HTTP/0.9", "HTTP/1.0", "HTTP/1.2", "HTTP/2.0", "HTTP/3.0", "HTTP/2", "HTTP/1", "HTTP/1.10",
    "HTTP/01.1", "HTTP/1,1", "HTTP /1.1", "HTTP/ 1.1", "HTTP/1.1 x", "http/1.1", "HTTPS/1.1",
    "ICE/1.0", "RTSP/1.0", "HTTP/-1.1", "HTTP/1.1\x00", "HTTP/A.B", "HTTP/9.9", "\tHTTP/1.1",
)  # fmt: skip
METHODS = (
    "post", "Post", "POST\x00", "PO ST", "FOO", "PRI", "CONNECT", "TRACE", "TRACK", "PUT", "PATCH",
    "DELETE", "HEAD", "OPTIONS", "M-SEARCH", "SOURCE", "PROPFIND", "DEBUG", "POST\t",
    "\x16\x03\x01", "QUERY", "P" * 4000, "ＰＯＳＴ", " POST", "(POST)",
)  # fmt: skip
TARGETS = (
    "http://<HOST>/v1/lookups", "https://<HOST>/v1/lookups", "http://x.example/v1/lookups",
    "HTTP://<HOST>/v1/lookups", "//<HOST>/v1/lookups", "<HOST>", "*", "v1/lookups", "?x", "#",
    "/v1/lookups#f", "/v1/lookups?#f", "/v1/../v1/lookups", "/./v1/lookups", "/v1/lookups/..",
    "/v1/%2e%2e/v1/lookups", "/v1/.%2E/v1/lookups", "/%2e/v1/lookups", "/v1/lookups/%2e",
    "\\v1\\lookups", "/v1\\lookups", "/v1/lookups\\", "/v1/lookups\x00", "/v1/lookups%00",
    "/v1/lookups\x7f", "/v1/lookups\x01", "/v1/lookups一", "/v1/lookups;x", "/v1/lookups/",
    "/V1/LOOKUPS", "/v1/%6cookups", "/v1%2flookups", "/v1//lookups", "/v1/lookups%",
    "/v1/lookups%2", "/v1/lookups%zz", "/v1/lookups?%", "/v1/lookups?%zz", '/v1/lookups?"',
    "/v1/lookups?<x>", "/v1/lookups|", "/v1/lookups{}", "/v1/lookups^", "/v1/lookups`",
    "javascript:alert(1)", "ftp://<HOST>/v1/lookups", "http:/v1/lookups", "/v1/ lookups",
    "/" + "a" * 2048, "",
)  # fmt: skip
FIELDS = (
    "no colon", ": x", " X: x", "X : x", "X\t: x", "X: a\r\n b", "X: a\r\n\tb", "X: \x00",
    "X: a\x00b", "X\x00: x", "X: a\x01", "X: a\x08b", "X: a\x7f", "X: a\rb", "X: a\r\rb", "X(: x",
    "X@: x", "X,: x", "X/: x", "[X]: x", "{X}: x", '"X": x', "X X: x", "Ｘ: x", "X\x7f: x",
    "\x01X: x", "X\x0b: x", "X: a\nY: b", "X: " + "a" * 9000, "X" * 9000 + ": a",
    "\r\n".join(f"X-{n}: a" for n in range(64)),
    "\r\n".join(f"X-{n}: {'a' * 5000}" for n in range(4)), "Host: <HOST>", "Host: x.example",
    "host: <HOST>", "Host:", "Content-Type: application/json", "Content-Type: text/plain",
    "Content-Encoding: gzip", "Content-Encoding: identity", "Expect: 100-continue",
    "Expect: 100-Continue", "Expect: 200-ok", "Expect:", "Client-Cert: :AAAA:",
    "client-cert: :AAAA:", "Client-Cert-Chain: :AAAA:", "X-Client-Cert: a", "X-SSL-Client-Cert: a",
    "X-Forwarded-Client-Cert: By=a", "Sec-WebSocket-Key1: x",
)  # fmt: skip
HOSTS = (
    "", "Host:\r\n", "Host: \r\n", "Host: <HOST>, x.example\r\n", "Host: <HOST> x\r\n",
    "Host: a@<HOST>\r\n", "Host: http://<HOST>\r\n", "Host: <HOST>/\r\n", "Host: <HOST>#\r\n",
    "Host: <HOST>?\r\n", "Host: 127.0.0.1:\r\n", "Host: 127.0.0.1:x\r\n", "Host: [::1\r\n",
    "Host: 一\r\n", "Host: \x00\r\n", "Host: a\\b\r\n", "Host: %31\r\n", "Host : <HOST>\r\n",
    "Host: x.example\r\n",
)  # fmt: skip
WHOLE = (
    "GET /healthz\r\n\r\n", "GET /healthz\n\n", "GET\r\n\r\n", "\x00\r\n\r\n", "{}\r\n\r\n",
    "GET /healthz HTTP/1.1\nHost: <HOST>\n\n", "GET /healthz HTTP/1.1\r\nHost: <HOST>\n\n",
    "GET /healthz HTTP/1.1\rHost: <HOST>\r\r", "GET\t/healthz\tHTTP/1.1\r\nHost: <HOST>\r\n\r\n",
    "GET /healthz HTTP/1.1\r\nHost: <HOST>\r\n\n", "GET /healthz HTTP/1.1\r\n\r\n",
    "GET /healthz HTTP/1.1\r\n Host: <HOST>\r\n\r\n", "HTTP/1.1 200 OK\r\nHost: <HOST>\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET /healthz HTTP/1.1\r\n\r\nHost: <HOST>\r\n\r\n",
    "POST /healthz\nHost: <HOST>\nContent-Length: 5\n\nabcde", "GET /healthz HTTP/1.0\r\n\r\n",
    "GET /healthz HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "﻿" + PROBE,
    "PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n" + PROBE, "\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
)  # fmt: skip


def refused() -> Iterator[Case]:
    """Messages that must be refused."""
    yield from _misframed()
    yield from _misnamed()
    for raw in WHOLE:
        yield Case(raw[:40], raw, ends=True)


def _misframed() -> Iterator[Case]:
    for coding in CODINGS:
        for kind, fields in {
            "alone": coding + "\r\n",
            "after length": LENGTH + coding + "\r\n",
            "before length": f"{coding}\r\n{LENGTH}",
        }.items():
            yield Case(f"{coding} {kind}", f"{POST}{fields}\r\n<CHUNKED>", ends=True)
    for length in LENGTHS:
        yield Case(length, f"{POST}{length}\r\n\r\n<BODY>", ends=True)
    for chunks in CHUNKS:
        yield Case(f"chunk {chunks}", f"{POST}{CHUNKED}\r\n{chunks}", ends=True)


def _misnamed() -> Iterator[Case]:
    for version in VERSIONS:
        yield Case(version, POST.replace("HTTP/1.1", version, 1) + f"{LENGTH}\r\n<BODY>")
    for method in METHODS:
        yield Case(f"method {method[:20]}", POST.replace("POST", method, 1) + f"{LENGTH}\r\n<BODY>")
    for target in TARGETS:
        line = POST.replace("/v1/lookups", target, 1)
        yield Case(f"target {target[:40]}", f"{line}{LENGTH}\r\n<BODY>")
    for fields in FIELDS:
        yield Case(f"field {fields[:40]}", f"{POST}{fields}\r\n{LENGTH}\r\n<BODY>")
    for host in HOSTS:
        head = POST.replace("Host: <HOST>\r\n", host, 1)
        yield Case(f"host {host}", f"{head}{LENGTH}\r\n<BODY>")


_OPEN: Final = PROBE[:-2]
_LAST: Final = f"{_OPEN}Connection: close\r\n\r\n"

#: Messages that every parser frames alike, with the statuses of their answers; then the end.
FRAMED: Final = (
    ("one after another", PROBE + _LAST, (200, 200)),
    ("blank line before", f"\r\n{_LAST}", (200,)),
    ("two spaces", _LAST.replace(" ", "  ", 2), (200,)),
    ("zeros before a length", f"{_OPEN}Content-Length: 002\r\n\r\nab{_LAST}", (200, 200)),
    ("spaces around a value", f"{_OPEN}X: \t a \t \r\n\r\n{_LAST}", (200, 200)),
    # What follows these is not read.
    ("websocket", f"{_OPEN}Connection: upgrade\r\nUpgrade: websocket\r\n\r\n{_LAST}", (200,)),
    ("h2c", f"{_OPEN}Connection: upgrade\r\nUpgrade: h2c\r\n\r\n{_LAST}", (200,)),
    (
        "upgrade with a body",
        f"{_OPEN}Connection: upgrade\r\nUpgrade: x\r\nContent-Length: 2\r\n\r\nab{_LAST}",
        (400,),
    ),
    ("chunked", f"{_OPEN}{CHUNKED}\r\n1\r\na\r\n0\r\n\r\n{_LAST}", (200,)),
    ("chunk extension", f"{_OPEN}{CHUNKED}\r\n1;a=b\r\na\r\n0\r\n\r\n{_LAST}", (200,)),
    ("trailer", f"{_OPEN}{CHUNKED}\r\n0\r\nClient-Cert: :AAAA:\r\n\r\n{_LAST}", (200,)),
    # RFC 9112 §9.6: the request that says so is answered, and nothing behind it is looked at.
    ("after close", _LAST + _LAST, (200,)),
    ("refused", f"{POST}Expect: x\r\n{LENGTH}\r\n<BODY>{_LAST}", (400,)),
)
