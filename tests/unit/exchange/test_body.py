# SPDX-License-Identifier: Apache-2.0
"""A body is read in one way or refused: no member twice (oracle: Python's own json)."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import RequestError
from gateway.exchange.body import parse_deferral, parse_lookup, parse_materials
from gateway.model.lookup import LookupRequest

HOLDER = {"scheme": "cn-id", "number": "140302190001010017"}
OPERATOR = {"id": "yq-0417", "name": "测试经办"}
ATTRIBUTION = {"item": "yq-gjj-001", "case": "YQ20261122-0001", "purpose": '提取: "a":1 \\'}
#: Text that looks like members.
TRICKY = st.text('":\\,{}[] au\n', max_size=8)
SPACE = st.text(" \t\r\n", max_size=2)

Pairs = list[tuple[str, Any]]


def lookup(claims: Pairs | None = None, **more: Any) -> Pairs:
    """A lookup as pairs at every level, so that a member can stand there twice."""
    attribution = [*ATTRIBUTION.items(), ("operator", list(OPERATOR.items()))]
    return [
        ("holder", list(HOLDER.items())),
        ("certificate", "a.b"),
        ("attribution", attribution),
        ("claims", claims or []),
        *more.items(),
    ]


def write(value: Any, space: str = "", *, escaped: bool = False) -> str:
    match value:
        case str() if escaped:
            return '"' + "".join(f"\\u{ord(c):04x}" for c in value) + '"'
        case list():
            members = (
                f"{write(name, escaped=escaped)}{space}:{space}{write(inner, space)}"
                for name, inner in value
            )
            return "{" + f"{space},{space}".join(members) + "}"
        case _:
            return json.dumps(value, ensure_ascii=False)


def objects(whole: Pairs) -> list[Pairs]:
    attribution = dict(whole)["attribution"]
    return [
        whole,
        dict(whole)["holder"],
        attribution,
        dict(attribution)["operator"],
        dict(whole)["claims"],
    ]


def repeats(body: str) -> bool:
    found = []

    def look(pairs: Pairs) -> dict[str, Any]:
        found.append(len(dict(pairs)) != len(pairs))
        return dict(pairs)

    json.loads(body, object_pairs_hook=look)
    return any(found)


@st.composite
def bodies(draw: st.DrawFn) -> str:
    names = st.sampled_from(["name", "holder", "operation", 'a"b', "a:b", "\\"]) | TRICKY
    values = TRICKY | st.integers(-(2**63), 2**63 - 1)
    claims = draw(st.lists(st.tuples(names.filter(bool), values), max_size=4))
    whole = lookup(claims, operation="verify", max_age_s=None)
    for at in draw(st.lists(st.sampled_from(objects(whole)), max_size=2)):
        if at:
            member = draw(st.sampled_from(at))
            at.insert(draw(st.integers(0, len(at))), member)
    return write(whole, draw(SPACE), escaped=draw(st.booleans()))


@given(bodies())
def test_exactly_the_bodies_that_repeat_a_member_are_refused(body: str) -> None:
    if repeats(body):
        with pytest.raises(RequestError, match="two members of the same name") as caught:
            parse_lookup(body.encode())
        assert caught.value.code == "BODY_MALFORMED"
    else:
        assert parse_lookup(body.encode()) == msgspec.json.decode(body, type=LookupRequest)


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("escaped", [False, True])
def test_a_member_of_any_object_is_refused_when_it_is_there_again(
    number: int, *, escaped: bool
) -> None:
    whole = lookup()
    body = write(whole)
    assert parse_lookup(body.encode()).certificate == "a.b"
    at = objects(whole)[number]
    name, value = at[0]
    first = write([(name, value)])[1:-1]
    again = write([(name, value)], escaped=escaped)[1:-1]
    assert first in body
    with pytest.raises(RequestError, match="BODY_MALFORMED"):
        parse_lookup(body.replace(first, f"{first},{again}", 1).encode())


def test_a_claim_that_is_made_twice_is_refused_even_if_both_say_the_same() -> None:
    body = write(lookup([("name", "测试甲"), ("name", "测试甲")], operation="verify"))
    with pytest.raises(RequestError, match="BODY_MALFORMED"):
        parse_lookup(body.encode())


def test_colons_and_quotes_inside_strings_are_no_members() -> None:
    body = write(lookup([('a":"b', '{"c":1}'), ("d\\", ':"')], operation="verify"))
    assert parse_lookup(body.encode()).claims == {'a":"b': '{"c":1}', "d\\": ':"'}


def with_claims(claims: dict[str, Any]) -> list[tuple[Callable[[bytes], Any], dict[str, Any]]]:
    """Every body that has claims."""
    attribution = ATTRIBUTION | {"operator": OPERATOR}
    asked = {"holder": HOLDER, "certificate": "a.b", "attribution": attribution, "claims": claims}
    materials = {"attribution": attribution, "claims": {"缴存证明": claims}}
    deferral = {"attribution": attribution, "promise": "0" * 64, "claims": claims}
    return [(parse_lookup, asked), (parse_materials, materials), (parse_deferral, deferral)]


@pytest.mark.parametrize("number", [-(2**63), 2**63 - 1])
def test_a_claim_may_be_any_number_of_64_bits(number: int) -> None:
    for parse, body in with_claims({"n": number}):
        parse(json.dumps(body).encode())


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 2**64, 10**30, -(10**30)])
def test_a_larger_number_is_refused_by_what_was_expected(number: int) -> None:
    bound = f"<= {2**63 - 1}" if number > 0 else f">= {-(2**63)}"
    for parse, body in with_claims({"n": number}):
        with pytest.raises(RequestError, match="BODY_MALFORMED") as caught:
            parse(json.dumps(body).encode())
        assert caught.value.detail.startswith(f"Expected `int` {bound} at $.claims[")
