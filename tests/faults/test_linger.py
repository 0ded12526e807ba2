# SPDX-License-Identifier: Apache-2.0
"""RFC 9112 §9.6: who is refused while he is still sending hears so; who never ends is cut.

A server that closes with bytes unread has its kernel send a reset, which overtakes the answer.
"""

import socket
import time
from contextlib import suppress
from urllib.parse import urlsplit

import msgspec
import pytest

from fixtures.world import World
from tests.integration.wire import lookup_body, sign

LIMIT_S = 20.0
#: Seconds for which the gateway listens on at least, to whom it could not let finish.
LINGERS_S = 3.0
LARGE_BYTES = 8 * 2**20
LINGER_BYTES = 16 * 2**20
#: What two kernels may hold of a stream that nobody reads.
BUFFERED_BYTES = 16 * 2**20


def connect(world: World) -> socket.socket:
    parts = urlsplit(world.url)
    return socket.create_connection((parts.hostname or "", parts.port or 80), LIMIT_S)


def read_all(sock: socket.socket) -> bytes:
    received = b""
    while part := sock.recv(65536):
        received += part
    return received


def dribble_until_reset(sock: socket.socket) -> None:
    until_s = time.monotonic() + LIMIT_S
    with suppress(ConnectionError):
        while time.monotonic() < until_s:
            sock.send(b"a")
            time.sleep(0.05)  # a peer that dribbles, not a wait for something


HEADS = {
    "a length": (b"Content-Length: %d\r\n\r\n" % LARGE_BYTES, b"a" * LARGE_BYTES),
    "chunks": (
        b"Transfer-Encoding: chunked\r\n\r\n",
        (b"10000\r\n" + b"a" * 65536 + b"\r\n") * 128 + b"0\r\n\r\n",
    ),
}


@pytest.mark.parametrize("framing", HEADS)
@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"POST /v1/lookups", 413),
        (b"POST /nowhere", 404),
        (b"DELETE /v1/lookups", 405),
        (b"GET /healthz", 413),  # a request is answered when it is whole, and this one is too large
    ],
    ids=["too large", "nowhere", "wrong method", "nobody asked for a body"],
)
def test_who_sends_eight_mebibytes_hears_the_answer(
    world: World, framing: str, line: bytes, status: int
) -> None:
    fields, body = HEADS[framing]
    head = line + b" HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n" + fields
    for _ in range(3):
        with connect(world) as sock:
            sock.sendall(head + body)
            received = read_all(sock)
        assert received.startswith(b"HTTP/1.1 %d " % status)
        assert received.count(b"HTTP/1.1 ") == 1
        assert b"\r\nConnection: close\r\n" in received


def test_a_head_of_eight_mebibytes_is_told_so(world: World) -> None:
    with connect(world) as sock:
        sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\nX: " + b"a" * LARGE_BYTES)
        assert read_all(sock).startswith(b"HTTP/1.1 431 ")


def test_who_sends_without_end_is_cut(world: World) -> None:
    sent = 0
    with connect(world) as sock:
        sock.sendall(b"POST /v1/lookups HTTP/1.1\r\nHost: a\r\n")
        sock.sendall(b"Content-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n")
        with suppress(ConnectionError):
            while sent <= LINGER_BYTES + BUFFERED_BYTES:
                sent += sock.send(b"a" * 65536)
    assert sent <= LINGER_BYTES + BUFFERED_BYTES


def test_who_never_closes_is_cut_after_a_while(world: World) -> None:
    with connect(world) as sock:
        sock.sendall(b"POST /v1/lookups HTTP/1.1\r\nHost: a\r\n")
        sock.sendall(b"Content-Type: application/json\r\nContent-Length: 70000\r\n\r\n")
        assert read_all(sock).startswith(b"HTTP/1.1 413 ")
        began_s = time.monotonic()
        dribble_until_reset(sock)
        assert LINGERS_S < time.monotonic() - began_s < LIMIT_S


def test_whose_request_was_read_is_let_go_at_once(world: World) -> None:
    with connect(world) as sock:
        sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert read_all(sock).startswith(b"HTTP/1.1 200 ")
        began_s = time.monotonic()
        dribble_until_reset(sock)
        assert time.monotonic() - began_s < LINGERS_S


@pytest.mark.parametrize(
    ("target", "status"),
    [("/v1/lookups", 405), ("/healthz", 405), ("/nowhere", 404), ("/a#b", 400)],
)
def test_to_head_no_body_is_sent(world: World, target: str, status: int) -> None:
    """RFC 9110 §9.3.2: the fields as they would be, and nothing behind them."""
    with connect(world) as sock:
        sock.sendall(f"HEAD {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        head, end, body = read_all(sock).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert end
    assert body == b""


def test_a_request_that_has_begun_to_arrive_is_not_read_away(world: World) -> None:
    """The one before it is answered meanwhile, with its own body read to the end."""
    body = msgspec.json.encode(lookup_body(world, world.citizen_with_account().id_number))
    first, second = (sign(world, body).encode() for _ in range(2))
    with connect(world) as sock:
        sock.sendall(first + second[:-20])
        received = b""
        while b"request_id" not in received:
            received += sock.recv(65536)
        sock.sendall(second[-20:])
        while received.count(b"HTTP/1.1 200") < 2:
            part = sock.recv(65536)
            assert part, "the second request was dropped"
            received += part
