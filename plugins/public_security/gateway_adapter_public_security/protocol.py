# SPDX-License-Identifier: Apache-2.0
"""The register's service: JSON in a POST under the national platform's sign-in.

::

    POST /sysapi/population/identity     (or …/household)
    {"Method": "Query",
     "EndUser": {"UserDept", "UserId", "CallReason", "ItemCode", "CaseNo", "RequestId"},
     "Params": {"Condition": {"GMSFHM": "…"}, "RequiredItems": ["GMSFHM", "XM", …]}}

    {"code": "0", "message": "…", "data": {"total": 1, "result": [{"GMSFHM": "…", …}]}}

A person who is not in the register is `total` 0 with code 0; every other code is a failure, by the
provincial gateway's table (`gateway.sdk.kits.returncodes`).
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from gateway_adapter_public_security.household import HOUSEHOLD
from gateway_adapter_public_security.identity import IDENTITY

#: Where each certificate is asked for.
PATHS: Final[Mapping[str, str]] = {
    IDENTITY.name: "/sysapi/population/identity",
    HOUSEHOLD.name: "/sysapi/population/household",
}
HEALTH_PATH: Final = "/health"


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
