# SPDX-License-Identifier: Apache-2.0
"""Questions that nobody asked, and tables of what is expected of them."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from gateway.config import load_site
from gateway.errors import RequestError, SetupError
from gateway.granting.table import Outcome, parse_table, try_all
from gateway.granting.trial import Question, Trial
from tests.unit.granting.site import BIRTH, CERTIFICATES, make_site

#: 17:59 in Shanxi.
NOW = datetime(2026, 11, 25, 9, 59, tzinfo=UTC)
QUESTION = Question(agency="yq-gjj", certificate=BIRTH.name, item="yq-gjj-001", fields=("born_at",))


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    return Trial(load_site(make_site(tmp_path)), CERTIFICATES, now=NOW)


def rule(trial: Trial, **changes: object) -> str:
    return trial.decide(msgspec.structs.replace(QUESTION, **changes)).rule


def test_what_a_question_leaves_open_passes(trial: Trial) -> None:
    assert rule(trial) == "grant.covers"
    assert rule(trial, operation="verify") == "grant.covers"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"certificate": "a.b"}, "certificate.known"),
        ({"scheme": "cn-uscc"}, "certificate.holder_scheme"),
        ({"item": "yq-none"}, "item.published"),
        ({"operator": "yq-0001"}, "attribution.operator"),
        ({"operator": "yq-0417"}, "grant.covers"),
        ({"purpose": "测试"}, "attribution.purpose"),
        ({"case": "x"}, "attribution.case"),
        ({"certificate": "civil_affairs.marriage", "fields": ("op_date",)}, "grant.exists"),
        ({"at": "2026-12-31"}, "grant.hours"),
        ({"at": "2027-01-01T09:00"}, "grant.validity"),
        ({"at": "2026-12-31T17:59:59"}, "grant.covers"),
        ({"at": "2026-12-31T18:00"}, "grant.hours"),
        ({"at": "2026-12-31T10:00:00Z"}, "grant.hours"),
        ({"fields": ("salary",)}, "fields.known"),
    ],
)
def test_what_it_says_is_put_to_the_policy_of_the_site(
    trial: Trial, changes: dict[str, object], expected: str
) -> None:
    assert rule(trial, **changes) == expected


def test_who_or_when_is_none_is_told(trial: Trial) -> None:
    with pytest.raises(RequestError, match="AGENCY_UNKNOWN"):
        rule(trial, agency="yq-none")
    with pytest.raises(RequestError, match="PERIOD_INVALID"):
        rule(trial, at="tomorrow")


TOML = """\
[[cases]]
agency = "yq-gjj"
certificate = "health.birth_certificate"
item = "yq-gjj-001"
fields = ["born_at"]
expect = "gjj-birth@1"

[[cases]]
agency = "yq-gjj"
certificate = "health.birth_certificate"
item = "yq-gjj-001"
fields = ["born_at"]
at = "2026-11-25T19:00"
expect = "permit"
"""
CSV = """\
\ufeffagency,certificate,item,fields,operation,at,expect
yq-gjj,health.birth_certificate,yq-gjj-001,born_at mother_id,query,,gjj-birth
yq-gjj,health.birth_certificate,yq-gjj-001,born_at,,2026-11-25T19:00,permit
"""
HOURS = "grant gjj-birth@1 may be used 08:00-18:00"


@pytest.mark.parametrize(("text", "name"), [(TOML, "x.toml"), (CSV, "x.csv")])
def test_a_table_tells_row_by_row_what_differs(trial: Trial, text: str, name: str) -> None:
    first, second = try_all(parse_table(text, name), trial)
    assert (first.row, first.got, first.agrees) == (1, "gjj-birth@1", True)
    assert second == Outcome(2, "permit", "grant.hours", HOURS, agrees=False)


def test_a_refusal_is_expected_by_its_rule(trial: Trial) -> None:
    rows = parse_table(CSV.replace("permit", "grant.hours"), "x.csv")
    assert all(outcome.agrees for outcome in try_all(rows, trial))


@pytest.mark.parametrize(
    ("text", "name", "words"),
    [
        (CSV.replace("expect", "expected"), "x.csv", "line 2: Object contains unknown field"),
        (CSV.replace(",permit", ",permit,more"), "x.csv", "line 3: more cells than the head has"),
        (CSV.replace(",,2026", ",ask,2026"), "x.csv", "line 3: Invalid enum value"),
        (TOML.replace("expect", "expected"), "x.toml", "unknown field"),
        ("cases = []", "x.toml", "there is no row in it"),
        ("agency,expect\n", "x.csv", "there is no row in it"),
        ("[", "x.toml", "Invalid"),
    ],
)
def test_a_table_that_is_none_is_told_with_its_line(text: str, name: str, words: str) -> None:
    with pytest.raises(SetupError, match=words):
        parse_table(text, name)
