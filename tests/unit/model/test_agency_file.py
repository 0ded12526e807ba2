# SPDX-License-Identifier: Apache-2.0
"""What is written into an agency's file is what is read from it."""

import string
from datetime import datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.agency import Agency, AgencyKey, Operator
from gateway.model.agency_file import format_agency, parse_agency
from gateway.model.events_section import Subscription

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
LABELS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=64)
LINES = st.lists(st.text(string.printable, max_size=20), max_size=4).map("\n".join)
TIMES = st.none() | st.datetimes(
    min_value=datetime(1900, 1, 1),  # noqa: DTZ001 - the zone is `timezones`
    timezones=st.integers(-14, 14).map(lambda hours: timezone(timedelta(hours=hours))),
)
KEYS = st.builds(
    AgencyKey,
    LABELS,
    st.sampled_from(["ecdsa-p256-sha256", "ed25519"]),
    TEXTS | LINES,
    TIMES,
    TIMES,
    st.booleans(),
)
AGENCIES = st.builds(
    Agency,
    id=st.from_regex(r"[a-z0-9][a-z0-9-]{0,62}", fullmatch=True),
    name=TEXTS | LINES,
    uscc=st.none() | TEXTS,
    division=st.none() | TEXTS,
    active=st.booleans(),
    keys=st.lists(KEYS, max_size=3).map(tuple),
    operators=st.lists(st.builds(Operator, LABELS, LABELS), max_size=3).map(tuple),
    per_s=st.none() | st.floats(0, 1_000_000),
    burst=st.integers(0, 1_000_000),
    x509_sha256=st.lists(st.from_regex(r"[0-9a-f]{64}", fullmatch=True), max_size=2).map(tuple),
    events=st.none()
    | st.builds(
        Subscription,
        st.from_regex(r"https://[a-z]{1,20}/[!-\"$-~]{0,40}", fullmatch=True),
        st.lists(st.sampled_from(["case.closed", "department.down"])).map(tuple),
    ),
)


@given(AGENCIES)
def test_what_is_written_is_read(agency: Agency) -> None:
    text = format_agency(agency)
    assert parse_agency(text) == agency
    assert format_agency(parse_agency(text)) == text


def test_a_key_in_pem_stays_readable() -> None:
    pem = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"
    text = format_agency(Agency("a", "甲", keys=(AgencyKey("k", "ed25519", pem),)))
    assert text == (
        'id = "a"\nname = "甲"\n\n[[keys]]\nid = "k"\nalgorithm = "ed25519"\n'
        f"public = '''\n{pem}'''\n"
    )


def test_a_time_without_zone_is_refused() -> None:
    text = 'id="a"\nname="b"\n[[keys]]\nid="k"\nalgorithm="ed25519"\npublic=""\nnot_after='
    assert parse_agency(f"{text}2026-01-01T00:00:00Z").keys[0].not_after is not None
    with pytest.raises(msgspec.ValidationError, match="timezone"):
        parse_agency(f"{text}2026-01-01T00:00:00")
