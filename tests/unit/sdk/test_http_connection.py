# SPDX-License-Identifier: Apache-2.0
"""One answer belongs to one question: a connection serves again only where nothing is left open."""

import asyncio
import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import (
    AdapterContractBroken,
    AdapterTimeout,
    AdapterUnavailable,
    DepartmentError,
)
from gateway.sdk import Deadline
from gateway.sdk.kits.http_connection import MAX_HEAD_BYTES, Connection, Said
from gateway.sdk.kits.http_pool import Pool
from tests.unit.sdk.wire import REQUEST, heard, wire

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked \r\n\r\n"


async def ask(pool: Pool, within_s: float = 10, wanted: tuple[int, ...] = ()) -> Said:
    return await pool.ask(REQUEST, wanted, Deadline.after(within_s))


async def content(*said: bytes | float | None) -> bytes:
    async with wire([said]) as (_, pool):
        return (await ask(pool)).content


async def failure(*said: bytes | float | None, max_body_bytes: int = 1000) -> DepartmentError:
    async with wire([said], max_body_bytes=max_body_bytes) as (_, pool):
        with pytest.raises(DepartmentError) as caught:
            await ask(pool)
    return caught.value


@pytest.mark.parametrize(
    "said",
    [
        [OK],
        [bytes([byte]) for byte in OK],
        [OK[:20], 0.01, OK[20:]],
        [b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n", OK],
        [CHUNKED + b"1\r\n{\r\n1;a=b\r\n}\r\n0\r\nX: a\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\n\r\n{", 0.01, b"}", None],
        [b"HTTP/1.0 200 OK\r\n\r\n{}", None],
        [b"HTTP/1.1 200 \r\ncontent-length:2\r\n\r\n{}"],
    ],
)
async def test_an_answer_is_whole_however_it_comes(said: list[bytes | float | None]) -> None:
    assert await content(*said) == b"{}"


async def test_a_packed_answer_is_unpacked() -> None:
    packed = gzip.compress(b"{}")
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: GZIP\r\nContent-Length: %d\r\n\r\n"
    assert await content(head % len(packed) + packed) == b"{}"


@pytest.mark.parametrize(
    "said",
    [
        [None],
        [OK[:-1], None],
        [OK[:12], None],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", None],
        [b"HTTP/1.1 100 Continue\r\n\r\n", None],
    ],
)
async def test_what_is_cut_short_is_no_answer(said: list[bytes | float | None]) -> None:
    assert type(await failure(*said)) is AdapterUnavailable


@pytest.mark.parametrize(
    "said",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 000 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}",
        b"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}",
    ],
)
async def test_what_two_parsers_could_read_differently_is_a_breach(said: bytes) -> None:
    assert type(await failure(said)) is AdapterContractBroken


