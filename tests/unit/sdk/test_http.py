# SPDX-License-Identifier: Apache-2.0
"""A department over HTTP: each failure is one of four errors, and none repeats what was said."""

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from gateway.errors import (
    AdapterContractBroken,
    AdapterRefused,
    AdapterTimeout,
    AdapterUnavailable,
    DepartmentError,
    SetupError,
)
from gateway.sdk import Deadline
from gateway.sdk.kits.http import HttpSource
from gateway.sdk.kits.sessions import SignInExpired
from tests.unit.sdk.http_department import NUMBER, Answer, Handler, department


async def ask(source: HttpSource, deadline_s: float = 10) -> Answer:
    return await source.call(
        "POST", "/q", Answer, Deadline.after(deadline_s), body={"number": NUMBER}
    )


async def failure(source: HttpSource, deadline_s: float = 10) -> DepartmentError:
    with pytest.raises(DepartmentError) as caught:
        await ask(source, deadline_s)
    error = caught.value
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None
    for secret in (NUMBER, "127.0.0.1", "/base"):
        assert secret not in f"{error} {error!r} {error.cause}"
    return error


def saying(status: int, body: bytes = b"", **headers: str) -> Handler:
    async def handler(_request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=status, body=body, headers=headers)

    return handler


async def test_a_json_answer_is_decoded_into_its_type() -> None:
    seen: list[object] = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        seen.extend([request.method, request.path_qs, await request.json(), request.headers["X-K"]])
        return web.Response(body=b'{"code":"0","more":1}', headers={"Set-Cookie": "a=b"})

    async with department(handler) as source:
        answer = await source.call(
            "POST", "/q", Answer, Deadline.after(10), body={"n": "测试甲"}, headers={"X-K": "v"}
        )
    assert answer == Answer("0")
    assert seen == ["POST", "/base/q", {"n": "测试甲"}, "v"]


async def test_no_cookie_comes_back() -> None:
    cookies: list[str | None] = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        cookies.append(request.headers.get("Cookie"))
        return web.Response(body=b'{"code":"0"}', headers={"Set-Cookie": "session=1"})

    async with department(handler) as source:
        await ask(source)
        await ask(source)
    assert cookies == [None, None]


async def test_the_environments_proxy_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    async with department(saying(200, b'{"code":"0"}')) as source:
        assert await ask(source) == Answer("0")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, SignInExpired),
        (403, AdapterRefused),
        (429, AdapterUnavailable),
        (503, AdapterUnavailable),
        (500, AdapterUnavailable),
        (599, AdapterUnavailable),
        (502, AdapterUnavailable),  # of a proxy, whose department is down
        (504, AdapterTimeout),
        (400, AdapterContractBroken),
        (404, AdapterContractBroken),
        (204, AdapterContractBroken),
    ],
)
async def test_a_status_is_one_error(status: int, kind: type[DepartmentError]) -> None:
    body = b"" if status == 204 else NUMBER.encode()
    async with department(saying(status, body)) as source:
        error = await failure(source)
    assert type(error) is kind


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7), ("99999999999", 3600), ("soon", None), ("-1", None), ("٣", None), ("", None)],
)
async def test_retry_after_is_passed_on_in_seconds(header: str, seconds: int | None) -> None:
    async with department(saying(503, b"", **{"Retry-After": header})) as source:
        assert (await failure(source)).retry_after_s == seconds


async def test_a_redirect_is_not_followed() -> None:
    visits: list[str] = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        visits.append(request.path)
        return web.Response(status=302, headers={"Location": "/elsewhere"})

    async with department(handler) as source:
        assert isinstance(await failure(source), AdapterContractBroken)
    assert visits == ["/base/q"]


@pytest.mark.parametrize(
    "body",
    [
        b"<html>140302190001010017</html>",
        b'{"code":0}',
        b"{}",
        b"",
        b'{"code":"0"}garbage',
        b'{"code":"\xff"}',
        b'{"more":' + b"[" * 4000,
        b"[" * 3000,
    ],
)
async def test_what_is_not_the_expected_json_is_a_breach(body: bytes) -> None:
    async with department(saying(200, body)) as source:
        assert isinstance(await failure(source), AdapterContractBroken)


async def test_an_answer_that_is_too_large_is_a_breach() -> None:
    big = b'{"code":"' + b"0" * 5000 + b'"}'
    async with department(saying(200, big)) as source:
        assert isinstance(await failure(source), AdapterContractBroken)
    async with department(saying(200, big), max_answer_bytes=6000) as source:
        assert (await ask(source)).code == "0" * 5000


async def test_a_compressed_answer_is_measured_unpacked() -> None:
    bomb = gzip.compress(b" " * 10_000_000)
    async with department(saying(200, bomb, **{"Content-Encoding": "gzip"})) as source:
        assert isinstance(await failure(source), AdapterContractBroken)


async def test_silence_ends_at_the_deadline() -> None:
    async def handler(_request: web.BaseRequest) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    async with department(handler) as source:
        assert isinstance(await failure(source, 0.05), AdapterTimeout)


async def test_a_body_that_never_ends_ends_at_the_deadline() -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"{")
        await asyncio.Event().wait()
        raise AssertionError

    async with department(handler) as source:
        assert isinstance(await failure(source, 0.1), AdapterTimeout)


async def test_a_deadline_that_has_passed_asks_nobody() -> None:
    visits: list[str] = []

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        visits.append(request.path)
        return web.Response()

    async with department(handler) as source:
        assert isinstance(await failure(source, 0), AdapterTimeout)
    assert visits == []


async def test_a_closed_port_is_unavailable() -> None:
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        source = HttpSource(f"http://127.0.0.1:{taken.getsockname()[1]}")
        await source.open()
        assert isinstance(await failure(source), AdapterUnavailable)
        await source.aclose()


@asynccontextmanager
async def raw(reply: bytes) -> AsyncIterator[HttpSource]:
    """A server that writes these bytes and hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"}")
        writer.write(reply)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    source = HttpSource(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    await source.open()
    try:
        yield source
    finally:
        await source.aclose()
        server.close()


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (b"", AdapterUnavailable),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", AdapterUnavailable),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", AdapterContractBroken),
    ],
)
async def test_hanging_up_and_nonsense_are_told_apart(
    reply: bytes, kind: type[DepartmentError]
) -> None:
    async with raw(reply) as source:
        assert type(await failure(source)) is kind


async def test_closing_without_opening_is_fine() -> None:
    await HttpSource("https://department.example").aclose()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "department.example",
        "ftp://department.example",
        "http://",
        "http://user:hush@department.example",
        "http://department.example/?key=hush",
        "http://department.example/#hush",
        "http://department.example:port",
        "http://[::1",
        f"http://{'a' * 64}.example",
    ],
)
def test_a_url_of_another_form_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(SetupError) as caught:
        HttpSource(url)
    assert "hush" not in str(caught.value)
