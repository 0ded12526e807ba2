# SPDX-License-Identifier: Apache-2.0
"""The interface as OpenAPI 3.1, made from the very types that read and write it.

1. Schemas come from `gateway.model.lookup`; statuses and codes from `gateway.errors`. Nothing that
   the code already says is said again here.
2. What OpenAPI cannot say (what is signed, byte by byte) stands in docs/reference/wire.md.
"""

import inspect
from typing import Any, Final

import msgspec

from gateway.errors import REFUSALS, Refusal
from gateway.exchange.reply import JSON, PROBLEM_JSON
from gateway.model.case import CaseAnswer, CaseClosing, CaseRegistration
from gateway.model.commitment import CommitmentAnswer, CommitmentRequest
from gateway.model.invalidation import Invalidated, Invalidation
from gateway.model.lookup import LookupAnswer, LookupRequest, Problem
from gateway.model.offer import Offered
from gateway.model.office_event import EventPage
from gateway.model.plan import MaterialsAnswer, MaterialsRequest
from gateway.model.published import PublishedItems, PublishedList
from gateway.model.receipt import Receipt
from gateway.web.log_pages import OCTETS
from gateway.web.openapi_cases import CASES
from gateway.web.openapi_orders import ORDER_SCHEMAS, ORDERS
from gateway.web.openapi_parameters import (
    AFTER,
    CASE,
    CODE,
    FORMS,
    INDEX,
    LEVEL,
    LIST,
    TILE,
    WAIT,
)
from gateway.web.openapi_supervision import TYPES, supervision_paths

_SCHEMA_PATH: Final = "#/components/schemas/"
# Of targets that are no operation of this document.
_ELSEWHERE: Final = frozenset({"PATH_UNKNOWN", "METHOD_UNSUPPORTED"})
_SIGNED_FIELDS: Final = {
    "Content-Digest": "RFC 9530; `sha-256` over the body.",
    "Signature-Input": "RFC 9421; one member with tag `yizheng-v1`.",
    "Signature": "RFC 9421.",
}
_REPLY_FIELDS: Final = {
    "Content-Digest": "RFC 9530; `sha-256` over the body.",
    "Signature-Input": "RFC 9421, tag `yizheng-v1-response`; absent when nobody was identified.",
    "Signature": "RFC 9421; absent when nobody was identified.",
    "Audit-Receipt": 'The entry that records this access: `log="<origin>", index=<n>`.',
    "RateLimit": 'What limits leave: `"agency";r=<requests>;t=<seconds>`; only where configured.',
    "RateLimit-Policy": '`"agency";q=<requests>;w=<seconds>`; only where a limit is configured.',
    "Retry-After": "Seconds, where known.",
}


#: Checks of who asks, in requests without content.
_WHO: Final = (
    "signature_input", "coverage", "authority", "key", "agency", "created", "digest", "signature",
    "x509", "rate", "nonce", "OVERLOADED",
)  # fmt: skip


