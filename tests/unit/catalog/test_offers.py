# SPDX-License-Identifier: Apache-2.0
"""What an agency is shown of certificate types and of its own grants."""

from datetime import date

from gateway.catalog.offers import list_offers
from gateway.errors import Text
from gateway.model.certificate import CertificateType, Field
from gateway.model.grant import Grant
from gateway.model.offer import Offered, OfferedField
from gateway.model.share import Share
from tests.unit.policy.scene import PERMITTED, replace

TODAY = date(2026, 11, 22)
(GRANT,) = PERMITTED.grants
TITLE = Text("Title", "标题")
IDENTITY = CertificateType(
    name="public_security.identity",
    title=TITLE,
    schemes=("cn-id",),
    fields=(Field("name", TITLE), Field("photo", TITLE, sensitivity="sensitive")),
    key_fields=("name",),
)
ADOPTION = replace(IDENTITY, name="civil_affairs.adoption", key_fields=())


def offers(*grants: Grant, agency: str = "yq-gjj", shares: tuple[Share, ...] = ()) -> Offered:
    return list_offers(agency, (IDENTITY, ADOPTION), grants, shares, today=TODAY)


def granted(*grants: Grant, agency: str = "yq-gjj") -> list[list[str]]:
    offered = offers(*grants, agency=agency)
    return [[grant.grant for grant in each.grants] for each in offered.certificates]


def test_every_type_is_listed_by_name_with_its_fields() -> None:
    offered = offers()
    assert [each.name for each in offered.certificates] == [ADOPTION.name, IDENTITY.name]
    identity = offered.certificates[1]
    assert identity.fields[1] == OfferedField("photo", TITLE, "string", "sensitive")
    assert (identity.key_fields, identity.share, identity.grants) == (("name",), "conditional", ())


def test_an_agency_sees_its_own_grants_and_nobody_elses() -> None:
    other = replace(GRANT, id="b", agency="yq-rsj")
    assert granted(GRANT, other) == [[], ["yq-gjj@3"]]
    assert granted(GRANT, other, agency="yq-none") == [[], []]


def test_only_newest_versions_that_are_or_will_be_in_force_are_shown() -> None:
    ended = replace(GRANT, id="ended", valid_until=date(2026, 11, 21))
    last_day = replace(GRANT, id="last-day", valid_until=TODAY)
    future = replace(GRANT, id="to-come", valid_from=date(2026, 12, 1))
    revoked = replace(GRANT, id="revoked", revoked="synthetic")
    older = replace(GRANT, version=2)
    assert granted(ended, last_day, future, revoked, older, GRANT) == [
        [],
        ["last-day@3", "to-come@3", "yq-gjj@3"],
    ]


def test_what_is_not_shared_says_so_with_its_reason() -> None:
    shares = (Share(ADOPTION.name, "none", "民法典"), Share(IDENTITY.name, "unconditional", "x"))
    said = [(each.share, each.share_reason) for each in offers(shares=shares).certificates]
    assert said == [("none", "民法典"), ("unconditional", "")]
