# SPDX-License-Identifier: Apache-2.0
"""Frames between workers and the sequencer."""

import struct

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit.frames import (
    MAX_FRAME_BYTES,
    Accepted,
    Announce,
    Append,
    Decide,
    Decided,
    Drop,
    Dropped,
    Durable,
    Failed,
    Follow,
    FrameBuffer,
    Hello,
    Notice,
    Reply,
    Request,
    Survey,
    Surveyed,
    format_durable,
    format_frame,
    parse_reply,
    parse_request,
)
from gateway.errors import AuditError
from gateway.model.forget import CacheState, Forget
from gateway.ports import Claim, Quota

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
u64 = st.integers(0, 2**64 - 1)
quotas = st.builds(Quota, grant=texts, day=texts, cap=st.integers(0, 2**40))
claims = st.builds(
    Claim,
    keyid=texts,
    nonce=texts,
    expires_at_s=st.integers(-(2**40), 2**40),
    quota=st.none() | quotas,
)
forgets = st.builds(
    Forget,
    tags=st.lists(st.binary(min_size=16, max_size=16), max_size=5).map(tuple),
    certificates=st.lists(texts, max_size=3).map(tuple),
    everything=st.booleans(),
)
counts = st.integers(0, 2**63 - 1)
states = st.builds(
    CacheState,
    pid=counts,
    entry_count=counts,
    hit_age_s=st.floats(0, 1e12),
)
requests = (
    st.builds(Decide, claim=claims)
    | st.builds(
        Append,
        entry=st.binary(max_size=4096),
        claim=st.none() | claims,
        generation=st.none() | u64,
    )
    | st.builds(Announce, entry=st.binary(max_size=4096), claim=st.none() | claims, forget=forgets)
    | st.builds(Follow)
    | st.builds(Survey)
    | st.builds(Dropped, state=states)
)
replies = (
    st.builds(Hello, origin=texts, secret=st.binary(max_size=64))
    | st.builds(Drop, forget=forgets)
    | st.builds(Surveyed, states=st.lists(states, max_size=3).map(tuple))
    | st.builds(Accepted, generation=u64)
    | st.builds(Decided, verdict=st.sampled_from(["replayed", "over_quota"]))
    | st.builds(Durable, index=st.integers(0, 2**63 - 1))
    | st.builds(Failed, reason=st.sampled_from(["failed", "overloaded", "unacceptable"]))
)


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), requests), max_size=5), st.integers(1, 999))
def test_requests_arrive_as_they_were_sent_however_they_are_cut(
    sent: list[tuple[int, Request | Notice]], cut: int
) -> None:
    stream = b"".join(format_frame(request_id, request) for request_id, request in sent)
    buffer = FrameBuffer()
    arrived = [
        (request_id, parse_request(body))
        for at in range(0, len(stream), cut)
        for request_id, body in buffer.feed(stream[at : at + cut])
    ]
    assert arrived == sent


@given(replies)
def test_replies_arrive_as_they_were_sent(reply: Hello | Reply | Drop) -> None:
    [(request_id, body)] = FrameBuffer().feed(format_frame(7, reply))
    assert (request_id, parse_reply(body)) == (7, reply)


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**63 - 1))
def test_the_most_frequent_reply_is_read_like_any_other(request_id: int, index: int) -> None:
    [(arrived_id, body)] = FrameBuffer().feed(format_durable(request_id, index))
    assert (arrived_id, parse_reply(body)) == (request_id, Durable(index))


def test_a_frame_that_is_too_long_is_refused_before_it_has_arrived() -> None:
    with pytest.raises(AuditError, match="AUDIT_UNAVAILABLE"):
        FrameBuffer().feed(struct.pack(">II", MAX_FRAME_BYTES + 1, 1))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xc0",
        msgspec.msgpack.encode(["durable", 1]),  # a reply is no request
        msgspec.msgpack.encode(["append", b"entry", None]),
        msgspec.msgpack.encode(["append", b"entry", None, None, None]),
        msgspec.msgpack.encode(["append", b"entry", None, None]) + b"\xc0",
        msgspec.msgpack.encode(["append", 1, None, None]),
    ],
)
def test_a_body_of_another_form_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        parse_request(body)
