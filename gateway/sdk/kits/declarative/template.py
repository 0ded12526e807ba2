# SPDX-License-Identifier: Apache-2.0
"""What a question is filled in with: `{number}` inside texts of a body, plain names for parameters.

================================  ===============================================================
`number`, `name`                  of the holder; `name` is empty where the caller gave none
`agency`, `operator`              who asks
`item`, `case`, `purpose`         why
`request_id`, `division`          for the department's own log, and where the question comes from
`claims.<field>`                  what the caller stated for a key field of the certificate
================================  ===============================================================
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from gateway.errors import SetupError
from gateway.sdk.adapter import Query

_PLACE: Final = re.compile(r"\{([^{}]*)\}")
_CLAIM: Final = "claims."
_NAMES: Final[Mapping[str, Callable[[Query], str]]] = {
    "number": lambda query: query.holder.number,
    "name": lambda query: query.holder.name or "",
    "agency": lambda query: query.agency,
    "operator": lambda query: query.operator,
    "item": lambda query: query.item,
    "case": lambda query: query.case,
    "purpose": lambda query: query.purpose,
    "request_id": lambda query: query.request_id,
    "division": lambda query: query.division or "",
}


def check_name(name: str, claims: frozenset[str], where: str) -> None:
    """Refuse a name that nothing could be filled in for.

    Raises:
        SetupError: lists what can be.
    """
    claimed = name.removeprefix(_CLAIM)
    if name not in _NAMES and (claimed == name or claimed not in claims):
        known = [*_NAMES, *(f"{_CLAIM}{claim}" for claim in sorted(claims))]
        raise SetupError(
            f"`{name}` is nothing that a question has",
            where=where,
            remedy=f"write one of {', '.join(known)}; a claim must be among `key_fields`.",
        )


def check_template(template: object, claims: frozenset[str], where: str) -> None:
    """Refuse a body with a place that nothing could be filled in for.

    Raises:
        SetupError: names the member and lists what can be.
    """
    match template:
        case dict():
            for key, value in template.items():
                check_template(value, claims, f"{where}.{key}")
        case list():
            for index, value in enumerate(template):
                check_template(value, claims, f"{where}[{index}]")
        case str():
            for name in _PLACE.findall(template):
                check_name(name, claims, where)
        case _:
            pass


def fill(template: Any, query: Query) -> Any:
    """The body with everything filled in; texts stay texts, whatever is filled in."""
    match template:
        case dict():
            return {key: fill(value, query) for key, value in template.items()}
        case list():
            return [fill(value, query) for value in template]
        case str():
            return _PLACE.sub(lambda place: str(value_of(place[1], query)), template)
        case _:
            return template


def value_of(name: str, query: Query) -> str:
    """What one name is filled in with."""
    if name.startswith(_CLAIM):
        value = query.claims.get(name.removeprefix(_CLAIM))
        return "" if value is None else str(value)
    return _NAMES[name](query)
