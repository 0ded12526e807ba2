# SPDX-License-Identifier: Apache-2.0
"""Events are read as they were written, and say nothing about anybody."""

from typing import get_args, get_type_hints

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.event_words import Instant, Masked, MaterialName, Word
from gateway.model.events_section import Subscription
from gateway.model.office_event import (
    KINDS,
    TEST_KIND,
    Happened,
    MaterialObtained,
    OfficeEvent,
    format_event,
    format_happened,
    kind_of,
    parse_event,
    parse_happened,
)

WORD = st.text(min_size=1, max_size=64)
INSTANT = st.just("2026-11-22T08:00:00Z")
MASKED = st.from_regex(r"[0-9A-Z]{3}\*{1,13}[0-9A-Z]{2}", fullmatch=True)
#: By the member's type; a name of its own where that is a bounded text.
MEMBERS: dict[object, st.SearchStrategy[object]] = {
    Word: WORD, MaterialName: st.text(min_size=1, max_size=200), Instant: INSTANT,
    Masked: MASKED, int: st.integers(1, 2**53), bool: st.booleans(),
    Word | None: st.none() | WORD,
}  # fmt: skip


def member_of(kind: object) -> st.SearchStrategy[object]:
    return MEMBERS[kind] if kind in MEMBERS else st.sampled_from(get_args(kind))


HAPPENED: st.SearchStrategy[Happened] = st.one_of(
    [
        st.builds(
            kind,
            **{
                name: member_of(member)
                for name, member in get_type_hints(kind, include_extras=True).items()
            },
        )
        for kind in get_args(Happened)
    ]
)
MATERIAL = MaterialObtained(
    case="YQ20261122-0001",
    item="yq-gjj-001",
    material="身份证",
    certificate="public_security.identity",
    holder="140*************17",
    served_from="source",
    as_of="2026-11-22T08:00:00Z",
    request="a" * 32,
)
#: What could hold a value of a certificate, a name or a number.
FORBIDDEN = {"fields", "value", "values", "number", "name", "holder_name", "claims", "sealed"}


@given(HAPPENED)
def test_what_happened_is_read_as_it_was_written(happened: Happened) -> None:
    assert parse_happened(format_happened(happened)) == happened


@given(HAPPENED, st.integers(1, 2**53), st.text(max_size=20))
def test_an_event_has_one_spelling(happened: Happened, seq: int, agency: str) -> None:
    event = OfficeEvent("f" * 32, seq, "2026-11-22T08:00:00Z", agency, happened)
    assert parse_event(format_event(event)) == event
    assert format_event(parse_event(format_event(event))) == format_event(event)


def test_an_unknown_member_is_ignored_so_that_kinds_may_grow() -> None:
    text = format_happened(MATERIAL).replace('{"kind"', '{"later":1,"kind"')
    assert parse_happened(text) == MATERIAL


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_has_no_place_for_a_field_or_a_person(kind: str) -> None:
    assert not set(KINDS[kind].__struct_fields__) & FORBIDDEN


@pytest.mark.parametrize("holder", ["140302190001010017", "测试甲", "140***********10017"])
def test_a_holder_that_is_not_masked_cannot_be_read(holder: str) -> None:
    text = format_happened(MATERIAL).replace(MATERIAL.holder, holder)
    with pytest.raises(msgspec.ValidationError, match=r"\$\.holder"):
        parse_happened(text)


def test_every_kind_is_of_the_union_and_knows_its_subject() -> None:
    assert {kind_of(kind) for kind in get_args(Happened)} == set(KINDS)
    assert kind_of(MATERIAL) == "material.obtained"
    assert MATERIAL.subject == "case:YQ20261122-0001"


def test_a_subscription_names_kinds_that_happen() -> None:
    for kind in KINDS:
        document = {"url": "https://oa.example/events", "kinds": [kind]}
        if kind == TEST_KIND:
            with pytest.raises(msgspec.ValidationError):
                msgspec.convert(document, Subscription)
        else:
            assert msgspec.convert(document, Subscription).kinds == (kind,)


@pytest.mark.parametrize("url", ["ftp://a.example/", "https://user:pw@a.example/", "https://", "x"])
def test_a_receiver_is_named_by_an_http_url_without_a_user(url: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=r"\$\.url"):
        msgspec.convert({"url": url}, Subscription)
