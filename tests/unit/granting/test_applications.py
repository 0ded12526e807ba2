# SPDX-License-Identifier: Apache-2.0
"""Applications on disk: from the first word to the grant, whatever stops in between."""

from pathlib import Path

import msgspec
import pytest

from gateway.config import load_site
from gateway.errors import RequestError, SetupError
from gateway.granting.applications import Applications
from tests.unit.granting.site import APPLICATION, CERTIFICATES, HAND, MARRIAGE, make_site

WITHHELD = """\
[[shares]]
certificate = "civil_affairs.marriage"
type = "none"
reason = "某法第一条（演示）"
"""
replace = msgspec.structs.replace


@pytest.fixture
def applications(tmp_path: Path) -> Applications:
    return Applications(make_site(tmp_path), CERTIFICATES)


def test_an_application_becomes_the_grant_s_next_version(
    applications: Applications, tmp_path: Path
) -> None:
    applications.apply(APPLICATION, HAND)
    approved = applications.approve("gjj-marriage", HAND, note="仅限提取审核")
    assert applications.read_all() == [approved]
    assert [(c.step, c.by, c.at, c.note) for c in approved.changes] == [
        ("drafted", HAND.by, HAND.at, ""),
        ("submitted", HAND.by, HAND.at, ""),
        ("approved", HAND.by, HAND.at, "仅限提取审核"),
        ("provided", HAND.by, HAND.at, ""),
    ]
    (made,) = [each for each in load_site(tmp_path).grants if each.id == "gjj-marriage"]
    assert made == APPLICATION.as_grant(1, by=HAND.by, at=HAND.at)


def test_a_second_application_for_the_grant_makes_its_second_version(
    applications: Applications,
) -> None:
    for number, name in enumerate(("gjj-marriage", "gjj-marriage-2"), 1):
        applications.apply(replace(APPLICATION, id=name), HAND)
        assert applications.approve(name, HAND).version == number


def test_a_stop_between_grant_and_application_makes_no_second_version(
    applications: Applications, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    applications.apply(APPLICATION, HAND)
    monkeypatch.setattr("gateway.granting.applications.write_whole", _stop)
    with pytest.raises(KeyboardInterrupt):
        applications.approve("gjj-marriage", HAND)
    monkeypatch.undo()
    assert applications.read_all()[0].state == "submitted"
    again = Applications(tmp_path, CERTIFICATES)
    assert again.approve("gjj-marriage", HAND).version == 1
    assert [each.reference for each in load_site(tmp_path).grants] == [
        "gjj-birth@1",
        "gjj-marriage@1",
    ]


def _stop(_file: Path, _text: str) -> None:
    raise KeyboardInterrupt


def test_a_draft_may_be_edited_before_it_is_sent(
    applications: Applications, tmp_path: Path
) -> None:
    applications.draft(APPLICATION, HAND)
    file = tmp_path / "applications/gjj-marriage.toml"
    file.write_text(file.read_text().replace('"140300"', '"140302"'))
    sent = applications.submit("gjj-marriage", HAND)
    assert (sent.state, sent.divisions) == ("submitted", ("140302",))
    applications.draft(replace(APPLICATION, id="gjj-other"), HAND)
    other = tmp_path / "applications/gjj-other.toml"
    other.write_text(other.read_text().replace('"op_date"', '"salary"'))
    with pytest.raises(RequestError, match=r"APPLICATION_MALFORMED.*names the field `salary`"):
        applications.submit("gjj-other", HAND)


def test_each_step_is_written_or_nothing_is(applications: Applications, tmp_path: Path) -> None:
    applications.apply(APPLICATION, HAND)
    before = (tmp_path / "applications/gjj-marriage.toml").read_bytes()
    with pytest.raises(RequestError, match="APPLICATION_STATE"):
        applications.supplement("gjj-marriage", HAND, given="材料", impact_assessment=None)
    with pytest.raises(RequestError, match="APPLICATION_STATE"):
        applications.provide("gjj-marriage", HAND)
    assert (tmp_path / "applications/gjj-marriage.toml").read_bytes() == before


def test_ids_are_given_once_and_are_well_formed(applications: Applications) -> None:
    applications.apply(APPLICATION, HAND)
    with pytest.raises(RequestError, match="APPLICATION_DUPLICATE"):
        applications.draft(APPLICATION, HAND)
    with pytest.raises(RequestError, match="APPLICATION_UNKNOWN"):
        applications.approve("gjj-none", HAND)
    with pytest.raises(RequestError, match="APPLICATION_MALFORMED"):
        applications.approve("../gateway", HAND)


def test_what_is_withheld_after_it_was_asked_for_is_not_consented_to(
    applications: Applications, tmp_path: Path
) -> None:
    applications.apply(APPLICATION, HAND)
    make_site(tmp_path, shares=WITHHELD)
    withheld = Applications(tmp_path, CERTIFICATES)
    with pytest.raises(RequestError, match=r"NOT_SHARED: civil_affairs\.marriage: 某法第一条"):
        withheld.approve("gjj-marriage", HAND)
    with pytest.raises(RequestError, match="NOT_SHARED"):
        withheld.apply(replace(APPLICATION, id="gjj-again"), HAND)
    assert not (tmp_path / "grants/gjj-marriage.toml").exists()


def test_sensitive_fields_are_supplied_with_their_assessment_before_consent(
    applications: Applications,
) -> None:
    applications.apply(replace(APPLICATION, fields=("op_type",)), HAND)
    with pytest.raises(RequestError, match="ASSESSMENT_MISSING: sensitive: op_type"):
        applications.approve("gjj-marriage", HAND)
    applications.ask_supplement("gjj-marriage", HAND, missing="影响评估编号")
    applications.supplement("gjj-marriage", HAND, given="影响评估编号", impact_assessment="PIA-7")
    assert applications.approve("gjj-marriage", HAND).version == 1


def test_of_a_certificate_that_nobody_answers_yet_only_the_consent_is_noted(
    tmp_path: Path,
) -> None:
    early = Applications(make_site(tmp_path, grants="grants = []\n"), {})
    early.apply(APPLICATION, HAND)
    approved = early.approve("gjj-marriage", HAND)
    assert (approved.state, approved.version) == ("approved", None)
    with pytest.raises(RequestError, match=r"no adapter answers civil_affairs\.marriage here yet"):
        early.provide("gjj-marriage", HAND)
    assert not load_site(tmp_path).grants
    later = Applications(tmp_path, {MARRIAGE.name: MARRIAGE})
    assert later.provide("gjj-marriage", HAND).version == 1


def test_a_file_that_is_not_named_after_its_application_is_told(
    applications: Applications, tmp_path: Path
) -> None:
    applications.apply(APPLICATION, HAND)
    file = tmp_path / "applications/gjj-marriage.toml"
    file.rename(file.with_name("other.toml"))
    with pytest.raises(SetupError, match=r"applications/other.toml: \$.id"):
        applications.read_all()
