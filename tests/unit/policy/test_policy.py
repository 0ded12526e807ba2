# SPDX-License-Identifier: Apache-2.0
"""Whether an identified caller may know: one rule at a time, and their order."""

from datetime import date
from typing import Any

import pytest

from gateway.errors import CHECKS, REFUSALS, SetupError
from gateway.model.agency import Agency, Operator
from gateway.model.grant import Permit
from gateway.model.holder import Holder
from gateway.model.share import Share
from gateway.policy.policy import GrantPolicy
from gateway.policy.rules import RULES
from tests.unit.policy.scene import ITEM, PERMITTED, Scene, replace


def permitted_by(scene: Scene) -> str:
    decision = scene.decide()
    assert isinstance(decision, Permit)
    assert decision.rule == "grant.covers"
    return decision.grant.reference


def test_a_request_that_a_grant_covers_is_permitted_under_it() -> None:
    assert permitted_by(PERMITTED) == "yq-gjj@3"


def test_rules_stand_in_the_order_of_the_checks() -> None:
    places = [CHECKS.index(REFUSALS[code].check) for code in RULES.values()]
    assert places == sorted(places)


WITHHELD = PERMITTED.changed(
    shares=(Share("public_security.identity", "none", "中华人民共和国某某法第一条（演示）"),)
)


def verifying(**claims: object) -> Scene:
    return PERMITTED.asking(operation="verify", fields=(), claims=claims)


@pytest.mark.parametrize(
    ("scene", "rule", "code"),
    [
        (PERMITTED.changed(certificate=None), "certificate.known", "CERTIFICATE_UNKNOWN"),
        (
            PERMITTED.changed(holder=Holder("cn-uscc", "91140300MA0TE0T12P")),
            "certificate.holder_scheme",
            "CERTIFICATE_UNKNOWN",
        ),
        (PERMITTED.changed(item=None), "item.published", "ITEM_UNKNOWN"),
        (
            PERMITTED.changed(item=replace(ITEM, materials=())),
            "item.certificate",
            "ITEM_LACKS_CERTIFICATE",
        ),
        (PERMITTED.changed(grants=()), "grant.exists", "NOT_GRANTED"),
        (PERMITTED.granting({"agency": "yq-rsj"}), "grant.exists", "NOT_GRANTED"),
        (PERMITTED.granting({"certificate": "a.b"}), "grant.exists", "NOT_GRANTED"),
        (WITHHELD, "certificate.share_type", "NOT_SHARED"),
        (PERMITTED.granting({"revoked": "no longer needed"}), "grant.revoked", "GRANT_REVOKED"),
        (PERMITTED.granting({"hours": ("11:00-12:00",)}), "grant.hours", "HOURS_NOT_GRANTED"),
        (
            PERMITTED.granting({"divisions": ("140100", "140303")}),
            "grant.division",
            "DIVISION_NOT_GRANTED",
        ),
        (PERMITTED.changed(today=date(2025, 12, 31)), "grant.validity", "GRANT_EXPIRED"),
        (PERMITTED.changed(today=date(2027, 1, 1)), "grant.validity", "GRANT_EXPIRED"),
        (PERMITTED.granting({"items": ("yq-gjj-002",)}), "grant.item", "ITEM_NOT_GRANTED"),
        (
            PERMITTED.granting({"networks": ("10.99.0.0/16",)}),
            "grant.network",
            "NETWORK_DENIED",
        ),
        (
            PERMITTED.granting({"operations": ("verify",)}),
            "grant.operation",
            "OPERATION_NOT_GRANTED",
        ),
        (PERMITTED.asking(fields=()), "fields.shape", "FIELD_UNKNOWN"),
        (PERMITTED.asking(fields=("name", "name")), "fields.shape", "FIELD_UNKNOWN"),
        (PERMITTED.asking(claims={"name": "测试甲"}), "fields.shape", "FIELD_UNKNOWN"),
        (verifying(), "fields.shape", "FIELD_UNKNOWN"),
        (
            verifying(name="测试甲").asking(fields=("name",)),
            "fields.shape",
            "FIELD_UNKNOWN",
        ),
        (PERMITTED.asking(fields=("name", "salary")), "fields.known", "FIELD_UNKNOWN"),
        (verifying(salary=1), "fields.known", "FIELD_UNKNOWN"),
        (PERMITTED.asking(fields=("name", "sex_code")), "grant.fields", "FIELD_NOT_GRANTED"),
        (verifying(sex_code="1"), "grant.fields", "FIELD_NOT_GRANTED"),
    ],
)
def test_each_rule_refuses_what_it_is_for(scene: Scene, rule: str, code: str) -> None:
    assert scene.refusal()[:2] == (rule, code)


