# SPDX-License-Identifier: Apache-2.0
"""F-10: whatever two parsers might read differently is refused, and the connection ends there."""

from collections.abc import Callable, Iterator

import aiohttp
import msgspec
import pytest

from fixtures.world import World
from tests.faults.malformed import FRAMED, Case, refused
from tests.faults.sender import Sender, heads_of, status_of
from tests.integration.wire import asked_count, log_entries

CORPUS = tuple(refused())


@pytest.fixture(scope="module")
def sender(world: World) -> Sender:
    return Sender(world)


@pytest.fixture(autouse=True)
def nothing_is_recorded(world: World) -> Iterator[None]:
    """Whoever comes past admission leaves an entry, permitted or not; nobody reaches a room."""
    size, asked = len(log_entries(world)), asked_count(world)
    yield
    assert log_entries(world, size) == []
    assert asked_count(world) == asked


def test_the_corpus_is_large() -> None:
    assert len({case.raw for case in CORPUS}) == len(CORPUS) >= 200


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: ascii(case.name))
def test_it_is_refused_and_the_connection_ends(sender: Sender, case: Case) -> None:
    received, ended = sender.converse(case.raw, answers=1, ends=case.ends)
    heads = heads_of(received)
    assert ended
    assert len(heads) <= 1
    assert heads or case.ends
    for head in heads:
        assert 400 <= status_of(head) < 500
        assert b"\r\nConnection: close" in head
        assert b"\r\nContent-Type: application/problem+json" in head


@pytest.mark.parametrize(("name", "raw", "statuses"), FRAMED, ids=[row[0] for row in FRAMED])
def test_it_is_framed_as_everybody_would(
    sender: Sender, name: str, raw: str, statuses: tuple[int, ...]
) -> None:
    received, ended = sender.converse(raw, answers=3)
    assert ended
    assert tuple(map(status_of, heads_of(received))) == statuses


@pytest.mark.parametrize("name", ["Client-Cert", "Client-Cert-Chain", "X-Forwarded-Client-Cert"])
def test_a_forwarded_certificate_is_named(sender: Sender, name: str) -> None:
    raw = f"GET /healthz HTTP/1.1\r\nHost: <HOST>\r\n{name}: x\r\n\r\n"
    received, _ = sender.converse(raw, answers=1)
    problem = msgspec.json.decode(received.partition(b"\r\n\r\n")[2])
    assert problem["code"] == "HTTP_UNACCEPTABLE"
    assert problem["detail"].startswith(f"{name} is refused")


async def test_a_good_request_is_still_answered(
    world: World, sender: Sender, record_property: Callable[[str, object], None]
) -> None:
    async with aiohttp.ClientSession() as session, session.get(world.url + "/healthz") as answer:
        assert answer.status == 200
    record_property("malformed", len(CORPUS))
