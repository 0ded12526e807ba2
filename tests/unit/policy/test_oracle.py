# SPDX-License-Identifier: Apache-2.0
"""The policy against a second one that was written differently: at random, and a whole matrix."""

from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import product
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
from gateway.model.share import Share
from gateway.policy.policy import GrantPolicy
from gateway.policy.rules import RULES
from tests.unit.policy.oracle import KNOWN, oracle
from tests.unit.policy.scene import ITEM, PERMITTED, Scene, replace

FIELDS = KNOWN
ITEMS = ("yq-gjj-001", "yq-gjj-002")
TODAY = date(2026, 11, 22)
NETWORKS = ("10.20.0.0/16", "10.30.0.0/16", "2001:db8::/32")
#: A province, one of its cities, a county of that, a town of that; and another city.
PLACES = ("140000", "140300", "140302", "140302001000", "140100")
HOURS = ("08:00-12:00", "14:30-18:00")


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
    divisions=st.just(()) | st.lists(st.sampled_from(PLACES), max_size=2).map(tuple),
    hours=st.sampled_from(((), (), HOURS, HOURS[:1])),
    revoked=often(None, "synthetic"),
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
    division=st.sampled_from((*PLACES, "140302001002", "140321", None)),
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
        minute=draw(st.sampled_from((0, 479, 480, 600, 719, 720, 1439))),
        shares=draw(
            often((), (Share("public_security.identity", "none", "户口登记条例"),))
            | st.just((Share("public_security.identity", "unconditional"),))
        ),
        address=draw(st.sampled_from(("10.20.1.1", "10.30.1.1", "10.40.1.1", "2001:db8::9"))),
    )


@settings(max_examples=500, deadline=None)
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


#: The grants of the matrix: each narrow in another way, and of each way one that is not.
MATRIX_GRANTS = (
    ("a", {"divisions": ("140300",), "fields": ("name", "valid_to")}),
    ("b", {"hours": HOURS, "fields": FIELDS, "operations": ("query",)}),
    ("c", {"networks": (NETWORKS[0],), "fields": ("name",), "items": (ITEMS[1],)}),
    ("d", {"valid_until": date(2026, 11, 30), "divisions": ("140302001000",)}),
    ("e", {"certificate": "health.death", "fields": FIELDS}),
    ("f", {"agency": "yq-rsj", "hours": HOURS[:1], "divisions": ("140000",)}),
    ("g", {"agency": "yq-mzj", "revoked": "synthetic"}),
)


def matrix() -> Iterator[Scene]:
    """Each agency × certificate × fields × item × purpose × time × network × division."""
    grants = PERMITTED.changed(
        grants=tuple(replace(PERMITTED.grants[0], id=name, **more) for name, more in MATRIX_GRANTS)
    ).grants
    shares, kind = (Share("health.death", "none", "synthetic"),), PERMITTED.certificate
    assert kind is not None
    for agency, certificate, fields, item, purpose, (today, minute), address, place in product(
        ("yq-gjj", "yq-rsj", "yq-mzj", "yq-none"),
        ("public_security.identity", "health.death"),
        (("name",), ("name", "valid_to"), FIELDS),
        ITEMS,
        ("housing fund withdrawal", "测试"),
        ((TODAY, 600), (TODAY, 800), (date(2026, 12, 1), 1000), (date(2027, 1, 1), 600)),
        ("10.20.1.1", "10.40.1.1"),
        (None, "140302", "140302001002", "140100"),
    ):
        yield PERMITTED.changed(
            agency=replace(PERMITTED.agency, id=agency),
            item=replace(ITEM, code=item, materials=(Material("材料", certificate),)),
            certificate=replace(kind, name=certificate),
            grants=grants,
            shares=shares,
            today=today,
            minute=minute,
            address=address,
        ).asking(
            certificate=certificate,
            fields=fields,
            attribution=replace(
                PERMITTED.request.attribution, item=item, purpose=purpose, division=place
            ),
        )


def test_a_whole_matrix_of_decisions_agrees_with_the_oracle_and_none_is_without_a_rule() -> None:
    scenes = list(matrix())
    policy = GrantPolicy(scenes[0].grants, scenes[0].shares)
    rules = Counter[str]()
    for scene in scenes:
        decision, expected = scene.decide(policy), oracle(scene)
        said = decision.grant if isinstance(decision, Permit) else decision.rule
        assert said == expected
        rules[decision.rule] += 1
    assert len(scenes) == rules.total() >= 2_000
    assert rules.keys() <= {*RULES, "grant.covers"}
    assert rules.keys() >= {
        *("grant.covers", "certificate.share_type", "attribution.purpose", "grant.exists"),
        *("grant.revoked", "grant.validity", "grant.hours", "grant.item", "grant.division"),
        *("grant.network", "grant.fields"),
    }
    assert min(rules.values()) >= 5, rules  # no axis is there for show
