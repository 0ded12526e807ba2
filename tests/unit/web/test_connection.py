# SPDX-License-Identifier: Apache-2.0
"""One connection: whole requests in order, answers in order, and an end to whoever is late."""

import math
import time

import pytest

from gateway.web.connection import Connection
from gateway.web.connections import Limits
from tests.unit.web.talking import GET, LIMITS, WHY, Talk, Wire


@pytest.fixture
async def talk() -> Talk:
    return Talk()


async def test_a_request_goes_to_the_desk_when_it_is_whole(talk: Talk) -> None:
    raw = b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nX-Two: 1\r\nx-two: 2\r\n\r\nbody"
    for at in range(len(raw)):
        assert talk.desk.asked == []
        talk.say(raw[at : at + 1])
    [request] = talk.desk.asked
    assert (request.method, request.target, request.version) == ("POST", "/a", "1.1")
    assert (request.body, request.content_length) == (b"body", 4)
    assert request.lines("x-two") == ["1", "2"]
    assert request.peer.address == "10.0.0.1"


async def test_answers_go_out_in_the_order_of_the_requests(talk: Talk) -> None:
    talk.say(b"".join(GET % number for number in range(3)))
    assert len(talk.desk.asked) == 1  # the next has its turn when this one is answered
    for _ in range(3):
        talk.desk.reply()
    assert talk.heard() == ["200 /0", "200 /1", "200 /2"]


async def test_a_hundred_requests_in_one_packet_are_answered_without_a_deep_stack(
    talk: Talk,
) -> None:
    talk.desk.at_once = True
    talk.say(b"".join(GET % number for number in range(2000)))
    assert len(talk.heard()) == 2000


async def test_who_asks_faster_than_he_is_answered_is_not_read_from(talk: Talk) -> None:
    talk.say(b"".join(GET % number for number in range(20)))
    assert "pause" in talk.wire.done
    talk.desk.at_once = True
    talk.desk.reply()
    assert len(talk.heard()) == 20
    assert talk.wire.done[-1] == "resume"


async def test_garbage_behind_a_request_is_refused_after_its_answer(talk: Talk) -> None:
    talk.say(GET % 1 + b"garbage\r\n\r\n")
    assert talk.heard() == []
    talk.desk.reply()
    assert talk.heard() == ["200 /1", "400 HTTP_UNACCEPTABLE"]
    assert talk.wire.done == ["eof"]  # half-closed: the peer may still be sending


async def test_behind_the_last_request_nothing_is_looked_at(talk: Talk) -> None:
    talk.say(b"GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nwhatever")
    talk.say(GET % 2)
    talk.desk.reply()
    assert talk.heard() == ["200 /last"]
    assert talk.wire.written.endswith(b"Connection: close\r\n\r\n")
    assert talk.wire.done == ["close"]


@pytest.mark.parametrize(
    "body",
    [
        b"Content-Length: 1025\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n401\r\n" + b"x" * 1025,
    ],
)
async def test_a_body_that_is_too_large_is_refused_before_it_has_come(
    talk: Talk, body: bytes
) -> None:
    talk.say(b"POST /a HTTP/1.1\r\nHost: a\r\n" + body)
    assert talk.heard() == ["413 BODY_TOO_LARGE"]
    assert talk.desk.asked == []


@pytest.mark.parametrize("rest", [b"", b"x" * 2000])
async def test_who_is_wrong_here_hears_so_before_his_body_has_come(talk: Talk, rest: bytes) -> None:
    talk.say(b"POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 9000\r\n\r\n" + rest)
    assert talk.heard() == ["404 PATH_UNKNOWN"]
    assert talk.wire.done == ["eof"]


UPGRADES = b"POST /a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"


