# SPDX-License-Identifier: Apache-2.0
"""Parameters of the interface, for `gateway.web.openapi`."""

from collections.abc import Callable
from typing import Any, Final

#: Makes an operation: name, summary, body, its codes, its answer, parameters.
Operation = Callable[..., dict[str, Any]]

INDEX: Final = {
    "name": "index",
    "in": "path",
    "required": True,
    "description": "Of the record, as Audit-Receipt tells it.",
    "schema": {"type": "integer", "minimum": 0, "maximum": 999_999_999_999},
}
AFTER: Final = {
    "name": "after",
    "in": "query",
    "required": True,
    "description": "`next` of the page before; at first 0.",
    "schema": {"type": "integer", "minimum": 0, "maximum": 999_999_999_999},
}
WAIT: Final = {
    "name": "wait",
    "in": "query",
    "description": "Seconds to wait for an event where there is none; follows `after`.",
    "schema": {"type": "integer", "minimum": 0, "maximum": 99},
}
CASE: Final = {
    "name": "case",
    "in": "path",
    "required": True,
    "description": "The agency's number of the case; `/` in it is written %2F.",
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9._/-]{4,64}$"},
}
MATERIAL: Final = {
    "name": "material",
    "in": "path",
    "required": True,
    "description": "As the item names it, in UTF-8; all but A-Z a-z 0-9 - . _ ~ is escaped.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 200},
}
#: Codes of a commitment's content.
COMMITMENT_CONTENT: Final = (
    "CASE_UNKNOWN", "CASE_CLOSED", "CASE_HOLDER_MISMATCH", "ITEM_UNKNOWN",
    "COMMITMENT_NOT_ALLOWED", "COMMITMENT_TEXT_CHANGED", "COMMITMENT_EXCLUDED", "COMMITMENT_EXISTS",
)  # fmt: skip
#: Codes of a registration's content.
CASE_CONTENT: Final = (
    "CASE_MALFORMED", "HOLDER_INVALID", "ITEM_UNKNOWN", "OPERATOR_UNKNOWN", "OPERATOR_PLACEHOLDER",
    "CASE_CLOSED", "CASE_ITEM_FIXED", "CASE_HOLDER_MISMATCH", "MANDATE_OUT_OF_SCOPE",
    "MANDATE_EXPIRED",
)  # fmt: skip
#: Codes of a request for all materials of a case.
MATERIALS_CONTENT: Final = (
    "CASE_UNKNOWN", "CASE_CLOSED", "CASE_ITEM_MISMATCH", "ITEM_UNKNOWN", "SITUATION_UNKNOWN",
    "MATERIALS_TOO_MANY",
)  # fmt: skip
LEVEL: Final = {
    "name": "level",
    "in": "path",
    "required": True,
    "description": "Level of the tile.",
    "schema": {"type": "integer", "minimum": 0, "maximum": 63},
}
TILE: Final = {
    "name": "index",
    "in": "path",
    "required": True,
    "description": "Of the tile, in groups of three digits (`x001/234`); `.p/<width>` follows "
    "where it is partial (c2sp.org/tlog-tiles).",
    "schema": {"type": "string", "pattern": "^[0-9]{3}$"},
}


CODE: Final = {
    "name": "code",
    "in": "path",
    "required": True,
    "description": "Of the item.",
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"},
}
LIST: Final = {
    "name": "name",
    "in": "path",
    "required": True,
    "description": "Of the list.",
    "schema": {"type": "string", "enum": ["one-id-items", "materials", "intermediaries"]},
}
#: How a form of a public document is chosen.
FORMS: Final = (
    {
        "name": "format",
        "in": "query",
        "required": False,
        "description": "`json`, `csv` or `html`, before Accept; anything else counts for nothing.",
        "schema": {"type": "string"},
    },
    {
        "name": "lang",
        "in": "query",
        "required": False,
        "description": "`zh` or `en`, before Accept-Language; anything else counts for nothing.",
        "schema": {"type": "string"},
    },
    {
        "name": "If-None-Match",
        "in": "header",
        "required": False,
        "description": "RFC 9110; the ETag of what is kept.",
        "schema": {"type": "string"},
    },
)


def id_parameter(name: str, where: str, letter: str) -> dict[str, Any]:
    """The id of one of those with that letter: in the path, or as a cursor in the query."""
    return {
        "name": name,
        "in": where,
        **({"required": True} if where == "path" else {}),
        "description": "Its id." if where == "path" else "`next` of the page before.",
        "schema": {"type": "string", "pattern": f"^{letter}-2[0-9]{{3}}-[0-9]{{6,9}}$"},
    }


def state_parameter(*states: str) -> dict[str, Any]:
    """The query's `state`."""
    return {
        "name": "state",
        "in": "query",
        "description": "In that state only; follows `after`.",
        "schema": {"type": "string", "enum": list(states)},
    }
