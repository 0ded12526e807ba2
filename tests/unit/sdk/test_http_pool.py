# SPDX-License-Identifier: Apache-2.0
"""Connections to one department: so many at most, kept while they are of use, and closed."""

import asyncio
import socket
from typing import Any

import pytest

from gateway.errors import AdapterTimeout, AdapterUnavailable
from gateway.sdk import Deadline
from gateway.sdk.kits import http_pool
from gateway.sdk.kits.http_connection import Connection
from gateway.sdk.kits.http_pool import Pool
from tests.unit.sdk.cancelling import after_a_cancellation
from tests.unit.sdk.wire import REQUEST, wire

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


async def ask(pool: Pool, within_s: float = 10) -> bytes:
    return (await pool.ask(REQUEST, (), Deadline.after(within_s))).content


async def test_there_are_no_more_connections_than_said_and_the_others_wait() -> None:
    async with wire([[0.01, OK]] * 8, limit=2) as (serving, pool), asyncio.TaskGroup() as tasks:
        for _ in range(8):
            tasks.create_task(ask(pool))
    assert serving.connection_count == 2
    assert sum(serving.heard) == 8


async def test_who_waits_for_a_connection_waits_no_longer_than_his_deadline() -> None:
    async with wire([[0.3, OK], [OK]], limit=1) as (serving, pool):
        first = asyncio.create_task(ask(pool))
        await asyncio.sleep(0)
        with pytest.raises(AdapterTimeout) as caught:
            await ask(pool, within_s=0.05)
        assert caught.value.cause == "no connection came free in time"
        assert await first == b"{}"
        assert await ask(pool) == b"{}"
    assert serving.heard == [2]


async def test_a_failure_gives_its_place_back() -> None:
    async with wire([[None]], [[60.0]], [[OK]], limit=1) as (serving, pool):
        with pytest.raises(AdapterUnavailable):
            await ask(pool)
        with pytest.raises(AdapterTimeout):
            await ask(pool, within_s=0.05)
        assert await ask(pool) == b"{}"
    assert serving.heard == [1, 1, 1]


async def test_a_connection_that_the_department_closed_is_not_taken() -> None:
    async with wire([[OK, 0.01, None]], [[OK]]) as (serving, pool):
        assert await ask(pool) == b"{}"
        await asyncio.sleep(0.05)
        assert await ask(pool) == b"{}"
    assert serving.heard == [1, 1]


async def test_what_nobody_uses_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_pool, "KEEP_S", 0.05)
    async with wire([[OK], [OK]]) as (serving, pool):
        await ask(pool)
        await serving.ended.wait()
        await ask(pool)
    assert serving.heard == [1, 1]


async def test_a_name_with_a_dead_address_is_reached_by_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with wire([[OK]]) as (serving, pool):
        loop = asyncio.get_running_loop()
        alive = ("127.0.0.1", pool._port)
        with socket.socket() as taken:  # bound, and nobody listens
            taken.bind(("127.0.0.1", 0))
            dead = taken.getsockname()

            async def resolve(*_: object, **__: object) -> list[tuple[Any, ...]]:
                kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
                return [(*kind, dead), (*kind, alive)]

            monkeypatch.setattr(loop, "getaddrinfo", resolve)
            assert await ask(pool) == b"{}"
    assert serving.connection_count == 1


async def test_a_name_that_nobody_has_is_unavailable_and_not_repeated() -> None:
    pool = Pool(
        "nobody.invalid", 80, tls=None, limit=1, connect_timeout_s=5, read_timeout_s=None,
        max_body_bytes=10,
    )  # fmt: skip
    with pytest.raises(AdapterUnavailable) as caught:
        await ask(pool)
    assert "nobody" not in str(caught.value)
    await pool.aclose()


async def test_closing_ends_who_asks_and_lets_nobody_begin() -> None:
    async with wire([[60.0]]) as (serving, pool):
        asking = asyncio.create_task(ask(pool))
        await serving.asked.wait()
        await pool.aclose()
        with pytest.raises(AdapterUnavailable):
            await asking
        with pytest.raises(AdapterUnavailable):
            await ask(pool)
        await pool.aclose()


async def test_who_was_cancelled_before_waits_for_no_connection_that_does_not_end_either(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http_pool, "_END_S", 0.05)
    async with wire([[OK]]) as (_, pool):
        await ask(pool)
        with monkeypatch.context() as patched:
            patched.setattr(Connection, "abort", lambda _: None)
            await after_a_cancellation(pool.aclose)
        assert len(pool._all) == 1


async def test_a_connection_that_is_cancelled_while_it_is_made_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with wire([[OK]], limit=1) as (_, pool):
        stuck = asyncio.Event()

        async def never(*_: object, **__: object) -> None:
            stuck.set()
            await asyncio.Event().wait()

        with monkeypatch.context() as patched:
            patched.setattr(asyncio.get_running_loop(), "create_connection", never)
            asking = asyncio.create_task(ask(pool))
            await stuck.wait()
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
        assert await ask(pool) == b"{}"