@pytest.mark.parametrize(
    "content",
    [b"Content-Length: 2\r\n\r\n{}", b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"],
)
@pytest.mark.parametrize("at_once", [True, False])
async def test_content_of_a_request_to_upgrade_is_refused_and_never_lost(
    talk: Talk, content: bytes, *, at_once: bool
) -> None:
    """So does java.net.http over plain HTTP, unless it is told to speak HTTP/1.1."""
    raw = UPGRADES + content
    for part in (raw,) if at_once else (raw[at : at + 1] for at in range(len(raw))):
        talk.say(part)
    assert talk.heard() == ["400 HTTP_UNACCEPTABLE"]
    assert talk.desk.asked == []
    assert talk.wire.done == ["eof"]  # half-closed: the peer may still be sending


async def test_a_request_to_upgrade_without_content_is_answered_as_if_it_said_nothing(
    talk: Talk,
) -> None:
    talk.desk.at_once = True
    talk.say(UPGRADES.replace(b"POST", b"GET") + b"\r\n" + GET % 2)
    assert talk.heard() == ["200 /a"]
    assert talk.wire.done == ["close"]


async def test_an_upgrade_that_is_not_asked_of_this_hop_keeps_its_content(talk: Talk) -> None:
    talk.say(b"POST /a HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\n{}")
    [request] = talk.desk.asked
    assert request.body == b"{}"


def said_to(talk: Talk) -> bytes:
    """What stands behind the head of the one answer."""
    return talk.wire.written.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("method", ["HEAD", "POST"])
@pytest.mark.parametrize("came", [1, 800])
async def test_a_refusal_before_all_of_a_body_has_come_has_a_body_unless_it_is_heads(
    talk: Talk, method: str, came: int
) -> None:
    head = f"{method} /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\n"
    talk.say(head.encode() + b"x" * came)
    assert talk.heard() == ["404 PATH_UNKNOWN"]
    assert said_to(talk) == (b"" if method == "HEAD" else WHY)


async def test_neither_has_the_refusal_of_a_head_or_a_body_that_is_late_or_too_large() -> None:
    for sent in (
        b"HEAD /a HT",
        b"HEAD /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nx",
        b"HEAD /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\n\r\n",
        b"HEAD /a HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 20_000,
    ):
        talk = Talk()
        talk.say(sent)
        if not talk.wire.written:
            talk.wait_until(talk.connection.due_s)
        assert len(talk.heard()) == 1
        assert said_to(talk) == b""


async def test_garbage_behind_a_head_request_is_no_head_request(talk: Talk) -> None:
    talk.desk.at_once = True
    talk.say(b"HEAD /1 HTTP/1.1\r\nHost: a\r\n\r\n\x00\x01\r\n\r\n")
    assert talk.heard() == ["200 /1", "400 HTTP_UNACCEPTABLE"]
    assert talk.wire.written.endswith(WHY)


async def test_endless_trailers_are_refused(talk: Talk) -> None:
    talk.say(b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n")
    talk.say(b"X: a\r\n" * 66)
    assert talk.heard() == ["431 HEAD_TOO_LARGE"]


async def test_trailers_are_no_fields(talk: Talk) -> None:
    talk.say(
        b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"1\r\nx\r\n0\r\nX-Late: 1\r\n\r\n"
    )
    [request] = talk.desk.asked
    assert request.body == b"x"
    assert request.lines("x-late") == ()


LONG = b"GET /long HTTP/1.1\r\nHost: a\r\n" + b"X-Filler: %s\r\n" % (b"x" * 9000) + b"\r\n"


@pytest.mark.parametrize("at", [len(LONG), 4000], ids=["one packet", "two packets"])
async def test_a_head_behind_another_request_has_the_same_bounds(talk: Talk, at: int) -> None:
    talk.desk.at_once = True
    talk.say(GET % 1 + LONG[:at])
    if at < len(LONG):
        talk.say(LONG[at:])
    assert talk.heard() == ["200 /1", "431 HEAD_TOO_LARGE"]


@pytest.mark.parametrize(
    ("sent", "heard"),
    [
        (b"", []),
        (b"GET / HT", ["408 REQUEST_TIMEOUT"]),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nx", ["408 REQUEST_TIMEOUT"]),
    ],
    ids=["silent", "head", "body"],
)
async def test_who_is_late_is_told_if_he_has_said_anything(
    talk: Talk, sent: bytes, heard: list[str]
) -> None:
    if sent:
        talk.say(sent)
    talk.wait_until(talk.connection.due_s)
    assert talk.heard() == heard
    assert talk.wire.done == ["close"]


async def test_a_head_has_its_time_from_its_first_byte_and_no_more(talk: Talk) -> None:
    talk.say(b"G")
    due_s = talk.connection.due_s
    assert due_s <= time.monotonic() + LIMITS.header_timeout_s
    talk.say(b"ET / HTTP/1.1\r\n")
    assert talk.connection.due_s == due_s


async def test_while_an_answer_is_made_nothing_is_due(talk: Talk) -> None:
    talk.say(GET % 1)
    assert talk.connection.due_s == math.inf
    talk.desk.reply()
    assert talk.connection.due_s <= time.monotonic() + LIMITS.idle_timeout_s


async def test_who_does_not_read_his_answers_is_cut_off(talk: Talk) -> None:
    talk.say(GET % 1 + GET % 2)
    talk.connection.pause_writing()
    talk.desk.reply()
    assert len(talk.desk.asked) == 1  # the next waits until he reads
    talk.wait_until(talk.connection.read_by_s)
    assert talk.wire.done == ["abort"]


async def test_who_does_not_read_his_last_answer_is_cut_off_as_well(talk: Talk) -> None:
    talk.say(GET % 1)
    talk.desk.reply()  # less than the transport's buffer takes: nothing is paused
    talk.wait_until(talk.connection.due_s)
    assert talk.wire.done == ["close"]  # which waits for the peer, however long
    talk.connection.pause_writing()
    talk.connection.resume_writing()  # he has read some of it
    talk.wait_until(talk.connection.due_s)
    assert talk.wire.done == ["close", "abort"]


async def test_who_reads_again_goes_on(talk: Talk) -> None:
    talk.say(GET % 1 + GET % 2)
    talk.connection.pause_writing()
    talk.desk.reply()
    talk.connection.resume_writing()
    talk.desk.reply()
    assert talk.heard() == ["200 /1", "200 /2"]
    assert talk.connection.read_by_s == math.inf


async def test_a_peer_that_is_gone_is_answered_to_nobody(talk: Talk) -> None:
    talk.say(GET % 1)
    talk.connection.connection_lost(None)
    talk.desk.reply()
    assert talk.heard() == []
    assert talk.connections.open == set()


async def test_whoever_has_said_all_still_hears_the_answer(talk: Talk) -> None:
    talk.say(GET % 1)
    assert talk.connection.eof_received()
    talk.desk.reply()
    assert talk.heard() == ["200 /1"]
    assert talk.wire.done == ["close"]  # he cannot ask again


async def test_whoever_has_said_all_hears_every_answer_when_he_reads_again(talk: Talk) -> None:
    talk.say(GET % 1 + GET % 2)
    talk.connection.pause_writing()
    talk.desk.reply()
    assert talk.connection.eof_received()
    talk.connection.resume_writing()
    talk.desk.reply()
    assert talk.heard() == ["200 /1", "200 /2"]


async def test_who_is_not_read_from_is_not_late(talk: Talk) -> None:
    talk.say(b"".join(GET % number for number in range(10)) + b"GET / HT")
    assert "pause" in talk.wire.done
    assert talk.connection.due_s == math.inf
    talk.desk.at_once = True
    talk.desk.reply()
    assert talk.wire.done[-1] == "resume"
    talk.wait_until(talk.connection.due_s)
    assert talk.heard()[-1] == "408 REQUEST_TIMEOUT"


async def test_a_drain_ends_a_connection_with_its_next_answer(talk: Talk) -> None:
    talk.connections.drain()
    talk.say(GET % 1)
    talk.desk.reply()
    assert talk.wire.written.endswith(b"Connection: close\r\n\r\n")
    assert talk.wire.done == ["close"]


async def test_a_drain_waits_for_the_record_of_what_a_lost_peer_asked(talk: Talk) -> None:
    talk.connections.drain()
    talk.say(GET % 1)
    talk.connection.connection_lost(None)
    assert not talk.connections.drained.is_set()
    talk.desk.reply()
    assert talk.connections.drained.is_set()


async def test_beyond_the_last_place_a_connection_is_closed_at_once() -> None:
    talk = Talk(Limits(max_connections=1))
    wire = Wire()
    Connection(talk.connections).connection_made(wire)
    assert wire.done == ["abort"]
    assert len(talk.connections.open) == 1


async def test_a_peer_that_cannot_be_ended_keeps_no_other_from_being_looked_at(
    talk: Talk,
) -> None:
    class Stubborn(Connection):
        def expire(self, now_s: float) -> None:
            raise RuntimeError("the handler is closed")

    stubborn = Stubborn(talk.connections)
    stubborn.connection_made(Wire())
    for peer in (stubborn, talk.connection):
        peer.due_s = 0.0
    talk.connections._look()
    assert talk.wire.done == ["close"]
    assert talk.connections._next_look is not None
    assert stubborn.due_s > time.monotonic()  # and is tried again, later
    talk.connections.shutdown()
