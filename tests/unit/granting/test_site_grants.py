# SPDX-License-Identifier: Apache-2.0
"""The next version of a grant: added, checked, and nothing before it changed."""

from pathlib import Path

import msgspec
import pytest

from gateway.config import load_site
from gateway.errors import RequestError, SetupError
from gateway.granting.site_grants import SiteGrants, state_of
from gateway.model.grant import Grant
from tests.unit.granting.site import APPLICATION, CERTIFICATES, DAY, GRANTS, HAND, make_site


@pytest.fixture
def grants(tmp_path: Path) -> SiteGrants:
    return SiteGrants(make_site(tmp_path), CERTIFICATES)


def issue(grants: SiteGrants, **changes: object) -> Grant:
    asked = msgspec.structs.replace(APPLICATION, **changes)
    return grants.issue(
        asked.grant, lambda version, _: asked.as_grant(version, by=HAND.by, at=HAND.at)
    )


def test_versions_follow_each_other_in_the_grant_s_own_file(
    grants: SiteGrants, tmp_path: Path
) -> None:
    first, second = issue(grants), issue(grants, divisions=("140302",))
    assert (first.reference, second.reference) == ("gjj-marriage@1", "gjj-marriage@2")
    held = [each for each in load_site(tmp_path).grants if each.id == "gjj-marriage"]
    assert held == [first, second]
    assert (second.application, second.made_by, second.made_at) == (
        "gjj-marriage",
        "民政局测试乙",
        HAND.at,
    )


def test_of_a_grant_that_a_person_wrote_the_file_stays_as_it_is(
    grants: SiteGrants, tmp_path: Path
) -> None:
    revoked = grants.revoke("gjj-birth", HAND, reason="事项已取消")
    assert (revoked.version, revoked.revoked, revoked.hours) == (2, "事项已取消", ("08:00-18:00",))
    assert (tmp_path / "grants/demo.toml").read_text() == GRANTS
    assert 'revoked = "事项已取消"' in (tmp_path / "grants/gjj-birth.toml").read_text()


def test_what_stands_in_the_file_stays_comments_too(grants: SiteGrants, tmp_path: Path) -> None:
    file = tmp_path / "grants/gjj-birth.toml"
    (tmp_path / "grants/demo.toml").rename(file)
    grants.revoke("gjj-birth", HAND, reason="事项已取消")
    assert file.read_text().startswith(GRANTS)


def test_a_grant_is_revoked_once_and_only_one_that_is_there(grants: SiteGrants) -> None:
    grants.revoke("gjj-birth", HAND, reason="事项已取消")
    with pytest.raises(RequestError, match="GRANT_REVOKED: it was, by gjj-birth@2"):
        grants.revoke("gjj-birth", HAND, reason="事项已取消")
    with pytest.raises(RequestError, match="GRANT_UNKNOWN"):
        grants.revoke("gjj-none", HAND, reason="事项已取消")
    with pytest.raises(RequestError, match="APPLICATION_MALFORMED"):
        grants.revoke("gjj-birth", HAND, reason=" ")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"agency": "yq-none"}, "names the agency `yq-none`"),
        ({"items": ("yq-none",)}, "names the item `yq-none`"),
        ({"fields": ("salary",)}, "names the field `salary`"),
        ({"valid_until": APPLICATION.valid_from.replace(year=2025)}, "ends before it begins"),
        ({"networks": ("10.0.0.1/8",)}, "not a CIDR block"),
        ({"hours": ("8-12",)}, "not of the form 08:00-12:00"),
        ({"grant": "gjj-birth"}, "another grant takes another id"),
    ],
)
def test_a_version_that_the_gateway_would_refuse_is_not_written(
    grants: SiteGrants, tmp_path: Path, changes: dict[str, object], words: str
) -> None:
    with pytest.raises(RequestError, match="APPLICATION_MALFORMED") as caught:
        issue(grants, **changes)
    assert words in caught.value.detail
    assert [file.name for file in (tmp_path / "grants").iterdir()] == ["demo.toml"]


def test_a_file_that_cannot_take_another_table_is_told(grants: SiteGrants, tmp_path: Path) -> None:
    (tmp_path / "grants/gjj-marriage.toml").write_text("grants = []\n")
    with pytest.raises(SetupError, match=r"grants/gjj-marriage.toml: cannot take another table"):
        issue(grants)


def test_states_say_whether_a_grant_permits_anything_today(
    grants: SiteGrants, tmp_path: Path
) -> None:
    site = load_site(tmp_path)
    (birth,) = site.grants
    assert state_of(birth, site, DAY) == "in_force"
    assert state_of(birth, site, DAY.replace(year=2025)) == "not_yet"
    assert state_of(birth, site, DAY.replace(year=2027)) == "ended"
    assert state_of(grants.revoke("gjj-birth", HAND, reason="事项已取消"), site, DAY) == "revoked"
    make_site(tmp_path, shares=WITHHELD)
    assert state_of(birth, load_site(tmp_path), DAY) == "not_shared"


WITHHELD = """\
[[shares]]
certificate = "health.birth_certificate"
type = "none"
reason = "某法第一条（演示）"
"""