async def test_head_body_and_framing_are_bounded() -> None:
    line = b"X: " + b"a" * 1000 + b"\r\n"
    endless_head = b"HTTP/1.1 200 OK\r\n" + line * (MAX_HEAD_BYTES // 1000 + 1)
    endless_body = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 40
    told = b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n"
    framing = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"a" * MAX_HEAD_BYTES
    for said in (endless_head, endless_body, told, framing, framing * 2):
        assert type(await failure(said, b"a" * 200, max_body_bytes=20)) is AdapterContractBroken


async def test_a_connection_serves_again_after_a_whole_answer() -> None:
    async with wire([[OK], [OK], [OK]]) as (serving, pool):
        for _ in range(3):
            await ask(pool)
    assert serving.heard == [3]


@pytest.mark.parametrize(
    "said",
    [
        [OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")],
        [OK.replace(b"1.1", b"1.0")],
        [OK + OK],
        [OK + b"HTTP/1.1 2"],
        [OK + b"garbage"],
        [OK, OK],
        [b"HTTP/1.1 200 OK\r\n\r\n{}", None],
        [OK, None],
    ],
)
async def test_it_serves_no_more_where_anything_is_left_open(
    said: list[bytes | float | None],
) -> None:
    async with wire([said], [[OK]]) as (serving, pool):
        assert (await ask(pool)).content == b"{}"
        await asyncio.sleep(0.02)  # what is said behind the answer arrives
        assert (await ask(pool)).content == b"{}"
    assert serving.heard == [1, 1]


async def test_what_was_asked_by_who_left_is_answered_to_nobody() -> None:
    async with wire([[0.05, OK.replace(b"{}", b"[]")]], [[OK]]) as (serving, pool):
        leaving = asyncio.create_task(ask(pool))
        await serving.asked.wait()
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        assert (await ask(pool)).content == b"{}"
        await serving.ended.wait()
    assert serving.heard == [1, 1]


async def test_who_leaves_in_the_turn_of_his_answer_takes_the_connection_along(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with wire([[OK]], [[OK]], limit=1) as (serving, pool):
        asking = asyncio.create_task(ask(pool))
        settle = Connection._settle

        def settle_and_leave(connection: Connection) -> None:
            settle(connection)
            asking.cancel()

        with monkeypatch.context() as patched:
            patched.setattr(Connection, "_settle", settle_and_leave)
            with pytest.raises(asyncio.CancelledError):
                await asking
        async with asyncio.timeout(30):
            await serving.ended.wait()
        assert (await ask(pool)).content == b"{}"
    assert serving.heard == [1, 1]


async def test_who_is_late_is_not_mistaken_for_the_next_one() -> None:
    async with wire([[0.1, OK.replace(b"{}", b"[]")]], [[0.1, OK]]) as (serving, pool):
        with pytest.raises(AdapterTimeout):
            await ask(pool, within_s=0.05)
        assert (await ask(pool)).content == b"{}"
    assert serving.heard == [1, 1]


async def test_silence_is_measured_from_byte_to_byte() -> None:
    slow = [part for byte in OK for part in (bytes([byte]), 0.003)]
    async with wire([slow], read_timeout_s=0.1) as (_, pool):
        assert (await ask(pool)).content == b"{}"
    async with wire([[OK[:5], 60.0]], read_timeout_s=0.1) as (_, pool):
        with pytest.raises(AdapterTimeout):
            await ask(pool)


async def test_a_status_without_its_body_is_not_waited_for() -> None:
    head = b"HTTP/1.1 503 Away\r\nRetry-After: 7\r\nContent-Length: 99\r\n\r\n"
    async with wire([[head, 60.0]], [[head, b"a" * 99], [OK]]) as (serving, pool):
        for _ in range(2):
            assert await ask(pool) == Said(503, b"7", b"")
    assert serving.connection_count == 2


async def test_an_error_that_came_whole_costs_no_connection() -> None:
    away = b"HTTP/1.1 503 Away\r\nContent-Length: 2\r\n\r\nno"
    async with wire([[away], [away], [OK]]) as (serving, pool):
        assert (await ask(pool)).content == b""
        assert (await ask(pool, wanted=(503,))).content == b"no"
        assert (await ask(pool)).content == b"{}"
    assert serving.heard == [3]


ANSWERS = (
    OK,
    CHUNKED + b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK,
    b"HTTP/1.1 503 Away\r\nRetry-After: 7\r\nContent-Length: 5\r\n\r\nno",
    b"HTTP/1.0 200 OK\r\n\r\n{}",
)


@given(st.sampled_from(ANSWERS), st.integers(0, 90), st.binary(max_size=4), st.integers(0, 90))
async def test_an_answer_means_the_same_in_whatever_parts_it_comes(
    answer: bytes, at: int, changed: bytes, cut: int
) -> None:
    said = answer[:at] + changed + answer[at + len(changed) :]
    once = await heard([said])
    assert await heard([said[:cut], said[cut:]]) == once
    assert await heard([bytes([byte]) for byte in said]) == once


def test_an_answer_is_in_no_repr() -> None:
    assert "测试甲" not in repr(Said(200, b"", "测试甲".encode()))
