# SPDX-License-Identifier: Apache-2.0
"""The policy against a second one that was written differently: plain, slow, grant by grant.

The oracle knows no index and no sets made ready: for each grant it lists every rule that the
request breaks, and takes the first of them.
"""

from datetime import date, timedelta
from ipaddress import ip_address, ip_network
from typing import TypeVar

from hypothesis import event, given, settings
from hypothesis import strategies as st

from gateway.errors import REFUSALS
from gateway.model.agency import Agency, Operator
from gateway.model.certificate import Value
from gateway.model.grant import Deny, Grant, Permit
from gateway.model.holder import Holder
from gateway.model.lookup import Attribution, LookupRequest, OperatorReference
from gateway.model.material import Material
from gateway.policy.rules import RULES
from tests.unit.policy.scene import ITEM, PERMITTED, Scene, replace

FIELDS = ("name", "sex_code", "valid_to")
ITEMS = ("yq-gjj-001", "yq-gjj-002")
TODAY = date(2026, 11, 22)
NETWORKS = ("10.20.0.0/16", "10.30.0.0/16", "2001:db8::/32")


T = TypeVar("T")


def often(usual: T, *others: T) -> st.SearchStrategy[T]:
    """Mostly what passes, so that late rules are reached too."""
    return st.sampled_from((usual,) * 20 + others)


days = st.integers(-2, 2).map(lambda days: TODAY + timedelta(days))
grants = st.builds(
    Grant,
    id=st.sampled_from(("a", "b", "c")),
    version=st.integers(1, 3),
    agency=often("yq-gjj", "yq-rsj"),
    certificate=often("public_security.identity", "housing_fund.account"),
    operations=st.sampled_from((("query",), ("verify",), ("query", "verify"), ("query", "verify"))),
    fields=st.lists(st.sampled_from(FIELDS), unique=True).map(tuple) | st.just(FIELDS),
    items=st.sampled_from(((ITEMS[0],), (ITEMS[1],), ITEMS, ITEMS)),
    valid_from=st.just(date(2026, 1, 1)) | days,
    valid_until=st.just(date(2026, 12, 31)) | days,
    basis=st.just("synthetic"),
    networks=st.just(()) | st.lists(st.sampled_from(NETWORKS), max_size=2).map(tuple),
).filter(lambda grant: grant.valid_from <= grant.valid_until)
grant_sets = st.lists(
    grants, min_size=0, max_size=6, unique_by=lambda grant: (grant.id, grant.version)
)
attributions = st.builds(
    Attribution,
    item=st.sampled_from(ITEMS),
    case=often("YQ20261122-0001", "x", "办件0001"),
    purpose=often("housing fund withdrawal", "测试", "", "-"),
    operator=st.builds(
        OperatorReference,
        id=often("yq-0417", "admin", "yq-0418"),
        name=often("测试经办", "系统", "测试乙"),
    ),
)
asked = st.sampled_from(
    (*[("name",), ("valid_to", "name"), FIELDS] * 4, (), ("name", "name"), ("salary",))
)
claims: st.SearchStrategy[dict[str, Value]] = st.sampled_from(
    (*[{"name": "测试甲"}, {"sex_code": "1"}] * 4, {}, {"salary": 1})
)
requests = st.one_of(
    st.builds(
        LookupRequest,
        holder=st.just(PERMITTED.request.holder),
        certificate=st.just("public_security.identity"),
        attribution=attributions,
        operation=st.just("query"),
        fields=asked,
        claims=often({}, {"name": "测试甲"}),
    ),
    st.builds(
        LookupRequest,
        holder=st.just(PERMITTED.request.holder),
        certificate=st.just("public_security.identity"),
        attribution=attributions,
        operation=st.just("verify"),
        fields=often((), ("name",)),
        claims=claims,
    ),
)


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    request = draw(requests)
    needed = draw(often("public_security.identity", "housing_fund.account"))
    item = replace(
        ITEM,
        code=request.attribution.item,
        materials=(Material("结婚证", "civil_affairs.marriage"), Material("材料", needed)),
    )
    return PERMITTED.changed(
        agency=Agency("yq-gjj", "测试单位", operators=(Operator("yq-0417", "测试经办"),)),
        request=request,
        holder=draw(often(PERMITTED.holder, Holder("cn-uscc", "91140300MA0TE0T12P"))),
        item=draw(often(item, None)),
        certificate=draw(often(PERMITTED.certificate, None)),
        grants=tuple(draw(grant_sets)),
        address=draw(st.sampled_from(("10.20.1.1", "10.30.1.1", "10.40.1.1", "2001:db8::9"))),
    )


def before_grants(scene: Scene) -> list[str]:
    """Rules broken whatever the grants say."""
    certificate, item, who = scene.certificate, scene.item, scene.request.attribution.operator
    why, case = scene.request.attribution.purpose, scene.request.attribution.case
    broken = {
        "certificate.known": certificate is None,
        "certificate.holder_scheme": certificate and scene.holder.scheme not in certificate.schemes,
        "item.published": item is None,
        "item.certificate": item
        and scene.request.certificate not in [m.certificate for m in item.materials],
        "attribution.operator_placeholder": who.id == "admin" or who.name == "系统",
        "attribution.operator": (who.id, who.name) != ("yq-0417", "测试经办"),
        "attribution.purpose": why in ("测试", "", "-"),
        "attribution.case": case in ("x", "办件0001"),
    }
    return [rule for rule, is_broken in broken.items() if is_broken]


def under(grant: Grant, scene: Scene) -> list[str]:
    """Rules broken under this grant, in order; none is a permit."""
    request = scene.request
    used, stray = list(request.fields), list(request.claims)
    if request.operation == "verify":
        used, stray = stray, used
    networks = [ip_network(block) for block in grant.networks]
    broken = {
        "grant.validity": scene.today < grant.valid_from or scene.today > grant.valid_until,
        "grant.item": request.attribution.item not in grant.items,
        "grant.network": networks and not any(ip_address(scene.address) in n for n in networks),
        "grant.operation": request.operation not in grant.operations,
        "fields.shape": stray or not used or len(used) != len(set(used)),
        "fields.known": any(name not in FIELDS for name in used),
        "grant.fields": any(name not in grant.fields for name in used),
    }
    return [rule for rule, is_broken in broken.items() if is_broken]


def oracle(scene: Scene) -> str | Grant:
    """The grant that permits, or the rule that refuses."""
    if broken := before_grants(scene):
        return broken[0]
    newest = [
        grant
        for grant in sorted(scene.grants, key=lambda grant: grant.id)
        if grant.version == max(g.version for g in scene.grants if g.id == grant.id)
        and (grant.agency, grant.certificate) == (scene.agency.id, scene.request.certificate)
    ]
    if not newest:
        return "grant.exists"
    for grant in newest:
        if not under(grant, scene):
            return grant
    first_broken = {under(grant, scene)[0] for grant in newest}
    return [rule for rule in RULES if rule in first_broken][-1]


@settings(max_examples=1_500, deadline=None)
@given(scenes())
def test_the_policy_decides_like_the_oracle_and_always_names_its_rule(scene: Scene) -> None:
    decision, expected = scene.decide(), oracle(scene)
    event(decision.rule)
    match decision:
        case Permit(grant, rule):
            assert grant is expected
            assert rule == "grant.covers"
        case Deny(refusal, rule, detail):
            assert rule == expected
            assert refusal is REFUSALS[RULES[rule]]
            assert detail
            assert "测试" not in detail
            assert scene.holder.number not in detail
