# SPDX-License-Identifier: Apache-2.0
"""Whether an identified caller may know: one rule at a time, and their order."""

from datetime import date
from typing import Any

import pytest

from gateway.errors import CHECKS, REFUSALS, SetupError
from gateway.model.agency import Agency, Operator
from gateway.model.grant import Permit
from gateway.model.holder import Holder
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
