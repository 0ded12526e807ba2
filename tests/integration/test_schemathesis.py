# SPDX-License-Identifier: Apache-2.0
"""An independent reader of the OpenAPI document, schemathesis, asks the running gateway (F-12).

It makes its requests from the document: such as it allows, such as it does not, methods that it
does not name, fields left out. Lookups are sent as they were made; signed, so that they pass the
door; and with members that name a person and an item, which a schema cannot know, so that they
come further. Answers are held against the document by its checks, not ours.
"""

import os
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import checks

from fixtures.citizens import Citizen
from fixtures.world import World
from gateway.web.openapi import encode_document
from tests.integration.wire import Draft, lookup_body, send, sign

#: Of lookups; the methods, fields and bounds that it tries in turn come on top.
EXAMPLES: Final = int(os.environ.get("YIZHENG_FUZZ_EXAMPLES", "100"))
LIMIT_S: Final = 60.0
LOOKUPS: Final = "/v1/lookups"
#: What a schema allows may still name nobody, or an item that is not published: a refusal is right.
NOT_PROMISED: Final = [checks.positive_data_acceptance]
#: Members that are replaced may mend what was meant to be refused.
MENDED: Final = [*NOT_PROMISED, checks.negative_data_rejection]
KNOWN: Final = (("holder",), ("holder", "certificate"), ("holder", "certificate", "attribution"))

DOCUMENT: Final = msgspec.json.decode(encode_document())
api = schemathesis.openapi.from_dict(DOCUMENT)


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False  # no proxy of whoever runs the tests
        yield session


def signed(world: World, request: requests.PreparedRequest) -> requests.PreparedRequest:
    content = request.body or b""
    if isinstance(content, str):
        content = content.encode()
    assert isinstance(content, bytes)
    parts = urlsplit(str(request.url))
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    again = request.copy()
    again.headers.update(sign(world, content, target=target).fields)
    return again


def ask(
    case: schemathesis.Case[Any],
    session: requests.Session,
    request: requests.PreparedRequest,
    *,
    without: list[Any] = NOT_PROMISED,
) -> requests.Response:
    answer = session.send(request, timeout=LIMIT_S, allow_redirects=False)
    case.validate_response(answer, excluded_checks=without)
    return answer


def test_the_document_that_is_read_here_is_the_one_that_is_served(world: World) -> None:
    answer = send(world, Draft("/openapi.json", {"Host": "a"}, method="GET"))
    assert answer.document == DOCUMENT


@pytest.mark.timeout(60 + EXAMPLES)
@api.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_one_of_the_document(
    case: schemathesis.Case[Any], world: World, session: requests.Session
) -> None:
    request = requests.Request(**case.as_transport_kwargs(world.url)).prepare()
    ask(case, session, request)
    if case.path != LOOKUPS:
        return
    ask(case, session, signed(world, request))
    if case.method == "POST" and isinstance(case.body, dict):
        permitted = lookup_body(world, world.citizen_with_account().id_number)
        for names in KNOWN:
            body = {**case.body, **{name: permitted[name] for name in names}}
            near = case.operation.Case(body=body, media_type="application/json")
            sent = requests.Request(**near.as_transport_kwargs(world.url)).prepare()
            ask(near, session, signed(world, sent), without=MENDED)


@pytest.mark.parametrize(
    ("outcome", "changes"),
    [
        ("found", {}),
        ("match", {"operation": "verify", "fields": (), "claims": {"name": True}}),
        ("mismatch", {"operation": "verify", "fields": (), "claims": {"name": "测试乙"}}),
    ],
)
def test_permitted_requests_are_answered_as_the_document_says(
    world: World,
    citizen: Citizen,
    session: requests.Session,
    outcome: str,
    changes: dict[str, Any],
) -> None:
    if outcome == "match":
        changes = changes | {"claims": {"name": citizen.name}}
    body = lookup_body(world, citizen.id_number, **changes)
    case = api[LOOKUPS]["POST"].Case(body=body, media_type="application/json")
    request = requests.Request(**case.as_transport_kwargs(world.url)).prepare()
    answer = ask(case, session, signed(world, request))
    assert (answer.status_code, answer.json()["outcome"]) == (200, outcome)
