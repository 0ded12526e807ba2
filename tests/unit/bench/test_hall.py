# SPDX-License-Identifier: Apache-2.0
"""The hall: what stands before the eighth department, what is heard of it, and what does harm."""

import asyncio
import sys
from pathlib import Path

import pytest

from bench.system import hall, harmful
from bench.system.hall import Front, Heard, Shot
from bench.system.target import WrongAnswer
from gateway.registry.loader import load_adapter_classes

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


async def exchange(*, is_slow: bool) -> tuple[bytes, Front]:
    """One question through a front, to a department that answers at once and closes."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ANSWER)
        writer.close()

    department = await asyncio.start_server(answer, "127.0.0.1", 0)
    front = Front(department.sockets[0].getsockname()[1])
    front.is_slow = is_slow
    server = await asyncio.start_server(front._serve, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b"POST / HTTP/1.1\r\n\r\n")
    received = await reader.read()
    writer.close()
    server.close()
    department.close()
    if handlers := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(handlers)
    return received, front


@pytest.mark.parametrize("is_slow", [False, True])
async def test_a_front_passes_everything_on_and_counts(
    monkeypatch: pytest.MonkeyPatch, *, is_slow: bool
) -> None:
    monkeypatch.setattr(hall, "_DRIBBLE_S", 0.001)
    received, front = await exchange(is_slow=is_slow)
    assert received == ANSWER
    assert len(front.times_s) == 1


def test_a_shot_tells_when_it_first_heard_something() -> None:
    shot = Shot(heard=[Heard(3.0, 1, "A"), Heard(2.0, 1, "A"), Heard(1.0, 1, "B")])
    assert shot.first("A", 0.0) == 2.0
    assert shot.first("A", 2.0) == 3.0
    with pytest.raises(WrongAnswer, match="never B"):
        shot.first("B", 1.0)


def test_the_harmful_adapter_is_a_plugin_where_it_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    harmful.install(tmp_path / "plugins")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "plugins")])
    found = load_adapter_classes({harmful.PLUGIN})
    assert found[harmful.PLUGIN].certificates == harmful.Harmful.certificates
