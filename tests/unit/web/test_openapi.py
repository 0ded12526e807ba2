# SPDX-License-Identifier: Apache-2.0
"""The OpenAPI document is whole, and its page needs nothing but itself."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest

from gateway.errors import REFUSALS
from gateway.web.docspage import render_page
from gateway.web.openapi import document, encode_document


def walk(value: Any) -> Iterator[dict[str, Any]]:
    """Every object inside."""
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from walk(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from walk(inner)


def test_it_is_openapi_3_1_and_written_the_same_each_time() -> None:
    assert msgspec.json.decode(encode_document())["openapi"] == "3.1.0"
    assert encode_document() == encode_document()


def test_every_reference_resolves_and_every_component_is_used() -> None:
    whole = document()
    named = {found["$ref"] for found in walk(whole) if "$ref" in found}
    kept = {
        f"#/components/{kind}/{name}"
        for kind in whole["components"]
        for name in whole["components"][kind]
    }
    assert named == kept


def test_operations_have_names_of_their_own() -> None:
    paths = document()["paths"]
    names = [found["operationId"] for found in walk(paths) if "operationId" in found]
    assert len(names) == len(set(names)) == sum(map(len, paths.values()))


def test_every_refusal_of_a_request_stands_at_its_status() -> None:
    responses = document()["paths"]["/v1/lookups"]["post"]["responses"]
    for row in REFUSALS.values():
        if row.check and row.code not in {"PATH_UNKNOWN", "METHOD_UNSUPPORTED"}:
            assert row.code in responses[str(row.status)]["description"]


def test_requests_are_closed_and_bounded() -> None:
    schemas = document()["components"]["schemas"]
    for name in ("LookupRequest", "HolderReference", "Attribution", "OperatorReference"):
        assert schemas[name]["additionalProperties"] is False
        texts = [v for v in schemas[name]["properties"].values() if v.get("type") == "string"]
        assert all("maxLength" in text for text in texts)


class Tags(HTMLParser):
    """Remembers what the page is made of."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += f" {data}"


@pytest.fixture(scope="module")
def page() -> Tags:
    tags = Tags()
    tags.feed(render_page(document()).decode())
    return tags


def test_the_page_keeps_to_the_strict_policy_and_needs_no_network(page: Tags) -> None:
    assert not {"script", "style", "link", "img", "iframe", "form", "base"} & page.tags
    assert not {"style", "src", "action"} & {name for name, _ in page.attributes}
    assert [value for name, value in page.attributes if name == "href"] == ["/openapi.json"]


def test_the_page_names_every_operation_schema_and_code(page: Tags) -> None:
    whole = document()
    assert all(path in page.text for path in whole["paths"])
    assert all(name in page.text for name in whole["components"]["schemas"])
    assert all(re.search(rf"\b{code}\b", page.text) for code in REFUSALS)


def test_the_page_escapes_what_it_is_given() -> None:
    whole = document()
    whole["info"]["title"] = "<script>alert(1)</script>"
    whole["components"]["schemas"] = {
        "A": {"description": "<b>", "properties": {"<i>": {"type": "string"}}}
    }
    page = render_page(whole)
    assert b"<script" not in page
    assert b"<b>" not in page
    assert b"<i>" not in page
