# SPDX-License-Identifier: Apache-2.0
"""`GET /docs`: the OpenAPI document as one page of plain HTML.

No script, style, font or image: the page needs no network and keeps to the policy
`default-src 'none'` of every answer. Each text is escaped where it is put in.
"""

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from gateway.errors import REFUSALS


def render_page(document: Mapping[str, Any]) -> bytes:
    """Write the page: operations, schemas, problem codes."""
    info = document["info"]
    parts = [
        '<!doctype html><html lang="en"><meta charset="utf-8">',
        f"<title>{escape(info['title'])}</title><h1>{escape(info['title'])}</h1>",
        f"<p>{escape(info['description'])} <a href='/openapi.json'>openapi.json</a></p>",
        "<h2>Operations 接口</h2>",
        *(
            _operation(method, path, operation)
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
        ),
        "<h2>Schemas 数据结构</h2>",
        *(_schema(name, schema) for name, schema in document["components"]["schemas"].items()),
        "<h2>Problem codes 拒绝码</h2>",
        _codes(),
        "</html>\n",
    ]
    return "".join(parts).encode()


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    sent = operation.get("requestBody", {}).get("content", {})
    rows = [
        (f"{field['in']} {field['name']}", _kind(field["schema"]), field["description"])
        for field in operation.get("parameters", ())
    ]
    rows += [("body", _body(content), kind) for kind, content in sent.items()]
    rows += [
        (status, f"{kind} {_body(content)}", response["description"])
        for status, response in operation["responses"].items()
        for kind, content in response["content"].items()
    ]
    title = f"{method.upper()} {path}"
    return f"<h3>{escape(title)}</h3><p>{escape(operation['summary'])}</p>" + _table(
        ("part", "type", "meaning"), rows
    )


def _schema(name: str, schema: Mapping[str, Any]) -> str:
    required = schema.get("required", ())
    rows = [
        (member, _kind(value), "required" if member in required else "optional")
        for member, value in schema["properties"].items()
    ]
    return (
        f'<h3 id="{escape(name)}">{escape(name)}</h3><p>{escape(schema["description"])}</p>'
        + _table(("member", "type", ""), rows)
    )


def _codes() -> str:
    rows = [
        (
            row.code,
            str(row.status),
            f"{row.title.en} {row.title.zh}",
            f"{row.hint.en} {row.hint.zh}",
        )
        for row in REFUSALS.values()
    ]
    return _table(("code", "status", "meaning", "how to mend it"), rows)


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    titles = "".join(f'<th scope="col">{escape(title)}</th>' for title in head)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>"


def _body(content: Mapping[str, Any]) -> str:
    return _kind(content["schema"]) if "schema" in content else ""


def _kind(value: Mapping[str, Any]) -> str:
    """A schema in few words."""
    if "$ref" in value:
        return str(value["$ref"]).rpartition("/")[2]
    if "anyOf" in value:
        return " or ".join(_kind(one) for one in value["anyOf"])
    if "enum" in value:
        return " or ".join(str(one) for one in value["enum"])
    if value["type"] == "array":
        return f"array of {_kind(value['items'])}"
    if value["type"] == "object":
        return f"object of {_kind(value['additionalProperties'])}"
    return str(value["type"])