def test_a_verification_of_granted_fields_is_permitted() -> None:
    assert permitted_by(verifying(name="测试甲")) == "yq-gjj@3"


@pytest.mark.parametrize("today", [date(2026, 1, 1), date(2026, 12, 31)])
def test_a_grant_is_valid_on_its_first_and_on_its_last_day(today: date) -> None:
    assert permitted_by(PERMITTED.changed(today=today)) == "yq-gjj@3"


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("10.20.30.40", True),
        ("10.20.255.255", True),
        ("10.21.0.0", False),
        ("::ffff:10.20.30.40", True),
        ("::ffff:10.21.0.0", False),
        ("2001:db8::1", True),
        ("2001:db9::1", False),
        ("", False),
        ("10.20.30", False),
        ("/run/yizheng.sock", False),
    ],
)
def test_networks_are_compared_as_addresses(address: str, *, inside: bool) -> None:
    scene = PERMITTED.granting({"networks": ("10.20.0.0/16", "2001:db8::/32")})
    expected = "grant.covers" if inside else "grant.network"
    assert scene.changed(address=address).rule() == expected


def test_without_networks_any_address_passes() -> None:
    assert permitted_by(PERMITTED.changed(address="")) == "yq-gjj@3"


@pytest.mark.parametrize(
    ("division", "inside"),
    [
        ("140300", True),
        ("140302", True),
        ("140300000000", True),
        ("140302001002", True),
        ("140000", False),
        ("140100", False),
        ("141300", False),
        (None, False),
    ],
)
def test_a_request_s_place_lies_in_the_grant_s_or_is_refused(
    division: str | None, *, inside: bool
) -> None:
    for granted in ("140300", "140300000000"):
        scene = PERMITTED.granting({"divisions": (granted,)}).attributed(division=division)
        assert scene.rule() == ("grant.covers" if inside else "grant.division")


def test_without_divisions_no_place_need_be_named() -> None:
    assert permitted_by(PERMITTED.attributed(division=None)) == "yq-gjj@3"


@pytest.mark.parametrize(
    ("minute", "inside"), [(479, False), (480, True), (719, True), (720, False), (1439, False)]
)
def test_a_grant_s_hours_begin_with_their_first_minute_and_end_before_their_last(
    minute: int, *, inside: bool
) -> None:
    scene = PERMITTED.granting({"hours": ("08:00-12:00",)}).changed(minute=minute)
    assert scene.rule() == ("grant.covers" if inside else "grant.hours")


def test_a_permit_says_whether_the_hour_had_a_part_in_it() -> None:
    always, by_day = {"id": "b"}, {"id": "a", "hours": ("00:00-09:00",)}
    scene = PERMITTED.granting(always, by_day)
    permits = [scene.changed(minute=minute).decide() for minute in (0, 600)]
    assert [permit.grant.id for permit in permits if isinstance(permit, Permit)] == ["a", "b"]
    assert [permit.is_timed for permit in permits if isinstance(permit, Permit)] == [True, True]
    plain = PERMITTED.decide()
    assert isinstance(plain, Permit)
    assert not plain.is_timed


def test_what_is_not_shared_is_refused_whatever_is_granted_and_the_law_is_named() -> None:
    assert WITHHELD.refusal()[2] == (
        "public_security.identity is not shared: 中华人民共和国某某法第一条（演示）"
    )
    for type_ in ("conditional", "unconditional"):
        shared = PERMITTED.changed(shares=(Share("public_security.identity", type_),))
        assert permitted_by(shared) == "yq-gjj@3"
        # Unconditional sharing is no open door: it still takes a grant, and who asks and why.
        assert shared.changed(grants=()).rule() == "grant.exists"
        assert shared.attributed(purpose="测试").rule() == "attribution.purpose"


