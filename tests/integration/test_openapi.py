# SPDX-License-Identifier: Apache-2.0
"""The running gateway keeps to the OpenAPI document that it serves, whatever it is asked (F-12).

Requests are generated from the schemas of the document itself: those that it allows, permitted
ones with other allowed members, those that break one of its bounds, and JSON that has nothing to
do with it. All are signed, so that they pass the door and meet the rooms behind it.
"""

import os
from typing import Any, Final

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fixtures.citizens import Citizen
from fixtures.world import World
from gateway.model.lookup import LookupAnswer, Problem
from tests.integration.wire import Answer, Draft, lookup_body, send, sign

EXAMPLES: Final = int(os.environ.get("YIZHENG_FUZZ_EXAMPLES", "150"))
TEXT: Final = st.text(st.characters(codec="utf-8"), max_size=80)
JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=8,
)
#: Words that mean something to the demo's site, so that requests come further than the first check.
KNOWN: Final = (
    "public_security.identity", "housing_fund.account", "name", "valid_to", "id_number", "balance",
    "yq-gjj-001", "yq-0417", "测试经办", "住房公积金提取", "YQ20261122-0001",
)  # fmt: skip
KINDS: Final = {"application/json": LookupAnswer, "application/problem+json": Problem}


@pytest.fixture(scope="module")
def contract(world: World) -> dict[str, Any]:
    answer = send(world, Draft("/openapi.json", {"Host": "a"}, method="GET"))
    assert (answer.status, answer.fields["content-type"]) == (200, "application/json")
    return answer.document


def fitting(schema: dict[str, Any], schemas: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that the schema allows."""
    match schema:
        case {"$ref": str(name)}:
            return fitting(schemas[name.rpartition("/")[2]], schemas)
        case {"anyOf": choices}:
            return st.one_of([fitting(one, schemas) for one in choices])
        case {"enum": values}:
            return st.sampled_from(values)
        case {"pattern": str(pattern)}:
            return st.from_regex(pattern, fullmatch=True)
        case {"type": "object", "properties": _}:
            return fitting_struct(schema, schemas)
        case _:
            return fitting_plain(schema, schemas)


def fitting_struct(schema: dict[str, Any], schemas: dict[str, Any]) -> st.SearchStrategy[Any]:
    members = {name: fitting(inner, schemas) for name, inner in schema["properties"].items()}
    required = {name: members.pop(name) for name in schema["required"]}
    return st.fixed_dictionaries(required, optional=members)


def fitting_plain(schema: dict[str, Any], schemas: dict[str, Any]) -> st.SearchStrategy[Any]:
    match schema["type"]:
        case "string":
            low, high = schema.get("minLength", 0), schema.get("maxLength", 80)
            known = st.sampled_from([word for word in KNOWN if low <= len(word) <= high])
            return known | st.text(st.characters(codec="utf-8"), min_size=low, max_size=high)
        case "integer":
            return st.integers(schema.get("minimum", -(2**63)), schema.get("maximum", 2**63 - 1))
        case "array":
            items = fitting(schema["items"], schemas)
            return st.lists(items, max_size=min(6, schema["maxItems"]))
        case "object":
            names = st.text(min_size=1, max_size=40)
            return st.dictionaries(names, fitting(schema["additionalProperties"], schemas))
        case kind:
            return {"boolean": st.booleans(), "null": st.none()}[kind]


@st.composite
def varied(draw: st.DrawFn, permitted: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """A permitted request of which up to three members are others that the schema allows."""
    whole: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(permitted))
    for _ in range(draw(st.integers(1, 3))):
        at, name = draw(
            st.sampled_from([(whole, "LookupRequest"), (whole["attribution"], "Attribution")])
        )
        members = {
            member: schema
            for member, schema in schemas[name]["properties"].items()
            if member not in {"holder", "attribution"}
        }
        member = draw(st.sampled_from(sorted(members)))
        at[member] = draw(fitting(members[member], schemas))
    return whole


@st.composite
def spoilt(draw: st.DrawFn, permitted: dict[str, Any]) -> dict[str, Any]:
    """A permitted request with one member, at any depth, put in or replaced by any JSON."""
    whole: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(permitted))
    at = draw(st.sampled_from([whole, whole["holder"], whole["attribution"]]))
    at[draw(st.sampled_from(sorted(at)) | TEXT)] = draw(JSON)
    return whole


def assert_declared(answer: Answer, contract: dict[str, Any]) -> None:
    """Status, type and body are those of the document."""
    declared = contract["paths"]["/v1/lookups"]["post"]["responses"]
    assert answer.status < 500, answer.document
    kind = answer.fields["content-type"]
    assert kind in declared[str(answer.status)]["content"]
    body = msgspec.json.decode(answer.body, type=KINDS[kind])
    assert msgspec.json.encode(body) == answer.body
    if isinstance(body, Problem):
        assert body.code in declared[str(answer.status)]["description"]


def test_whatever_is_asked_the_answer_is_a_declared_one(
    world: World, citizen: Citizen, contract: dict[str, Any]
) -> None:
    schemas = contract["components"]["schemas"]
    allowed = fitting(schemas["LookupRequest"], schemas)
    permitted = lookup_body(world, citizen.id_number)

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(allowed | varied(permitted, schemas) | spoilt(permitted) | JSON)
    def ask(asked: Any) -> None:
        assert_declared(send(world, sign(world, msgspec.json.encode(asked))), contract)

    ask()


def test_bytes_that_are_no_json_are_answered_as_declared(
    world: World, contract: dict[str, Any]
) -> None:
    @settings(max_examples=max(25, EXAMPLES // 10), deadline=None)
    @given(st.binary(max_size=200))
    def ask(body: bytes) -> None:
        assert_declared(send(world, sign(world, body)), contract)

    ask()


def test_a_permitted_request_is_answered_as_declared(
    world: World, citizen: Citizen, contract: dict[str, Any]
) -> None:
    answer = send(world, sign(world, msgspec.json.encode(lookup_body(world, citizen.id_number))))
    assert answer.status == 200
    assert_declared(answer, contract)
    declared = contract["paths"]["/v1/lookups"]["post"]["responses"]["200"]["headers"]
    assert {"Content-Digest", "Signature-Input", "Signature", "Audit-Receipt"} <= set(declared)


def test_every_public_page_is_there_and_of_its_declared_type(
    world: World, citizen: Citizen, contract: dict[str, Any]
) -> None:
    lookup = sign(world, msgspec.json.encode(lookup_body(world, citizen.id_number)))
    assert send(world, lookup).status == 200  # so that the log has a checkpoint
    for path, methods in contract["paths"].items():
        signed = {each["name"] for each in methods.get("get", {}).get("parameters", ())}
        if "get" not in methods or "{" in path or "Signature" in signed:
            continue
        answer = send(world, Draft(path, {"Host": "a"}, method="GET"))
        assert answer.status == 200, path
        kind = answer.fields["content-type"].partition(";")[0]
        assert kind in methods["get"]["responses"]["200"]["content"], path
        assert answer.fields["content-security-policy"].startswith("default-src 'none'")