def document() -> dict[str, Any]:
    """The whole document, as plain JSON values."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Yizheng Gateway 一证网关",
            "version": "1",
            "description": "Wire protocol v1. Requests and answers of /v1/ are signed (RFC 9421).",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": {
            "/v1/lookups": {"post": _lookup()},
            "/v1/invalidations": {"post": _invalidation()},
            **_on_record(),
            "/v1/certificates": {"get": _certificates()},
            "/v1/receipts/{index}": {"get": _receipt()},
            "/v1/events": {"get": _events()},
            "/log/checkpoint": {
                "get": _log_page("checkpoint", "Newest checkpoint 最新检查点", "text/plain")
            },
            "/log/tile/{level}/{index}": {
                "get": _log_page("tile", "Hashes of the log 日志哈希", OCTETS, LEVEL, TILE)
            },
            "/log/tile/entries/{index}": {"get": _bundle()},
            **supervision_paths(_case),
            **_catalog(),
            "/healthz": {"get": _page("healthz", "Liveness 存活", JSON)},
            "/readyz": {"get": _page("readyz", "Readiness 就绪", JSON, also=503)},
            "/metrics": {"get": _page("metrics", "Prometheus metrics 指标", "text/plain")},
            "/.well-known/jwks.json": {
                "get": _page("jwks", "Public keys 公钥 (RFC 7517)", "application/jwk-set+json")
            },
            "/openapi.json": {"get": _page("openapi", "This document 本文档", JSON)},
            "/docs": {"get": _page("docs", "This document for people 接口文档页", "text/html")},
        },
        "components": {"schemas": _schemas(), "headers": _headers()},
    }


def encode_document() -> bytes:
    """The document as it is served and kept in docs/reference/openapi.json."""
    return msgspec.json.format(msgspec.json.encode(document()), indent=1) + b"\n"


def _schemas() -> dict[str, Any]:
    _, found = msgspec.json.schema_components(
        (
            *(LookupRequest, LookupAnswer, Problem, Receipt, Invalidation, Invalidated),
            *(CaseRegistration, CaseClosing, CaseAnswer, Offered),
            *(CommitmentRequest, CommitmentAnswer),
            *(MaterialsRequest, MaterialsAnswer),
            *ORDER_SCHEMAS,
            *(PublishedItems, PublishedList),
            EventPage,
            *TYPES,
        ),
        ref_template=_SCHEMA_PATH + "{name}",
    )
    for schema in found.values():
        schema["description"] = inspect.cleandoc(schema["description"])
    return found


def _lookup() -> dict[str, Any]:
    sent = [row for row in REFUSALS.values() if row.check and row.code not in _ELSEWHERE]
    return {
        "operationId": "lookup",
        "summary": "One certificate of one holder 查询或核验一项证照",
        "parameters": [
            _field(text, name=name, required=True, **{"in": "header"})
            for name, text in _SIGNED_FIELDS.items()
        ],
        "requestBody": {"required": True, "content": _content(JSON, "LookupRequest")},
        "responses": {
            "200": {
                "description": "The answer, recorded.",
                "headers": _reply_headers(),
                "content": _content(JSON, "LookupAnswer"),
            },
            **_problems([*sent, REFUSALS["INTERNAL"]], headers=_reply_headers()),
        },
    }


def _invalidation() -> dict[str, Any]:
    asked = ("BODY_MALFORMED", "BODY_TOO_LARGE", "REQUEST_TIMEOUT", "CONTENT_TYPE_UNSUPPORTED",
             "HOLDER_INVALID", "CERTIFICATE_NOT_OF_DEPARTMENT")  # fmt: skip
    return {
        "operationId": "invalidate",
        "summary": "A holder's records have changed; for departments 部门通知：证照信息已变更",
        "parameters": [
            _field(text, name=name, required=True, **{"in": "header"})
            for name, text in _SIGNED_FIELDS.items()
        ],
        "requestBody": {"required": True, "content": _content(JSON, "Invalidation")},
        "responses": {
            "200": _done(_content(JSON, "Invalidated")),
            **_problems(
                _refusals(*(name for name in _WHO if name != "rate"), *asked),
                headers=_reply_headers(),
            ),
        },
    }


def _case(
    name: str,
    summary: str,
    *,
    body: str | None = None,
    about: tuple[str, ...] = ("ATTRIBUTION_PERSONAL", "CASE_ABSENT", "OFFICE_UNAVAILABLE"),
    further: tuple[str, ...] = (),
    answer: str = "CaseAnswer",
    content: dict[str, Any] | None = None,
    at: tuple[dict[str, Any], ...] = (CASE,),
    is_ticket: bool = False,
) -> dict[str, Any]:
    """A request about a case or a matter; without a body it covers its target alone."""
    signed = _signed_fields()
    about += further
    if body is not None:
        about += ("BODY_MALFORMED", "BODY_TOO_LARGE", "REQUEST_TIMEOUT", "CONTENT_TYPE_UNSUPPORTED")
        digest = _field(_SIGNED_FIELDS["Content-Digest"], name="Content-Digest", required=True)
        signed = [digest | {"in": "header"}, *signed]
    return {
        "operationId": name,
        "summary": summary,
        "parameters": [*at, *signed],
        **(
            {}
            if body is None
            else {"requestBody": {"required": True, "content": _content(JSON, body)}}
        ),
        "responses": {
            "200": _done(content or _content(JSON, answer)),
            **({"202": _done(_content(JSON, answer))} if is_ticket else {}),
            **_problems(_refusals(*_WHO, *about), headers=_reply_headers()),
        },
    }


def _on_record() -> dict[str, Any]:
    """What belongs to a case, and what is done later."""
    return {
        path: {method: _case(*named, **said) for method, (named, said) in methods.items()}
        for path, methods in {**CASES, **ORDERS}.items()
    }


def _certificates() -> dict[str, Any]:
    return {
        "operationId": "certificates",
        "summary": "Certificate types, and what the caller is granted 可查证照与本单位授权",
        "parameters": _signed_fields(),
        "responses": {
            "200": _done(_content(JSON, "Offered")),
            **_problems(_refusals(*_WHO), headers=_reply_headers()),
        },
    }


def _receipt() -> dict[str, Any]:
    return {
        "operationId": "receipt",
        "summary": "The record of an own access, with its proof 本单位一次用证的存证",
        "parameters": [INDEX, *_signed_fields()],
        "responses": {
            "200": _done(_content(JSON, "Receipt")),
            **_problems(_refusals(*_WHO, "RECORD_UNKNOWN"), headers=_reply_headers()),
        },
    }


def _events() -> dict[str, Any]:
    return {
        "operationId": "events",
        "summary": "Own events behind a cursor 本单位的事件",
        "parameters": [AFTER, WAIT, *_signed_fields()],
        "responses": {
            "200": _done(_content(JSON, "EventPage")),
            **_problems(_refusals(*_WHO, "OFFICE_UNAVAILABLE"), headers=_reply_headers()),
        },
    }


def _bundle() -> dict[str, Any]:
    return {
        "operationId": "entries",
        "summary": "Entries of the log, for auditors 日志条目（审计人员）",
        "parameters": [TILE, *_signed_fields()],
        "responses": {
            "200": _done({OCTETS: {}}),
            **_problems(
                _refusals(*_WHO, "AUDITOR_REFUSED", "RECORD_UNKNOWN"), headers=_reply_headers()
            ),
        },
    }


def _catalog() -> dict[str, Any]:
    """The public catalogue; no request of it is signed."""
    return {
        "/v1/items": {
            "get": _public("items", "Items in force 已公布事项（一证通办清单）", "PublishedItems")
        },
        "/v1/items/{code}": {
            "get": _public("item", "One item, with materials 事项与材料", "PublishedItem", CODE)
        },
        "/v1/lists/{name}": {
            "get": _public("list", "A published list 已公布清单", "PublishedList", LIST)
        },
        "/assets/catalog.css": {"get": _page("style", "Style of the pages 页面样式", "text/css")},
    }


def _public(name: str, summary: str, schema: str, *parameters: dict[str, Any]) -> dict[str, Any]:
    """A public document in several forms."""
    tag = {"ETag": _field("Of this form of the document.")}
    content = _content(JSON, schema) | {"text/csv": {}, "text/html": {}}
    refused = [row for row in REFUSALS.values() if row.check == "framing"]
    return {
        "operationId": name,
        "summary": summary,
        "parameters": [*parameters, *FORMS],
        "responses": {
            "200": {"description": "The document.", "headers": tag, "content": content},
            "304": {"description": "Unchanged.", "headers": tag, "content": {}},
            **_problems([*refused, REFUSALS["PATH_UNKNOWN"], REFUSALS["INTERNAL"]], headers={}),
        },
    }


def _signed_fields() -> list[dict[str, Any]]:
    """Fields of a signed request without content."""
    return [
        _field(text, name=name, required=True, **{"in": "header"})
        for name, text in _SIGNED_FIELDS.items()
        if name != "Content-Digest"
    ]


def _done(content: dict[str, Any]) -> dict[str, Any]:
    return {"description": "As asked; recorded.", "headers": _reply_headers(), "content": content}


def _log_page(
    name: str, summary: str, content_type: str, *parameters: dict[str, Any]
) -> dict[str, Any]:
    """A public part of the log."""
    page = _page(name, summary, content_type)
    page["responses"] |= _problems(_refusals(), headers={})
    return page | ({"parameters": list(parameters)} if parameters else {})


def _refusals(*further: str) -> list[Refusal]:
    """What may come of a read of the log: by check or by code."""
    asked = {"framing", "PATH_UNKNOWN", "AUDIT_UNAVAILABLE", "PROOF_INVALID", "INTERNAL", *further}
    return [row for row in REFUSALS.values() if {row.check, row.code} & asked]


def _page(name: str, summary: str, content_type: str, *, also: int | None = None) -> dict[str, Any]:
    """A public document; `also` is another status of the same form."""
    said = {"description": "The document.", "content": {content_type: {}}}
    refused = [row for row in REFUSALS.values() if row.check == "framing"]
    return {
        "operationId": name,
        "summary": summary,
        "responses": {
            **{str(status): said for status in (200, also) if status},
            **_problems([*refused, REFUSALS["INTERNAL"]], headers={}),
        },
    }


def _problems(refusals: list[Refusal], *, headers: dict[str, Any]) -> dict[str, Any]:
    """One response for each status, with the codes that share it."""
    found: dict[str, Any] = {}
    for status in sorted({row.status for row in refusals}):
        codes = [row.code for row in refusals if row.status == status]
        found[str(status)] = {
            "description": ", ".join(codes),
            **({"headers": headers} if headers else {}),
            "content": _content(PROBLEM_JSON, "Problem"),
        }
    return found


def _headers() -> dict[str, Any]:
    return {name: _field(text) for name, text in _REPLY_FIELDS.items()}


def _reply_headers() -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in _REPLY_FIELDS}


def _field(description: str, **members: Any) -> dict[str, Any]:
    return members | {"description": description, "schema": {"type": "string"}}


def _content(content_type: str, schema: str) -> dict[str, Any]:
    return {content_type: {"schema": {"$ref": _SCHEMA_PATH + schema}}}