def test_what_is_not_shared_needs_its_legal_reason() -> None:
    with pytest.raises(ValueError, match="legal reason"):
        Share("public_security.identity", "none", " ")


def test_the_detail_names_grant_and_missing_fields_in_our_own_words() -> None:
    *_, detail = PERMITTED.asking(fields=("name", "sex_code")).refusal()
    assert detail == "grant yq-gjj@3 lacks sex_code"


def test_an_unknown_field_is_told_by_its_place_for_it_may_be_anything() -> None:
    *_, detail = PERMITTED.asking(fields=("name", "140302190001010017")).refusal()
    assert detail == "`fields`, entry 1: no field of public_security.identity"


def test_only_the_newest_version_of_a_grant_counts() -> None:
    narrower = {"version": 10, "fields": ("name",)}
    assert PERMITTED.granting({}, narrower).rule() == "grant.fields"
    assert PERMITTED.granting(narrower, {}).rule() == "grant.fields"
    moved = {"version": 4, "certificate": "a.b"}
    assert PERMITTED.granting({}, moved).rule() == "grant.exists"


def test_the_first_grant_by_id_that_covers_everything_wins() -> None:
    narrow, one, other = {"id": "a", "fields": ("name",)}, {"id": "b"}, {"id": "c"}
    assert permitted_by(PERMITTED.granting(other, narrow, one)) == "b@3"


def test_two_grants_are_not_added_up() -> None:
    parts = PERMITTED.granting(
        {"id": "a", "fields": ("name",)}, {"id": "b", "fields": ("valid_to",)}
    )
    assert parts.refusal() == (
        "grant.fields",
        "FIELD_NOT_GRANTED",
        "grant a@3 lacks valid_to",
    )


@pytest.mark.parametrize(
    ("one", "other", "rule"),
    [
        ({"items": ("x",)}, {"valid_until": date(2026, 1, 2)}, "grant.item"),
        ({"valid_until": date(2026, 1, 2)}, {"operations": ("verify",)}, "grant.operation"),
        ({"networks": ("10.99.0.0/16",)}, {"fields": ("name",)}, "grant.fields"),
    ],
)
def test_with_several_grants_the_refusal_that_came_furthest_is_told(
    one: dict[str, Any], other: dict[str, Any], rule: str
) -> None:
    for first, second in ((one, other), (other, one)):
        assert PERMITTED.granting({"id": "a", **first}, {"id": "b", **second}).rule() == rule


def test_a_reloaded_agency_brings_its_own_operators() -> None:
    policy = GrantPolicy(PERMITTED.grants)

    def rule(agency: Agency) -> str:
        return policy.decide(
            agency,
            PERMITTED.request,
            PERMITTED.holder,
            PERMITTED.item,
            PERMITTED.certificate,
            today=PERMITTED.today,
            minute=PERMITTED.minute,
            address=PERMITTED.address,
        ).rule

    assert rule(PERMITTED.agency) == "grant.covers"
    assert rule(replace(PERMITTED.agency, operators=())) == "attribution.operator"
    assert rule(replace(PERMITTED.agency, operators=(Operator("yq-0417", "测试经办"),))) == (
        "grant.covers"
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"networks": ("10.20.30.40/16",)}, "not a CIDR block"),
        ({"networks": ("yq.example",)}, "not a CIDR block"),
        ({"valid_until": date(2025, 1, 1)}, "ends before it starts"),
        ({"hours": ("8-12",)}, "not of the form 08:00-12:00"),
        ({"hours": ("18:00-08:00",)}, "ends before it begins"),
        ({"hours": ("18:00-24:01",)}, "ends before it begins, or after 24:00"),
    ],
)
def test_a_grant_that_cannot_be_used_is_refused_at_start_up(
    change: dict[str, Any], words: str
) -> None:
    with pytest.raises(SetupError, match=f"grant yq-gjj@3: .*{words}"):
        PERMITTED.granting(change).decide()


def test_a_version_that_is_there_twice_is_refused_at_start_up() -> None:
    with pytest.raises(SetupError, match="grant yq-gjj@3: this version is there twice"):
        PERMITTED.granting({}, {"fields": ()}).decide()
