# SPDX-License-Identifier: Apache-2.0
"""Records: each kind is read as what it is, and nothing else is read at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.act import Act, Event, SignedTarget
from gateway.model.entry import Entry, HolderMark
from gateway.model.record import Record, format_record, parse_record
from tests.unit.audit.samples import entry_bytes

texts = st.text(st.characters(codec="utf-8"), max_size=40)
maybe = st.none() | texts
marks = st.builds(HolderMark, texts, texts, texts, texts, texts)
acts = st.builds(
    Act,
    id=texts,
    salt=texts,
    time=texts,
    action=st.sampled_from(["search", "view", "erase", "receipt"]),
    actor=texts,
    keyid=texts,
    reason=maybe,
    subject=maybe,
    query=maybe,
    holder=st.none() | marks,
    count=st.none() | st.integers(0, 2**40),
    request=st.none() | st.builds(SignedTarget, texts, texts, texts),
    signature=texts,
)
events = st.builds(
    Event, id=texts, salt=texts, time=texts, event=st.just("clock_step"), detail=texts
)


@given(acts | events)
def test_what_is_written_is_read_again(record: Record) -> None:
    assert parse_record(format_record(record)) == record


def test_an_access_is_read_as_one() -> None:
    line = entry_bytes(1)
    record = parse_record(line)
    assert isinstance(record, Entry)
    assert format_record(record) == line


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b'{"v":1,"kind":"act",',
        b'{"v":1,"kind":"act","id":"a"}',
        b'{"v":1,"kind":"event","id":"a","salt":"","time":"","event":"other","detail":""}',
        b'{"kind":"event","v":1,"id":"a","salt":"","time":"","event":"clock_step","detail":""}',
        b'{"v":1,"kind":"event","id":"a","salt":"","time":"","event":"clock_step"}',
        b'{"v":1,"kind":"event","id":"a","salt":"","time":"","event":"clock_step","detail":""} ',
        b'{"v":1,"kind":"event","id":"a","salt":"","time":"","event":"clock_step","detail":"","x":1}',
        b'{"v":2,"kind":"event","id":"a","salt":"","time":"","event":"clock_step","detail":""}',
        b'{"v":1,"kind":"visit","id":"a"}',
    ],
)
def test_anything_else_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"^not "):
        parse_record(line)


def test_the_refusal_does_not_repeat_the_record() -> None:
    with pytest.raises(ValueError, match=r"^not") as refused:
        parse_record(b'{"v":1,"kind":"act","id":"140302190001010017"}')
    assert "1403" not in str(refused.value)
