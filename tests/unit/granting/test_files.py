# SPDX-License-Identifier: Apache-2.0
"""Grants and applications as TOML and back, whatever stands in them."""

from datetime import UTC, date, datetime

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from gateway.model.agency_file import format_toml
from gateway.model.application import Application, Change
from gateway.model.grant import Grant

names = st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True)
words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=40)
days = st.dates(date(2000, 1, 1), date(2100, 1, 1))
times = st.integers(0, 4 * 10**9).map(lambda at_s: datetime.fromtimestamp(at_s, UTC))
places = st.lists(st.from_regex(r"[0-9]{6}|[0-9]{12}", fullmatch=True), max_size=3).map(tuple)
lists = st.lists(words, min_size=1, max_size=3).map(tuple)
scope = {
    "agency": names,
    "certificate": words,
    "operations": st.sampled_from((("query",), ("verify",), ("query", "verify"))),
    "items": lists,
    "valid_from": days,
    "valid_until": days,
    "basis": words,
    "daily_cap": st.none() | st.integers(1, 10**9),
    "networks": st.just(()) | lists,
    "divisions": places,
    "hours": st.just(()) | lists,
    "impact_assessment": st.none() | words,
}
changes = st.builds(
    Change, step=st.sampled_from(("drafted", "approved")), at=times, by=words, note=words
)


@given(
    st.builds(
        Grant,
        id=names,
        version=st.integers(1, 99),
        fields=st.just(()) | lists,
        application=st.none() | names,
        revoked=st.none() | words,
        made_by=st.none() | words,
        made_at=st.none() | times,
        **scope,
    )
)
def test_a_grant_comes_back_as_it_was_written(grant: Grant) -> None:
    assert msgspec.toml.decode(format_toml(grant), type=Grant) == grant


@given(
    st.builds(
        Application,
        id=names,
        grant=names,
        fields=lists,
        scenario=words,
        state=st.sampled_from(("draft", "submitted", "approved")),
        share=st.sampled_from((None, "conditional", "unconditional")),
        due_on=st.none() | days,
        provide_by=st.none() | days,
        version=st.none() | st.integers(1, 99),
        changes=st.lists(changes, max_size=3).map(tuple),
        **scope,
    )
)
def test_an_application_comes_back_as_it_was_written(application: Application) -> None:
    assert msgspec.toml.decode(format_toml(application), type=Application) == application
