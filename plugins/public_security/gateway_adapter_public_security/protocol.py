# SPDX-License-Identifier: Apache-2.0
"""The register's service: JSON in a POST under the national platform's sign-in.

::

    POST /sysapi/population/identity
    {"Method": "Query",
     "EndUser": {"UserDept", "UserId", "CallReason", "ItemCode", "CaseNo", "RequestId"},
     "Params": {"Condition": {"GMSFHM": "…"}, "RequiredItems": ["GMSFHM", "XM", …]}}

    {"code": "0", "message": "…", "data": {"total": 1, "result": [{"GMSFHM": "…", …}]}}

A person who is not in the register is `total` 0 with code 0; every other code is a failure.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from gateway.sdk import AdapterContractBroken, AdapterRefused, AdapterTimeout, AdapterUnavailable

IDENTITY_PATH: Final = "/sysapi/population/identity"
HEALTH_PATH: Final = "/health"

Failure = AdapterContractBroken | AdapterRefused | AdapterTimeout | AdapterUnavailable


class Condition(msgspec.Struct, frozen=True):
    """Who is asked about."""

    GMSFHM: str

    def __repr__(self) -> str:
        return "Condition(…)"


class Params(msgspec.Struct, frozen=True, rename="pascal"):
    """The question: the register returns `required_items` and no more."""

    condition: Condition
    required_items: tuple[str, ...]


class EndUser(msgspec.Struct, frozen=True, rename="pascal"):
    """Who asks and why, for the register's own log."""

    user_dept: str
    user_id: str
    call_reason: str
    item_code: str
    case_no: str
    request_id: str


class Request(msgspec.Struct, frozen=True, rename="pascal"):
    """One call."""

    end_user: EndUser
    params: Params
    method: str = "Query"


class Page(msgspec.Struct, frozen=True):
    """The records that were found."""

    total: int
    result: tuple[dict[str, str | None], ...] = ()

    def __repr__(self) -> str:
        return f"Page({self.total})"


class Reply(msgspec.Struct, frozen=True):
    """The answer to a call; `data` is there when `code` is 0."""

    code: str
    data: Page | None = None


class Health(msgspec.Struct, frozen=True):
    """The answer to `GET /health`."""

    status: str


#: Codes of provincial gateways that pass such calls on, by what they mean for us.
_REFUSED: Final = frozenset({"-2", "-4", "-5", "-19", "-20", "-21", "-22", "-45", "-49", "-51"})
_AWAY_S: Final[Mapping[str, int | None]] = {"-6": 60, "-50": 20, "12100": None}
_TOO_SLOW: Final = frozenset({"2010"})


def failure_of(code: str) -> Failure:
    """Return what a code other than 0 means; text that is no code is not repeated."""
    cause = f"code {code}" if re.fullmatch(r"-?[0-9]{1,6}", code) else "an unreadable code"
    if code in _REFUSED:
        return AdapterRefused(cause)
    if code in _AWAY_S:
        return AdapterUnavailable(cause, retry_after_s=_AWAY_S[code])
    kind: Callable[[str], Failure] = AdapterTimeout if code in _TOO_SLOW else AdapterContractBroken
    return kind(cause)
